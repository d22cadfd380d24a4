package handlers_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
)

// TestAssets: every asset that a page names is there, under a name that changes with its
// content, to be kept for ever; no other file can be asked for.
func TestAssets(t *testing.T) {
	s := handlerstest.New(t)
	page := s.Browser(t).Get("/login")
	assets := regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page.Body, -1)
	if len(assets) < 3 {
		t.Fatalf("the page names only %v", assets)
	}
	hashed := regexp.MustCompile(`[.-][0-9A-Za-z]{8,}\.[a-z0-9]+$`)
	for _, found := range assets {
		asset := handlerstest.Send(t, http.DefaultClient, s.Request(t, http.MethodGet, found[1], ""))
		if asset.Status != http.StatusOK || !hashed.MatchString(found[1]) ||
			!strings.Contains(asset.Header.Get("Cache-Control"), "immutable") || asset.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d, %v", found[1], asset.Status, asset.Header)
		}
	}
	for _, path := range []string{"/static/", "/static/app.css", "/static/../static.go", "/static/%2e%2e/static.go", "/static//etc/passwd"} {
		asset := handlerstest.Send(t, s.Browser(t).Client, s.Request(t, http.MethodGet, path, ""))
		if asset.Status == http.StatusOK || strings.Contains(asset.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %s", path, asset.Status, asset.Header.Get("Cache-Control"))
		}
	}
}

// TestFirstVisit: before anybody has set it up, the sign-in page says what to do.
func TestFirstVisit(t *testing.T) {
	s := handlerstest.Empty(t, modelstest.NewSQLite(t))
	if page := s.Browser(t).Get("/login"); page.Status != http.StatusServiceUnavailable || !strings.Contains(page.Body, "setup link") {
		t.Errorf("%d", page.Status)
	}
}
