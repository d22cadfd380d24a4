package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
)

// TestAdminsAreToldOfAProxyThatIsNotTrusted checks that the list of keys names the setting once a
// private address has sent X-Forwarded-For, and not before.
func TestAdminsAreToldOfAProxyThatIsNotTrusted(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	const setting = "SKIPUP_TRUSTED_PROXIES"
	if page := b.Get(listPath); strings.Contains(page.Body, setting) {
		t.Error("the page names the setting before any proxy sent X-Forwarded-For")
	}
	forwarded := s.Request(t, http.MethodGet, "/healthz", "")
	forwarded.Header.Set("X-Forwarded-For", "203.0.113.7")
	handlerstest.Send(t, http.DefaultClient, forwarded)
	page := b.Get(listPath)
	for _, want := range []string{setting, "Requests from 127.0.0.1 include"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page doesn't contain %q", want)
		}
	}
}
