// Package handlerstest starts the whole product on a clean database, for tests that come in
// through the front door.
package handlerstest

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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
	Handler   http.Handler // what answers there
	Log       *Log
	Workspace *models.Workspace
	Admin     *models.Member
	gate      *web.KeyGate
	options   Options
}

// Options are what a Server may have otherwise than by default.
type Options struct {
	PublicURL string     // the address that the test calls if empty
	Limits    web.Limits // none if empty
	Metrics   *web.Metrics
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
	return With(t, store, Options{})
}

// With is On, with options.
func With(t testing.TB, store *modelstest.Store, options Options) *Server {
	t.Helper()
	s := start(t, store, options)
	s.Workspace, s.Admin = store.NewWorkspace(t, "Acme", AdminEmail)
	return s
}

// Empty starts a Server on store without a workspace.
func Empty(t testing.TB, store *modelstest.Store) *Server {
	t.Helper()
	return start(t, store, Options{})
}

func start(t testing.TB, store *modelstest.Store, options Options) *Server {
	t.Helper()
	log := &Log{}
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	publicURL := cmp.Or(options.PublicURL, address)
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gate := web.NewKeyGate(store.Store, web.GateOptions{Log: logger, Limits: options.Limits, Metrics: options.Metrics})
	run(t, gate)
	server.Config.MaxHeaderBytes = web.MaxHeader
	handler := underContract(t, handlers.New(store.Store, gate, web.Options{PublicURL: publicURL, Log: logger}))
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	return &Server{Store: store, URL: address, Handler: handler, Log: log, gate: gate, options: options}
}

// run has gate run until the test is over, and returns when it is informed of changes.
func run(t testing.TB, gate *web.KeyGate) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { gate.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); !gate.Ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the gate does not get ready")
		}
	}
}

// Flush stores the usage that was counted so far, which happens by itself every second.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	s.gate.Flush(t.Context())
}

// AnotherNode starts a second server on the same database.
func (s *Server) AnotherNode(t testing.TB) *Server {
	t.Helper()
	node := start(t, s.Another(t), s.options)
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

// Want is Call, and fails the test unless the answer has the status.
func (s *Server) Want(t testing.TB, status int, key, method, path, body string) Answer {
	t.Helper()
	answer := s.Call(t, key, method, path, body)
	if answer.Status != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, answer.Status, answer.Body, status)
	}
	return answer
}

// Ready asks the server whether it is ready.
func (s *Server) Ready(t testing.TB) Answer {
	t.Helper()
	return Send(t, http.DefaultClient, s.Request(t, http.MethodGet, "/readyz", ""))
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
