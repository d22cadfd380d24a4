package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/keyauth"
)

// TestOrders uses the API with keys of two workspaces, and with the scopes of the sample.
func TestOrders(t *testing.T) {
	s := modelstest.NewSQLite(t)
	text, err := os.ReadFile("scopes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := models.ParseScopeFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyScopes(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	gate, err := keyauth.Open(t.Context(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = gate.Close(context.Background()) }()
	acme, acmeID := newKey(t, s, "Acme", "orders.read", "orders.write")
	other, _ := newKey(t, s, "Globex", "orders.read")
	api := routes(gate)
	for _, tt := range []struct {
		name, method, path, key, body string
		status                        int
		want                          string
	}{
		{"no key needed", "GET", "/healthz", "", "", 204, ""},
		{"ready", "GET", "/readyz", "", "", 204, ""},
		{"no key", "GET", "/orders", "", "", 401, `"authentication_error"`},
		{"create", "POST", "/orders", acme, `{"item": "Tea"}`, 201, `{"id":"1","item":"Tea","created_by":"` + acmeID + `"}`},
		{"create without an item", "POST", "/orders", acme, `{}`, 422, "Send an object"},
		{"create without the scope", "POST", "/orders", other, `{"item": "Tea"}`, 403, `"forbidden"`},
		{"list", "GET", "/orders", acme, "", 200, `[{"id":"1","item":"Tea"`},
		{"show", "GET", "/orders/1", acme, "", 200, `{"id":"1","item":"Tea"`},
		{"list of another workspace", "GET", "/orders", other, "", 200, "[]"},
		{"show to another workspace", "GET", "/orders/1", other, "", 404, "Order not found."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request, response := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)), httptest.NewRecorder()
			if tt.key != "" {
				request.Header.Set("Authorization", "Bearer "+tt.key)
			}
			api.ServeHTTP(response, request)
			modelstest.Equal(t, "status", response.Code, tt.status)
			modelstest.Contains(t, "body", response.Body.String(), tt.want)
		})
	}
}

func newKey(t *testing.T, s *modelstest.Store, workspace string, scopes ...string) (key, id string) {
	t.Helper()
	w, _ := s.NewWorkspace(t, workspace, "ada@"+strings.ToLower(workspace)+".test")
	set, err := s.Scopes().ParseSet(scopes)
	if err != nil {
		t.Fatal(err)
	}
	row, secret, err := s.CreateAPIKey(t.Context(), w.ID, models.NewAPIKey{Name: "Shop", Scopes: set})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal(), row.ID
}

// TestRunServesUntilItIsStopped starts the program on a free port.
func TestRunServesUntilItIsStopped(t *testing.T) {
	s := modelstest.NewSQLite(t)
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.NotFoundHandler()) // to find a free port
	address := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- run(ctx, address, s.Store) }()
	for {
		response, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			_ = response.Body.Close()
			break
		}
		select {
		case err := <-stopped:
			t.Fatalf("run = %v before it was stopped", err)
		default:
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("run = %v, want nil", err)
	}
}
