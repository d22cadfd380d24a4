// Package handlerstest starts the whole product on a clean database, for tests that come in
// through the front door.
package handlerstest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
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

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// JSON decodes the body into out.
func (a Answer) JSON(t testing.TB, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), out); err != nil {
		t.Fatalf("body is not JSON: %v\n%s", err, a.Body)
	}
}

// ErrorType is the type in the body's error, empty if there is none.
func (a Answer) ErrorType(t testing.TB) string {
	t.Helper()
	var body struct {
		Error struct{ Type string }
	}
	a.JSON(t, &body)
	return body.Error.Type
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

// Send sends request and reads the whole answer.
func Send(t testing.TB, client *http.Client, request *http.Request) Answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// Browser is a person's browser: it keeps cookies and says where a form comes from. It does
// not follow redirects.
type Browser struct {
	t      testing.TB
	server *Server
	Client *http.Client
}

// Browser opens a browser in which nobody is signed in.
func (s *Server) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, server: s, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// SignedIn opens a browser in which email is signed in, with modelstest.Password.
func (s *Server) SignedIn(t testing.TB, email string) *Browser {
	t.Helper()
	b := s.Browser(t)
	if in := b.Post("/login", url.Values{"email": {email}, "password": {modelstest.Password}}); in.Status != http.StatusSeeOther {
		t.Fatalf("sign in: %d\n%s", in.Status, in.Body)
	}
	return b
}

// Get asks for a page.
func (b *Browser) Get(path string) Answer {
	b.t.Helper()
	return Send(b.t, b.Client, b.server.Request(b.t, http.MethodGet, path, ""))
}

// Post sends a form as the pages of the server do.
func (b *Browser) Post(path string, form url.Values) Answer {
	b.t.Helper()
	request := b.server.Request(b.t, http.MethodPost, path, form.Encode())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.server.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return Send(b.t, b.Client, request)
}

// Log keeps what the server logs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Cookie is the one that the answer sets.
func (a Answer) Cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	response := http.Response{Header: a.Header}
	for _, cookie := range response.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	t.Fatalf("no cookie %s in %v", name, a.Header.Values("Set-Cookie"))
	return nil
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

// AnotherNode starts a second server on the same database.
func (s *Server) AnotherNode(t testing.TB) *Server {
	t.Helper()
	node := start(t, s.Another(t), "")
	node.Workspace, node.Admin = s.Workspace, s.Admin
	return node
}
