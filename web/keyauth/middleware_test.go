package keyauth_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// service is an API of someone else, with a gate on a database.
type service struct {
	*modelstest.Store
	*http.ServeMux
	url       string
	gate      *keyauth.Gate
	log       *lockedBuffer
	workspace string
	counts    *counts
}

const shopScopes = `
resources:
  - name: orders
    label: Orders
    scopes:
      - name: orders.read
      - name: orders.write
`

func newService(t testing.TB, configure ...func(*keyauth.GateOptions)) *service {
	t.Helper()
	s := &service{Store: modelstest.NewSQLite(t), ServeMux: http.NewServeMux(), log: &lockedBuffer{}, counts: &counts{}}
	s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000") // for busy machines
	s.applyScopes(t, shopScopes)
	workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
	s.workspace, s.counts.Store = workspace.ID, s.Store.Store
	withLog := func(o *keyauth.GateOptions) { o.Log = slog.New(slog.NewTextHandler(s.log, nil)) }
	gate, err := keyauth.Open(t.Context(), s.counts, append(configure, withLog)...)
	if err != nil {
		t.Fatal(err)
	}
	s.gate = gate
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.Start()
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := gate.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *service) applyScopes(t testing.TB, text string) {
	t.Helper()
	file, err := models.ParseScopeFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyScopes(context.Background(), file); err != nil {
		t.Fatal(err)
	}
}

// key creates a key with scopes.
func (s *service) key(t testing.TB, scopes ...string) (row *models.APIKey, key string) {
	t.Helper()
	set, err := s.Scopes().ParseSet(scopes)
	if err != nil {
		t.Fatal(err)
	}
	row, secret, err := s.CreateAPIKey(context.Background(), s.workspace, models.NewAPIKey{Name: "Shop", Scopes: set})
	if err != nil {
		t.Fatal(err)
	}
	return row, secret.Reveal()
}

// handle serves a pattern behind Require.
func (s *service) handle(pattern string, handler http.HandlerFunc, scopes ...string) {
	s.Handle(pattern, s.gate.Require(scopes...)(handler))
}

func (s *service) request(t testing.TB, method, path, key string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(method, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	return request
}

// get sends a request and returns the response with its body read.
func (s *service) get(t testing.TB, path, key string) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(s.request(t, http.MethodGet, path, key))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

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

// wantCounts waits until the counts are want: the route, its scopes, the class of the status, the
// rejection, and the number of requests.
func (s *service) wantCounts(t testing.TB, want map[string]int64) {
	t.Helper()
	var got map[string]int64
	for range 500 { // because a handler may return after the client has its response
		s.gate.Flush(t.Context())
		if got = s.counts.sums(); fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("counts = %v, want %v", got, want)
}

func (c *counts) sums() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := map[string]int64{}
	for _, row := range c.rows {
		sums[strings.TrimSpace(fmt.Sprintf("%s [%s] %dxx %s", row.Route, row.Scope, row.StatusClass, row.Rejection))] += row.Requests
	}
	return sums
}

type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(line)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func TestRequireRespondsLikeTheAPI(t *testing.T) {
	s := newService(t)
	_, reader := s.key(t, "orders.read")
	s.handle("GET /orders", ok, "orders.read")
	s.handle("GET /export", ok, "orders.read", "orders.write")
	s.handle("GET /any", ok)
	const (
		invalid = `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}` + "\n"
		lacks   = `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}` + "\n"
	)
	tests := []struct {
		name, path, key string
		status          int
		body, challenge string
	}{
		{"valid", "/orders", reader, 200, "ok", ""},
		{"no scope needed", "/any", reader, 200, "ok", ""},
		{"no key", "/orders", "", 401, invalid, `Bearer realm="SkipUp API"`},
		{"invalid key", "/orders", "sk_live_x", 401, invalid, `Bearer realm="SkipUp API", error="invalid_token"`},
		{"missing scope", "/export", reader, 403, lacks, `Bearer realm="SkipUp API", error="insufficient_scope", scope="orders.write"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, body := s.get(t, tt.path, tt.key)
			modelstest.Equal(t, "status", response.StatusCode, tt.status)
			modelstest.Equal(t, "body", body, tt.body)
			modelstest.Equal(t, "WWW-Authenticate", response.Header.Get("WWW-Authenticate"), tt.challenge)
			if tt.status != 200 {
				modelstest.Equal(t, "Content-Type", response.Header.Get("Content-Type"), "application/json")
				modelstest.Equal(t, "Cache-Control", response.Header.Get("Cache-Control"), "no-store")
			}
		})
	}
	s.wantCounts(t, map[string]int64{
		"GET /orders [orders.read] 2xx": 1, "GET /any [] 2xx": 1, "GET /export [orders.read orders.write] 4xx scope": 1,
	})
}

func TestRequireLimitsRates(t *testing.T) {
	keys := ratelimit.Policy{Name: "default", Quota: 1, Window: time.Minute}
	guesses := ratelimit.Policy{Name: "guess", Quota: 2, Window: time.Minute}
	s := newService(t, func(o *keyauth.GateOptions) {
		o.Limits.Keys = &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(keys, time.Now), Policy: keys}
		o.Limits.Addresses = ratelimit.NewMemory(guesses, time.Now)
	})
	_, key := s.key(t)
	s.handle("GET /orders", ok)
	for _, status := range []int{200, 429} {
		response, body := s.get(t, "/orders", key)
		modelstest.Equal(t, "status", response.StatusCode, status)
		modelstest.Equal(t, "RateLimit-Policy", response.Header.Get("RateLimit-Policy"), `"default";q=1;w=60`)
		if status == 429 {
			modelstest.Contains(t, "body", body, `"type":"rate_limited"`, "Rate limit exceeded. Retry after ")
			modelstest.Equal(t, "Retry-After is set", response.Header.Get("Retry-After") != "", true)
		}
	}
	for _, status := range []int{401, 401, 429} {
		response, _ := s.get(t, "/orders", "sk_live_x")
		modelstest.Equal(t, "status of an invalid key", response.StatusCode, status)
	}
	s.wantCounts(t, map[string]int64{"GET /orders [] 2xx": 1, "GET /orders [] 4xx rate_limit": 1})
}

func TestRequireOfAnUnknownScopeLetsNothingThrough(t *testing.T) {
	s := newService(t)
	s.handle("GET /refunds", ok, "orders.refund")
	modelstest.Contains(t, "log of Require", s.log.String(), "orders.refund")
	_, key := s.key(t, "orders.read", "orders.write")
	before := len(s.log.String())
	response, body := s.get(t, "/refunds", key)
	modelstest.Equal(t, "status", response.StatusCode, 500)
	modelstest.Equal(t, "body", body, `{"error":{"type":"internal_error","message":"Something went wrong on our end."}}`+"\n")
	modelstest.Contains(t, "log of the request", s.log.String()[before:], "orders.refund")

	s.applyScopes(t, shopScopes+"      - name: orders.refund\n")
	response, _ = s.get(t, "/refunds", key)
	modelstest.Equal(t, "status once the scope exists", response.StatusCode, 403)
	_, key = s.key(t, "orders.refund")
	response, _ = s.get(t, "/refunds", key)
	modelstest.Equal(t, "status of a key with the scope", response.StatusCode, 200)
}

func TestRequireRejectsTheNextRequestAfterADeletion(t *testing.T) {
	s := newService(t)
	s.handle("GET /orders", ok)
	row, key := s.key(t)
	for range 3 { // from the database, then from memory
		response, _ := s.get(t, "/orders", key)
		modelstest.Equal(t, "status before", response.StatusCode, 200)
	}
	if _, err := s.DeleteAPIKey(t.Context(), s.workspace, row.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	response, _ := s.get(t, "/orders", key)
	modelstest.Equal(t, "status after the deletion", response.StatusCode, 401)
	s.wantCounts(t, map[string]int64{"GET /orders [] 2xx": 3, "GET /orders [] 4xx deleted": 1})
}

func TestRequireRespondsWhileTheDatabaseIsUnavailable(t *testing.T) {
	s := newService(t)
	s.handle("GET /orders", ok)
	_, key := s.key(t)
	s.Exec(t, "ALTER TABLE api_keys RENAME TO gone")
	response, body := s.get(t, "/orders", key)
	s.Exec(t, "ALTER TABLE gone RENAME TO api_keys")
	modelstest.Equal(t, "status", response.StatusCode, 503)
	modelstest.Contains(t, "body", body, `"type":"service_unavailable"`)
	modelstest.Equal(t, "Retry-After", response.Header.Get("Retry-After"), "1")
}

// A row that can't be read is a problem of that key alone, and no outage.
func TestRequireNamesADamagedKey(t *testing.T) {
	for what, damage := range map[string]string{"the rate limit": "UPDATE api_keys SET rate_limit = 'many'", "the allowlist": "UPDATE api_keys SET allowlist_mode = 'enforce', allowlist_networks = 'anywhere'"} {
		t.Run(what, func(t *testing.T) {
			s := newService(t)
			s.handle("GET /orders", ok)
			damaged, key := s.key(t)
			_, other := s.key(t)
			s.Exec(t, damage+" WHERE id = '"+damaged.ID+"'")
			response, body := s.get(t, "/orders", key)
			modelstest.Equal(t, "status", response.StatusCode, 500)
			modelstest.Contains(t, "body", body, `"type":"internal_error"`)
			modelstest.Contains(t, "log", s.log.String(), "level=ERROR", "can't be verified", damaged.ID)
			response, _ = s.get(t, "/orders", other)
			modelstest.Equal(t, "status with another key", response.StatusCode, 200)
		})
	}
}

func TestCallerFrom(t *testing.T) {
	s := newService(t)
	row, key := s.key(t, "orders.read")
	s.handle("GET /whoami", func(w http.ResponseWriter, r *http.Request) {
		caller, known := keyauth.CallerFrom(r.Context())
		_, _ = fmt.Fprint(w, known, caller.KeyID(), caller.WorkspaceID(), caller.Scopes(), caller.Has("orders.read"), caller.Has("orders.write"), caller.Has("nonsense"))
	})
	_, body := s.get(t, "/whoami", key)
	modelstest.Equal(t, "body", body, fmt.Sprint(true, row.ID, s.workspace, []string{"orders.read"}, true, false, false))
	if _, known := keyauth.CallerFrom(context.Background()); known {
		t.Error("a context without a request has a caller")
	}
}

// http.TimeoutHandler responds while its handler still runs.
func TestCallerOutlivesTheRequest(t *testing.T) {
	s := newService(t)
	row, key := s.key(t)
	_, other := s.key(t)
	responded, late := make(chan struct{}), make(chan string, 1)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := context.WithoutCancel(r.Context())
		<-responded
		caller, _ := keyauth.CallerFrom(ctx)
		late <- r.URL.Path + " " + caller.KeyID()
	})
	s.Handle("GET /slow", s.gate.Require()(http.TimeoutHandler(slow, time.Millisecond, "")))
	s.handle("GET /fast", ok)
	response, _ := s.get(t, "/slow", key)
	modelstest.Equal(t, "status", response.StatusCode, 503)
	for range 100 {
		s.get(t, "/fast", other)
	}
	close(responded)
	modelstest.Equal(t, "request and caller", <-late, "/slow "+row.ID)
	s.wantCounts(t, map[string]int64{"GET /slow [] 5xx": 1, "GET /fast [] 2xx": 100})
}

// net/http deletes the files of forms when a request ends.
func TestUploadedFilesAreDeleted(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	stored := make(chan string, 1)
	s.handle("POST /upload", func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil { // a file of more than a byte goes to the disk
			t.Error(err)
			return
		}
		file, err := r.MultipartForm.File["file"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		onDisk, is := file.(*os.File)
		if !is {
			t.Errorf("the file is a %T, want one on the disk", file)
			return
		}
		stored <- onDisk.Name()
		_ = file.Close()
	})
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("file", "order.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(bytes.Repeat([]byte("tea"), 1000))
	_ = writer.Close()
	request := s.request(t, http.MethodPost, "/upload", key)
	request.Body, request.ContentLength = io.NopCloser(&form), int64(form.Len())
	request.Header.Set("Content-Type", writer.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	s.wantCounts(t, map[string]int64{"POST /upload [] 2xx": 1})
	name := <-stored
	for range 500 { // because they are deleted after the request is counted
		if _, err = os.Stat(name); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file still exists: %v", err)
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	s := newService(t)
	_, key := s.key(t, "orders.read")
	s.handle("GET /orders/{id}", ok, "orders.read")
	s.handle("/any/{id}", ok)
	inside := http.NewServeMux()
	inside.Handle("GET /in/{id}", s.gate.Require("orders.read")(http.HandlerFunc(ok)))
	inside.Handle("GET /in/{id}/write", s.gate.Require("orders.write")(http.HandlerFunc(ok)))
	s.Handle("/in/", s.gate.Require()(inside))
	s.Handle("/both/", s.gate.Require("orders.read")(s.gate.Require("orders.write")(http.HandlerFunc(ok))))
	unknown := s.gate.Require()(http.NotFoundHandler())
	s.HandleFunc("/legacy/", func(w http.ResponseWriter, r *http.Request) { // like a router that sets no pattern
		r.Pattern = ""
		unknown.ServeHTTP(w, r)
	})
	for _, path := range []string{"/orders/1", "/orders/2", "/any/1", "/in/1", "/in/1/write", "/both/1", "/legacy/orders/1234"} {
		s.get(t, path, key)
	}
	made := s.request(t, "MADEUP", "/any/1", key)
	response, err := http.DefaultClient.Do(made)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	s.wantCounts(t, map[string]int64{
		"GET /orders/{id} [orders.read] 2xx":              2,
		"GET /any/{id} [] 2xx":                            1,
		"OTHER /any/{id} [] 2xx":                          1,
		"GET /in/{id} [orders.read] 2xx":                  1,
		"GET /in/{id}/write [orders.write] 4xx scope":     1,
		"GET /both/ [orders.read orders.write] 4xx scope": 1,
		"GET /legacy/orders/:id [] 4xx":                   1,
	})
}

func TestPanicsAreCounted(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	s.handle("GET /panic", func(http.ResponseWriter, *http.Request) { panic("broken") })
	s.handle("GET /late", func(w http.ResponseWriter, _ *http.Request) { ok(w, nil); panic(http.ErrAbortHandler) })
	for _, path := range []string{"/panic", "/late"} {
		response, err := http.DefaultClient.Do(s.request(t, http.MethodGet, path, key))
		if err == nil {
			_ = response.Body.Close()
			t.Errorf("%s: status = %d, want a closed connection", path, response.StatusCode)
		}
	}
	s.wantCounts(t, map[string]int64{"GET /panic [] 5xx": 1, "GET /late [] 2xx": 1})
}

func TestClientsThatLeaveAreCounted(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	arrived := make(chan struct{})
	s.handle("GET /slow", func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-arrived; leave() }()
	if _, err := http.DefaultClient.Do(s.request(t, http.MethodGet, "/slow", key).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v, want context.Canceled", err)
	}
	s.wantCounts(t, map[string]int64{"GET /slow [] 4xx": 1})
}

// TestStreaming checks that a client gets each part of a response at once, whichever way the handler
// flushes.
func TestStreaming(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	next := make(chan struct{})
	stream := func(flush func(http.ResponseWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusEarlyHints)
			for range 2 {
				_, _ = io.WriteString(w, "part\n")
				flush(w)
				<-next
			}
		}
	}
	s.handle("GET /flusher", stream(func(w http.ResponseWriter) { w.(http.Flusher).Flush() }))
	s.handle("GET /controller", stream(func(w http.ResponseWriter) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}))
	for _, path := range []string{"/flusher", "/controller"} {
		response, err := http.DefaultClient.Do(s.request(t, http.MethodGet, path, key))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(response.Body)
		for range 2 {
			if line, err := lines.ReadString('\n'); err != nil || line != "part\n" {
				t.Fatalf("%s: line = %q, %v, want a part", path, line, err)
			}
			next <- struct{}{}
		}
		_ = response.Body.Close()
	}
	s.wantCounts(t, map[string]int64{"GET /flusher [] 2xx": 1, "GET /controller [] 2xx": 1})
}

func TestHijacking(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	s.handle("GET /socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nhello")
		_ = conn.Close()
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := s.request(t, http.MethodGet, "/socket", key).Write(conn); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(all), "\r\n\r\nhello") {
		t.Errorf("connection = %q, %v, want hello", all, err)
	}
	s.wantCounts(t, map[string]int64{"GET /socket [] 1xx": 1})
}

// The writer has an optional method only if the one that it wraps has it.
func TestWritersKeepTheirMethods(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	request := s.request(t, http.MethodGet, "/", key)
	for _, tt := range []struct {
		name               string
		w                  http.ResponseWriter
		flushes, readsFrom bool
	}{
		{"only required methods", struct{ http.ResponseWriter }{httptest.NewRecorder()}, false, false},
		{"with Flush, as in HTTP/2", httptest.NewRecorder(), true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.gate.Require()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, flushes := w.(http.Flusher)
				modelstest.Equal(t, "has Flush", flushes, tt.flushes)
				_, readsFrom := w.(io.ReaderFrom)
				modelstest.Equal(t, "has ReadFrom", readsFrom, tt.readsFrom)
				_, hijacks := w.(http.Hijacker)
				modelstest.Equal(t, "has Hijack", hijacks, false)
			})).ServeHTTP(tt.w, request)
		})
	}
	s.handle("GET /", func(w http.ResponseWriter, _ *http.Request) {
		if _, readsFrom := w.(io.ReaderFrom); !readsFrom {
			t.Error("a connection's writer has no ReadFrom")
		}
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
	})
	s.get(t, "/", key)
}

func TestConcurrentRequestsKeepTheirCallers(t *testing.T) {
	s := newService(t)
	s.handle("GET /whoami/{n}", func(w http.ResponseWriter, r *http.Request) {
		caller, _ := keyauth.CallerFrom(r.Context())
		_, _ = io.WriteString(w, caller.KeyID()+r.PathValue("n"))
	})
	var clients sync.WaitGroup
	for n := range 8 {
		row, key := s.key(t)
		clients.Go(func() {
			for range 50 {
				if _, body := s.get(t, fmt.Sprint("/whoami/", n), key); body != row.ID+fmt.Sprint(n) {
					t.Errorf("caller and path = %s, want %s%d", body, row.ID, n)
				}
			}
		})
	}
	clients.Wait()
	s.wantCounts(t, map[string]int64{"GET /whoami/{n} [] 2xx": 400})
}

func TestRequireAllocatesOnlyTheExchange(t *testing.T) {
	s := newService(t)
	_, key := s.key(t, "orders.read", "orders.write")
	for _, pattern := range []string{"GET /orders", ""} {
		request := s.request(t, http.MethodGet, "/orders/1234", key)
		request.RemoteAddr, request.Pattern = "127.0.0.1:1234", pattern
		guarded := s.gate.Require("orders.read", "orders.write")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if caller, known := keyauth.CallerFrom(r.Context()); !known || !caller.Has("orders.read") {
				t.Error("the handler doesn't know the caller")
			}
		}))
		w := &discard{header: http.Header{}}
		guarded.ServeHTTP(w, request)
		if allocations := testing.AllocsPerRun(1000, func() { guarded.ServeHTTP(w, request) }); allocations != 1 {
			t.Errorf("allocations with pattern %q = %v, want 1", pattern, allocations)
		}
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func TestClose(t *testing.T) {
	s := newService(t)
	_, key := s.key(t)
	s.handle("GET /orders", ok)
	s.get(t, "/orders", key)
	nodes, err := s.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || nodes[0].Name == "" || nodes[0].Version == "" {
		t.Errorf("nodes = %+v, %v, want one with a name and a version", nodes, err)
	}
	if err := s.gate.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "counts", fmt.Sprint(s.counts.sums()), "map[GET /orders [] 2xx:1]")
	nodes, err = s.Nodes(t.Context())
	if err != nil || len(nodes) != 0 {
		t.Errorf("nodes = %v, %v, want none", nodes, err)
	}
}

// unreachable is a source that is down.
type unreachable struct{ keyauth.Source }

func (unreachable) RegisterNode(ctx context.Context, _ models.NewNode) (string, error) {
	_, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
	return "", fmt.Errorf("register node: %w", err)
}

func TestOpenSaysWhatToDo(t *testing.T) {
	empty := modelstest.Unmigrated(t, modelstest.SQLiteURL(t))
	var none *models.Store
	tests := []struct {
		name   string
		source keyauth.Source
		node   string
		want   string
	}{
		{"no source", none, "shop", "check"},
		{"no interface", nil, "shop", "check"},
		{"database without tables", empty.Store, "shop", "run skipup migrate"},
		{"source that is down", unreachable{}, "shop", "check its URL"},
		{"name of the node", empty.Store, "my shop", "GateOptions.Node.Name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			gate, err := keyauth.Open(ctx, tt.source, func(o *keyauth.GateOptions) { o.Node.Name = tt.node })
			if err == nil {
				_ = gate.Close(ctx)
				t.Fatal("Open succeeded")
			}
			modelstest.Contains(t, "error", err.Error(), tt.want)
		})
	}
}
