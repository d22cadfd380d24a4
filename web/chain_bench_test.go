package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/ratelimit"
)

// BenchmarkChain is a request to the API through the same middleware as in New, part by part:
// each line has all that the lines before it have. The handler is as small as one can be.
func BenchmarkChain(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET lease_ms = 3600000, wait_ms = 3600000") // one poll is enough
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	const url = "http://keys.test"
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	policy := ratelimit.Policy{Name: "default", Quota: 1_000_000_000, Window: time.Minute}
	limits := Limits{Keys: &KeyLimit{Limiter: ratelimit.NewMemory(policy, time.Now), Policy: policy}}
	gate, limited := NewKeyGate(s.Store, GateOptions{}), NewKeyGate(s.Store, GateOptions{Limits: limits})
	for _, g := range []*KeyGate{gate, limited} {
		if err := g.verifier.Poll(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	parts := []struct {
		name string
		use  []echo.MiddlewareFunc
	}{
		{"handler", nil},
		{"request-id", []echo.MiddlewareFunc{requestID}},
		{"log-line", []echo.MiddlewareFunc{logRequests(log)}},
		{"headers", []echo.MiddlewareFunc{recoverPanics, secureHeaders(url), limitBody, jsonErrors}},
		{"key-and-usage", []echo.MiddlewareFunc{gate.Guard}},
		{"limit", []echo.MiddlewareFunc{limited.Guard}}, // in place of the gate before it
	}
	var chain []echo.MiddlewareFunc
	for i, part := range parts {
		if part.name == "limit" {
			chain = chain[:len(chain)-1]
		}
		chain = append(chain, part.use...)
		e := echo.New()
		e.IPExtractor = ConnectionIP
		e.Use(chain...)
		e.GET("/api/v1/small", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
		request, err := http.NewRequest(http.MethodGet, "/api/v1/small", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		request.RemoteAddr = "127.0.0.1:1234"
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
		answer := &unread{header: http.Header{}}
		b.Run(string(rune('1'+i))+"-"+part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(answer.header)
				e.ServeHTTP(answer, request)
			}
		})
		if answer.status != 0 && answer.status != http.StatusOK { // 0 if -bench leaves it out
			b.Fatalf("%s: %d", part.name, answer.status)
		}
	}
}

// unread is an answer that nobody reads.
type unread struct {
	header http.Header
	status int
}

func (a *unread) Header() http.Header         { return a.header }
func (a *unread) Write(p []byte) (int, error) { return len(p), nil }
func (a *unread) WriteHeader(status int)      { a.status = status }
