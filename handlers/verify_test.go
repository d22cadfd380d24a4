package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web"
)

// ask sends the request that a proxy sends about a request with a key, with pairs of header names and
// values.
func ask(t *testing.T, s *handlerstest.Server, key, query string, headers ...string) handlerstest.Response {
	t.Helper()
	request := s.Request(t, http.MethodGet, web.VerifyPath+query, "")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return handlerstest.Send(t, http.DefaultClient, request)
}

// identity are the headers that name the key.
var identity = []string{"SkipUp-Key-Id", "SkipUp-Workspace-Id", "SkipUp-Scopes", "SkipUp-Mode"}

func TestProxyIsToldWhoseKeyItIs(t *testing.T) {
	s := handlerstest.New(t)
	key, secret, err := s.CreateAPIKey(context.Background(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead)})
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "?scope=seats.read", "?scope=seats.read&scope=members.read", "?route=GET+/x&scope=members.read"} {
		t.Run(query, func(t *testing.T) {
			response := ask(t, s, secret.Reveal(), query, "SkipUp-Key-Id", "key_spoofed", "SkipUp-Workspace-Id", "ws_spoofed", "SkipUp-Scopes", "everything", "SkipUp-Mode", "spoofed")
			response.Want(t, http.StatusNoContent)
			for i, want := range []string{key.ID, s.Workspace.ID, "members.read seats.read", "live"} {
				if got := response.Header.Values(identity[i]); !slices.Equal(got, []string{want}) {
					t.Errorf("%s = %q, want %q", identity[i], got, want)
				}
			}
		})
	}
}

// A rejection may reach a browser, unlike the response to a request that the proxy passes on.
func TestProxyGetsHeadersForBrowsersOnlyWithRejections(t *testing.T) {
	s := handlerstest.New(t)
	accepted, rejected := ask(t, s, s.Key(t), ""), ask(t, s, "", "")
	accepted.Want(t, http.StatusNoContent)
	rejected.Want(t, http.StatusUnauthorized)
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
		accepted.WantHeader(t, name, "")
		rejected.WantHeader(t, name, want)
	}
	accepted.WantHeader(t, "Cache-Control", "no-store")
}

func TestProxyIsToldOfTestKeys(t *testing.T) {
	s := handlerstest.New(t)
	s.ApplyScopesFile(t, "key_prefix: acme\nresources: []")
	workspace, _, err := s.CreateWorkspace(t.Context(), models.NewWorkspace{
		Name: "Acme (test)", Mode: token.Test, AdminEmail: "tess@acme.test", AdminName: "Tess", Password: "a long enough passphrase",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := s.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		t.Fatal(err)
	}
	response := ask(t, s, secret.Reveal(), "", "SkipUp-Mode", "live")
	response.Want(t, http.StatusNoContent)
	response.WantHeader(t, "SkipUp-Mode", "test")
}

// Documentation for people who have chosen a prefix shows no key with another one.
func TestDocumentationHasThePrefixOfNewKeys(t *testing.T) {
	s := handlerstest.New(t)
	s.ApplyScopesFile(t, "key_prefix: acme\nresources: []")
	for _, path := range []string{"/docs", "/api/v1/openapi.json", "/api/v1/openapi.yaml"} {
		response := handlerstest.Send(t, http.DefaultClient, s.Request(t, http.MethodGet, path, ""))
		response.Want(t, http.StatusOK, "acme_live_")
		response.WantWithout(t, "sk_live_", "sk_test_")
	}
}

func TestProxyIsToldToReject(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.SeatsRead)
	const denied = `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}` + "\n"
	const unauthorized = `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}` + "\n"
	tests := []struct {
		name, key, query string
		status           int
		body, challenge  string
	}{
		{"no key", "", "?scope=seats.read", http.StatusUnauthorized, unauthorized, `Bearer realm="SkipUp API"`},
		{"unknown key", token.New(token.Live).Reveal(), "?scope=seats.read", http.StatusUnauthorized, unauthorized, `Bearer realm="SkipUp API", error="invalid_token"`},
		{"scope", key, "?scope=seats.write", http.StatusForbidden, denied, `Bearer realm="SkipUp API", error="insufficient_scope", scope="seats.write"`},
		{"one of two scopes", key, "?scope=seats.read&scope=members.read", http.StatusForbidden, denied, `Bearer realm="SkipUp API", error="insufficient_scope", scope="members.read"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := ask(t, s, tt.key, tt.query, "SkipUp-Key-Id", "key_spoofed")
			response.Want(t, tt.status)
			if response.Body != tt.body {
				t.Errorf("body = %s, want %s", response.Body, tt.body)
			}
			response.WantHeader(t, "WWW-Authenticate", tt.challenge)
			for _, name := range identity {
				response.WantHeader(t, name, "")
			}
		})
	}
}

func TestProxyRejectsDeletedKeyAtOnce(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(context.Background(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		node := s.AnotherNode(t)
		for _, n := range []*handlerstest.Server{s, node} {
			ask(t, n, secret.Reveal(), "").Want(t, http.StatusNoContent)
		}
		if _, err := s.DeleteAPIKey(context.Background(), s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		for _, n := range []*handlerstest.Server{s, node} {
			ask(t, n, secret.Reveal(), "").Want(t, http.StatusUnauthorized)
		}
	})
}

// A mistake in the configuration of a proxy must never let a request through, whatever the key.
func TestWrongProxyConfigurationIsAnError(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	tests := []struct{ name, query, log string }{
		{"unknown scope", "?scope=seats.raed", "seats.raed"},
		{"unknown scope beside a known one", "?scope=seats.read&scope=orders.read", "orders.read"},
		{"empty scope", "?scope=", `\"\"`},
		{"two scopes in one parameter", "?scope=seats.read,members.read", "seats.read,members.read"},
		{"unknown parameter", "?scopes=seats.read", "scopes"},
		{"repeated route", "?route=a&route=b", "route is repeated"},
		{"empty route", "?route=", "route must have"},
		{"long route", "?route=" + strings.Repeat("a", 201), "route must have"},
		{"control character in the route", "?route=a%00b", "route must have"},
		{"malformed route", "?route=%ff", "route must have"},
		{"malformed query", "?scope=%zz", "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, key := range []string{key, ""} {
				before := len(s.Log.String())
				ask(t, s, key, tt.query).Want(t, http.StatusInternalServerError)
				if log := s.Log.String()[before:]; !strings.Contains(log, "check how the proxy calls /verify") || !strings.Contains(log, tt.log) {
					t.Errorf("log = %s, want the mistake: %s", log, tt.log)
				}
			}
		})
	}
}

func TestRequestsThroughProxyAreCounted(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.CreateAPIKey(context.Background(), s.Workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead)})
		if err != nil {
			t.Fatal(err)
		}
		text := secret.Reveal()
		ask(t, s, text, "?scope=seats.read&scope=members.read", "X-Forwarded-Method", "DELETE", "X-Forwarded-Uri", "/orders/1234?token=secret", "User-Agent", "shop/1")
		ask(t, s, text, "?scope=seats.read&route=GET+/carts/:id", "X-Forwarded-Uri", "/ignored")
		ask(t, s, text, "?uri=/carts/42/items?a=1&scope=seats.write")
		ask(t, s, text, "")
		ask(t, s, text, "?scope=seats.write", "X-Forwarded-Uri", "/orders/1234")
		s.Flush(t)
		report, err := s.UsageReport(context.Background(), s.Workspace.ID, key.ID, usage.LastHours(s.Clock.Now(), 24))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, route := range report.Routes {
			got[route.Name+" "+route.Scope] = route.Requests
		}
		want := map[string]int64{
			"DELETE /orders/:id seats.read members.read": 1, "GET /carts/:id seats.read": 1, "GET /carts/:id/items ": 1, "other ": 1, "GET /orders/:id seats.write": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("routes (-want +got):\n%s", diff)
		}
		uses, err := s.ScopeUses(context.Background(), s.Workspace.ID, key.ID, s.Clock.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if uses.Accepted != 4 {
			t.Errorf("accepted = %d, want 4", uses.Accepted)
		}
		for i, want := range []int64{1, 2} {
			if got := uses.Scopes[i]; got.Requests != want || got.LastUsedAt == nil {
				t.Errorf("%s: %d requests, last at %v, want %d", got.Name, got.Requests, got.LastUsedAt, want)
			}
		}
		row, err := s.APIKey(context.Background(), s.Workspace.ID, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if row.NeededScopes != row.Scopes {
			t.Errorf("needed scopes = %v, want %v", row.NeededScopes, row.Scopes)
		}
	})
}

func TestVerifyServerServesNothingElse(t *testing.T) {
	s := handlerstest.New(t)
	verify := s.VerifyServer(t)
	key := s.Key(t)
	for path, want := range map[string]int{"/verify": http.StatusNoContent, "/": http.StatusNotFound, "/login": http.StatusNotFound, "/api/v1/me": http.StatusNotFound, "/verify/more": http.StatusNotFound} {
		address, err := url.JoinPath(verify, path)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		response := handlerstest.Send(t, http.DefaultClient, request)
		response.Want(t, want)
		if want == http.StatusNotFound {
			response.Want(t, want, `"type":"not_found"`)
		}
	}
}
