package handlers_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
)

// TestAssets checks that every asset that a page loads exists under a hashed name and may be cached
// forever, and that no other file is served.
func TestAssets(t *testing.T) {
	s := handlerstest.New(t)
	page := s.Browser(t).Get("/login")
	assets := regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page.Body, -1)
	if len(assets) < 3 {
		t.Fatalf("the page loads only %v", assets)
	}
	hashed := regexp.MustCompile(`[.-][0-9A-Za-z]{8,}\.[a-z0-9]+$`)
	for _, found := range assets {
		asset := handlerstest.Send(t, http.DefaultClient, s.Request(t, http.MethodGet, found[1], ""))
		if asset.Status != http.StatusOK {
			t.Errorf("%s: status = %d, want 200", found[1], asset.Status)
		}
		if !hashed.MatchString(found[1]) {
			t.Errorf("%s: name has no hash", found[1])
		}
		if got := asset.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control = %q, want immutable", found[1], got)
		}
		if asset.Header.Get("Content-Type") == "" {
			t.Errorf("%s: no Content-Type", found[1])
		}
	}
	for _, path := range []string{"/static/", "/static/app.css", "/static/../static.go", "/static/%2e%2e/static.go", "/static//etc/passwd"} {
		asset := handlerstest.Send(t, s.Browser(t).Client, s.Request(t, http.MethodGet, path, ""))
		if asset.Status == http.StatusOK {
			t.Errorf("%s: status = 200, want an error", path)
		}
		if got := asset.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control = %q, want it not to be immutable", path, got)
		}
	}
}

// TestSignInBeforeSetup checks that the sign-in page explains how to set up an empty installation.
func TestSignInBeforeSetup(t *testing.T) {
	s := handlerstest.Empty(t, modelstest.NewSQLite(t))
	page := s.Browser(t).Get("/login")
	if page.Status != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", page.Status)
	}
	if want := "setup link"; !strings.Contains(page.Body, want) {
		t.Errorf("page does not contain %q:\n%s", want, page.Body)
	}
}
