package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/clientip"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// BenchmarkChain measures a request to the API through the middleware of the server. Each line adds
// one part to the line before. The handler is minimal.
func BenchmarkChain(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET node_lease_ms = 3600000, node_wait_ms = 1") // one poll is enough
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	const url = "http://keys.test"
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	policy := ratelimit.Policy{Name: "default", Quota: 1_000_000_000, Window: time.Minute}
	limits := keyauth.Limits{Keys: &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(policy, time.Now), Policy: policy}}
	gate, limited := NewKeyGate(s.Store, GateOptions{}), NewKeyGate(s.Store, GateOptions{Limits: limits})
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	for _, g := range []*KeyGate{gate, limited} {
		running.Go(func() { g.Run(ctx) })
		for !g.Ready() {
			time.Sleep(time.Millisecond)
		}
	}
	parts := []struct {
		name string
		use  []echo.MiddlewareFunc
	}{
		{"handler", nil},
		{"request-id", []echo.MiddlewareFunc{requestID}},
		{"log-line", []echo.MiddlewareFunc{logRequests(log, 1)}},
		{"headers", []echo.MiddlewareFunc{recoverPanics, secureHeaders(url), limitBody, jsonErrors}},
		{"key-and-usage", []echo.MiddlewareFunc{gate.Guard}},
		{"limit", []echo.MiddlewareFunc{limited.Guard}}, // replaces the gate before it
	}
	var chain []echo.MiddlewareFunc
	for i, part := range parts {
		if part.name == "limit" {
			chain = chain[:len(chain)-1]
		}
		chain = append(chain, part.use...)
		e := echo.New()
		e.IPExtractor = clientip.OfConnection
		e.Use(chain...)
		e.GET("/api/v1/small", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
		request, err := http.NewRequest(http.MethodGet, "/api/v1/small", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		request.RemoteAddr = "127.0.0.1:1234"
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
		response := &unread{header: http.Header{}}
		b.Run(string(rune('1'+i))+"-"+part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(response.header)
				e.ServeHTTP(response, request)
			}
		})
		if response.status != 0 && response.status != http.StatusOK { // 0 if -bench excludes it
			b.Fatalf("%s: status = %d, want %d", part.name, response.status, http.StatusOK)
		}
	}
}

// unread is a ResponseWriter that keeps only the status.
type unread struct {
	header http.Header
	status int
}

func (r *unread) Header() http.Header         { return r.header }
func (r *unread) Write(p []byte) (int, error) { return len(p), nil }
func (r *unread) WriteHeader(status int)      { r.status = status }
