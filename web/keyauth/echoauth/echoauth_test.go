package echoauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/echoauth"
)

// counts is a source that keeps the counts that it stores.
type counts struct {
	*models.Store
	mu   sync.Mutex
	rows []usage.Count
}

func (c *counts) AddUsage(ctx context.Context, counts usage.Counts) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = append(c.rows, counts.Rows...)
	return c.Store.AddUsage(ctx, counts)
}

func TestRequire(t *testing.T) {
	s := modelstest.NewSQLite(t)
	workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
	row, secret, err := s.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: "Shop", Scopes: scope.Of(scope.SeatsRead)})
	if err != nil {
		t.Fatal(err)
	}
	source := &counts{Store: s.Store}
	gate, err := keyauth.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	whose := func(c echo.Context) error {
		caller, _ := keyauth.CallerFrom(c.Request().Context())
		return c.String(http.StatusOK, caller.KeyID()+" "+c.Param("id"))
	}
	e.GET("/seats/:id", whose, echoauth.Require(gate, "seats.read"))
	e.GET("/members", whose, echoauth.Require(gate, "members.read"))
	e.GET("/teapot", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "short and stout") }, echoauth.Require(gate))
	tests := []struct {
		path, key string
		status    int
		body      string
	}{
		{"/seats/7", secret.Reveal(), http.StatusOK, row.ID + " 7"},
		{"/seats/7", "", http.StatusUnauthorized, `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}` + "\n"},
		{"/members", secret.Reveal(), http.StatusForbidden, `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}` + "\n"},
		{"/teapot", secret.Reveal(), http.StatusTeapot, `{"message":"short and stout"}` + "\n"},
	}
	for _, tt := range tests {
		request, response := httptest.NewRequest(http.MethodGet, tt.path, http.NoBody), httptest.NewRecorder()
		if tt.key != "" {
			request.Header.Set("Authorization", "Bearer "+tt.key)
		}
		e.ServeHTTP(response, request)
		modelstest.Equal(t, tt.path+": status", response.Code, tt.status)
		modelstest.Equal(t, tt.path+": body", response.Body.String(), tt.body)
	}
	if err := gate.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	routes := map[string]int{}
	for _, row := range source.rows {
		routes[row.Route] = row.StatusClass
	}
	modelstest.Equal(t, "routes", len(routes), 3)
	for route, class := range map[string]int{"GET /seats/:id": 2, "GET /members": 4, "GET /teapot": 4} {
		modelstest.Equal(t, "class of "+route, routes[route], class)
	}
}
