package nodes_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
)

// TestMiddlewareWithEverySource checks that a service behaves the same whether its keys come from SQLite,
// PostgreSQL, or a server over HTTP.
func TestMiddlewareWithEverySource(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		setLease(t, s, time.Minute)
		t.Run("database", func(t *testing.T) { testMiddleware(t, s, s.Another(t).Store) })
		t.Run("server", func(t *testing.T) {
			source, err := remote.New(s.URL, credential(t, s, "orders", ""), remote.Options{})
			if err != nil {
				t.Fatal(err)
			}
			testMiddleware(t, s, source)
		})
	})
}

// protected is a service with one route behind the middleware.
type protected struct {
	*testing.T
	http.Handler
}

// want sends a request with a key and checks the status and the body or the challenge of the response.
func (p protected) want(when, key string, status int, text string) {
	p.Helper()
	request, response := httptest.NewRequest(http.MethodGet, "/orders/1", nil), httptest.NewRecorder()
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	p.ServeHTTP(response, request)
	modelstest.Equal(p, when+": status", response.Code, status)
	modelstest.Contains(p, when+": response", response.Body.String()+response.Header().Get("WWW-Authenticate"), text)
}

func testMiddleware(t *testing.T, s *handlerstest.Server, source keyauth.Source) {
	gate, err := keyauth.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", gate.Require("seats.read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := keyauth.CallerFrom(r.Context())
		_, _ = fmt.Fprint(w, caller.KeyID(), caller.WorkspaceID(), caller.Scopes(), r.PathValue("id"))
	})))
	p, reader := protected{t, mux}, scope.Of(scope.SeatsRead)

	key, text := newKey(t, s, models.NewAPIKey{Scopes: reader})
	served := key.ID + s.Workspace.ID + "[seats.read]1"
	p.want("valid key", text, http.StatusOK, served)
	p.want("valid key in memory", text, http.StatusOK, served)
	p.want("no key", "", http.StatusUnauthorized, `Bearer realm="SkipUp API"`)
	p.want("unknown key", token.New(token.Live).Reveal(), http.StatusUnauthorized, `error="invalid_token"`)
	_, limited := newKey(t, s, models.NewAPIKey{Scopes: reader, RateLimit: 1})
	p.want("first request in a minute", limited, http.StatusOK, "1")
	p.want("second request in a minute", limited, http.StatusTooManyRequests, "rate_limited")

	ctx := t.Context()
	change := func(_ *models.APIKey, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	change(s.ChangeAPIKeyAccess(ctx, s.Workspace.ID, key.ID, key.Access(), models.KeyAccess{}))
	p.want("key without the scope", text, http.StatusForbidden, `error="insufficient_scope", scope="seats.read"`)
	change(s.ChangeAPIKeyAccess(ctx, s.Workspace.ID, key.ID, models.KeyAccess{}, models.KeyAccess{Scopes: reader}))
	p.want("key with the scope again", text, http.StatusOK, served)
	change(s.PauseAPIKey(ctx, s.Workspace.ID, key.ID, s.Now().Add(time.Hour).Truncate(time.Second)))
	p.want("paused key", text, http.StatusUnauthorized, "authentication_error")
	change(s.ResumeAPIKey(ctx, s.Workspace.ID, key.ID))
	p.want("resumed key", text, http.StatusOK, served)
	deleteKey(t, s, key)
	p.want("deleted key", text, http.StatusUnauthorized, "authentication_error")

	if err := gate.Close(context.Background()); err != nil {
		t.Error(err)
	}
	counts, err := s.Usage(ctx, s.Workspace.ID, key.ID, usage.Hourly, s.Now().Add(-2*time.Hour), s.Now().Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, c := range counts {
		got[fmt.Sprintf("%s [%s] %dxx %s", c.Route, c.Scope, c.StatusClass, c.Rejection)] += c.Requests
	}
	modelstest.Equal(t, "counted requests", got, map[string]int64{
		"GET /orders/{id} [seats.read] 2xx ": 4, "GET /orders/{id} [seats.read] 4xx " + string(usage.RejectedScope): 1,
		"GET /orders/{id} [seats.read] 4xx " + string(usage.RejectedPaused): 1, "GET /orders/{id} [seats.read] 4xx " + string(usage.RejectedDeleted): 1,
	})
}
