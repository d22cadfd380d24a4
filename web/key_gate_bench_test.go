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
	"github.com/skipup/keys/web/clientip"
)

// BenchmarkGate measures a small handler without a key and behind the gate. cmd/bench measures the
// same with the network.
func BenchmarkGate(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET node_lease_ms = 500, node_wait_ms = 500")
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
	e.IPExtractor = clientip.OfConnection
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
		response := &discardResponse{header: http.Header{}}
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(response.header)
				e.ServeHTTP(response, request)
			}
		})
		if response.status != 0 && response.status != http.StatusOK { // 0 if -bench excludes it
			b.Fatalf("%s: status = %d, want %d", path, response.status, http.StatusOK)
		}
	}
}

type discardResponse struct {
	header http.Header
	status int
}

func (r *discardResponse) Header() http.Header         { return r.header }
func (r *discardResponse) Write(p []byte) (int, error) { return len(p), nil }
func (r *discardResponse) WriteHeader(status int)      { r.status = status }
