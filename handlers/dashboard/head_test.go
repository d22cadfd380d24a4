package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
)

// TestPagesTakeHEAD checks that HEAD returns the same as GET without a body.
func TestPagesTakeHEAD(t *testing.T) {
	s := handlerstest.New(t)
	for path, status := range map[string]int{"/login": 200, "/docs": 200, listPath: 303, "/nothing": 404} {
		var client http.Client
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		get := handlerstest.Send(t, &client, s.Request(t, http.MethodGet, path, ""))
		head := handlerstest.Send(t, &client, s.Request(t, http.MethodHead, path, ""))
		if get.Status != status {
			t.Errorf("GET %s: status = %d, want %d", path, get.Status, status)
		}
		if head.Status != status {
			t.Errorf("HEAD %s: status = %d, want %d", path, head.Status, status)
		}
		if got, want := head.Header.Get("Content-Type"), get.Header.Get("Content-Type"); got != want {
			t.Errorf("HEAD %s: Content-Type = %q, want %q", path, got, want)
		}
		if head.Body != "" {
			t.Errorf("HEAD %s: body = %q, want none", path, head.Body)
		}
	}
	rejected := handlerstest.Send(t, http.DefaultClient, s.Request(t, http.MethodPut, "/login", ""))
	if got := rejected.Header.Get("Allow"); !strings.Contains(got, "HEAD") {
		t.Errorf("PUT /login: Allow = %q, want it to contain HEAD", got)
	}
}
