package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web"
)

// BenchmarkGate is the same small handler without a key and behind the gate, without the
// network; cmd/bench measures it with.
func BenchmarkGate(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET lease_ms = 500, wait_ms = 500")
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	gate := web.NewKeyGate(s.Store, web.GateOptions{Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { gate.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	for !gate.Ready() {
		time.Sleep(time.Millisecond)
	}
	e := echo.New()
	e.IPExtractor = web.ConnectionIP
	small := func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }
	e.GET("/open", small)
	e.GET("/gate", gate.Guard(small))
	for _, path := range []string{"/open", "/gate"} {
		request, err := http.NewRequest(http.MethodGet, path, nil)
		if err != nil {
			b.Fatal(err)
		}
		request.RemoteAddr = "127.0.0.1:1234"
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
		request.Header.Set("User-Agent", "bench/1")
		answer := &noAnswer{header: http.Header{}}
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(answer.header)
				e.ServeHTTP(answer, request)
			}
		})
		if answer.status != 0 && answer.status != http.StatusOK { // 0 if -bench leaves it out
			b.Fatalf("%s: %d", path, answer.status)
		}
	}
}

type noAnswer struct {
	header http.Header
	status int
}

func (a *noAnswer) Header() http.Header         { return a.header }
func (a *noAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (a *noAnswer) WriteHeader(status int)      { a.status = status }
