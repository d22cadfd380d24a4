// Package handlerstest starts the product on an empty database, for tests that use it over HTTP.
package handlerstest

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/keyauth"
)

// AdminEmail is the email of the admin of a Server's workspace. The password is
// modelstest.Password.
const AdminEmail = "ada@acme.test"

// Server is a running instance of the product, with one workspace and its admin.
type Server struct {
	*modelstest.Store
	URL       string
	Handler   http.Handler // for requests without a connection
	Log       *Log
	Workspace *models.Workspace
	Admin     *models.Member
	product   http.Handler // without the checks of Handler
	gate      *web.KeyGate
	stopGate  func()
	options   Options
	web       web.Options
}

// Options configure a Server.
type Options struct {
	PublicURL string         // URL of the Server if empty
	Limits    keyauth.Limits // none by default
	Metrics   *web.Metrics
	Proxies   []netip.Prefix // trusted; none by default
	Origins   []string       // of CORS; none by default
	Provider  *Provider      // of single sign-on; none by default
}

// Each runs test as a subtest for each database.
func Each(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) { test(t, On(t, store)) })
}

// New starts a Server on SQLite.
func New(t testing.TB) *Server {
	t.Helper()
	return On(t, modelstest.NewSQLite(t))
}

// On starts a Server on store and creates its workspace.
func On(t testing.TB, store *modelstest.Store) *Server {
	t.Helper()
	return With(t, store, Options{})
}

// With starts a Server on store with options and creates its workspace.
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
	url := "http://" + server.Listener.Addr().String()
	publicURL := cmp.Or(options.PublicURL, url)
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gate := web.NewKeyGate(store.Store, web.GateOptions{Log: logger, Limits: options.Limits, Metrics: options.Metrics})
	stopGate := run(t, gate)
	server.Config.MaxHeaderBytes = web.MaxHeader
	webOptions := web.Options{PublicURL: publicURL, Log: logger, TrustedProxies: options.Proxies, CORSOrigins: options.Origins}
	if options.Provider != nil {
		webOptions.SingleSignOn = options.Provider.client(publicURL)
	}
	product := handlers.New(store.Store, gate, webOptions)
	handler := withContract(t, product)
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	return &Server{Store: store, URL: url, Handler: handler, Log: log, product: product, gate: gate, stopGate: stopGate, options: options, web: webOptions}
}

// Serve also serves the product with web.Serve, as in production, and returns the address. Use it in
// tests of the connection itself.
func (s *Server) Serve(t testing.TB, connections web.Connections) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := web.Serve(ctx, listener, s.product, connections, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		serving.Wait()
	})
	return listener.Addr().String()
}

// Routes returns the routes of the product.
func (s *Server) Routes() []*echo.Route {
	return s.product.(interface{ Routes() []*echo.Route }).Routes()
}

// VerifyServer starts the server for reverse proxies that belongs to s, and returns its URL.
func (s *Server) VerifyServer(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(handlers.NewVerifyServer(s.Store.Store, s.gate, s.web))
	t.Cleanup(server.Close)
	return server.URL
}

// run runs gate until the end of the test or a call of stop, and returns once the gate is ready.
func run(t testing.TB, gate *web.KeyGate) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { gate.Run(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	for !gate.Ready() {
		time.Sleep(time.Millisecond)
	}
	return stop
}

// Dump returns every row of the database. It first stops the gate, which would store usage between two calls.
// The Server keeps serving requests, but it verifies each key in the database and stores no usage.
func (s *Server) Dump(t testing.TB) string {
	t.Helper()
	s.stopGate()
	return s.Store.Dump(t)
}

// Flush stores the usage counted so far. Otherwise the gate stores it once a second.
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

// WithOrigins starts another node that lets pages of the given origins call the API.
func (s *Server) WithOrigins(t testing.TB, origins ...string) *Server {
	t.Helper()
	options := s.options
	options.Origins = origins
	node := start(t, s.Another(t), options)
	node.Workspace, node.Admin = s.Workspace, s.Admin
	return node
}

// Key creates an API key in the workspace and returns the key itself.
func (s *Server) Key(t testing.TB, scopes ...scope.Scope) string {
	t.Helper()
	return s.KeyOf(t, s.Workspace.ID, scopes...)
}

// KeyOf creates an API key in the given workspace and returns the key itself.
func (s *Server) KeyOf(t testing.TB, workspaceID string, scopes ...scope.Scope) string {
	t.Helper()
	_, secret, err := s.CreateAPIKey(context.Background(), workspaceID, models.NewAPIKey{Name: "Test key", Scopes: scope.Of(scopes...)})
	if err != nil {
		t.Fatalf("create API key: %v", err)
	}
	return secret.Reveal()
}

// NamedKey creates an API key without scopes in the given workspace.
func (s *Server) NamedKey(t testing.TB, workspaceID, name string) *models.APIKey {
	t.Helper()
	key, _, err := s.CreateAPIKey(context.Background(), workspaceID, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatalf("create API key: %v", err)
	}
	return key
}

// ApplyScopesFile applies a file of custom scopes.
func (s *Server) ApplyScopesFile(t testing.TB, text string) {
	t.Helper()
	file, err := models.ParseScopeFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyScopes(t.Context(), file); err != nil {
		t.Fatal(err)
	}
}

// Call sends a request to the API. If key is not empty, it authenticates the request.
func (s *Server) Call(t testing.TB, key, method, path, body string) Response {
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

// Want sends a request like Call and fails the test unless the response has the given status.
func (s *Server) Want(t testing.TB, status int, key, method, path, body string) Response {
	t.Helper()
	response := s.Call(t, key, method, path, body)
	if response.Status != status {
		t.Fatalf("%s %s: status = %d, want %d\n%s", method, path, response.Status, status, response.Body)
	}
	return response
}

// Ready requests the readiness of the server.
func (s *Server) Ready(t testing.TB) Response {
	t.Helper()
	return Send(t, http.DefaultClient, s.Request(t, http.MethodGet, "/readyz", ""))
}

func (s *Server) workspace() path.Workspace {
	if s.Workspace == nil {
		return ""
	}
	return path.Workspace(s.Workspace.ID)
}

// Request returns a request for a path of the server. The path of a page in the workspace need not name it.
func (s *Server) Request(t testing.TB, method, page, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(method, s.URL+in(s.workspace(), page), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return request
}
