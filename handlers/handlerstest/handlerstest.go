// Package handlerstest starts the whole product on a clean database, for tests that come in
// through the front door.
package handlerstest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web"
)

// AdminEmail signs in to the workspace of a Server, with modelstest.Password.
const AdminEmail = "ada@acme.test"

// Server is the product at a loopback address, with one workspace and its admin.
type Server struct {
	*modelstest.Store
	URL       string
	Log       *Log
	Workspace *models.Workspace
	Admin     *models.Member
}

// Each runs test on a Server over each database.
func Each(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) { test(t, On(t, store)) })
}

// New starts a Server on SQLite.
func New(t testing.TB) *Server {
	t.Helper()
	return On(t, modelstest.NewSQLite(t))
}

// On starts a Server on store and makes its workspace.
func On(t testing.TB, store *modelstest.Store) *Server {
	t.Helper()
	return OnPublicURL(t, store, "")
}

// OnPublicURL is On, with another address in public than the one that the test calls.
func OnPublicURL(t testing.TB, store *modelstest.Store, publicURL string) *Server {
	t.Helper()
	s := start(t, store, publicURL)
	s.Workspace, s.Admin = store.NewWorkspace(t, "Acme", AdminEmail)
	return s
}

// Empty starts a Server on store without a workspace.
func Empty(t testing.TB, store *modelstest.Store) *Server {
	t.Helper()
	return start(t, store, "")
}

func start(t testing.TB, store *modelstest.Store, publicURL string) *Server {
	t.Helper()
	log := &Log{}
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	if publicURL == "" {
		publicURL = address
	}
	server.Config.MaxHeaderBytes = web.MaxHeader
	server.Config.Handler = handlers.New(store.Store, web.Options{
		PublicURL: publicURL,
		Log:       slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	server.Start()
	t.Cleanup(server.Close)
	return &Server{Store: store, URL: address, Log: log}
}

// AnotherNode starts a second server on the same database.
func (s *Server) AnotherNode(t testing.TB) *Server {
	t.Helper()
	node := start(t, s.Another(t), "")
	node.Workspace, node.Admin = s.Workspace, s.Admin
	return node
}

// Key makes a key of the workspace with the scopes and returns its text.
func (s *Server) Key(t testing.TB, scopes ...scope.Scope) string {
	t.Helper()
	return s.KeyOf(t, s.Workspace.ID, scopes...)
}

// KeyOf makes a key of a workspace with the scopes and returns its text.
func (s *Server) KeyOf(t testing.TB, workspaceID string, scopes ...scope.Scope) string {
	t.Helper()
	_, secret, err := s.CreateAPIKey(context.Background(), workspaceID, models.NewAPIKey{Name: "Test key", Scopes: scope.Of(scopes...)})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return secret.Reveal()
}

// NamedKey makes a key of a workspace and returns its row.
func (s *Server) NamedKey(t testing.TB, workspaceID, name string) *models.APIKey {
	t.Helper()
	key, _, err := s.CreateAPIKey(context.Background(), workspaceID, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return key
}

// Call sends a request to the API with a key; empty for none.
func (s *Server) Call(t testing.TB, key, method, path, body string) Answer {
	t.Helper()
	request := s.Request(t, method, "/api/v1"+path, body)
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return Send(t, http.DefaultClient, request)
}

// Request makes a request to a path of the server.
func (s *Server) Request(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return request
}
