package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web"
)

// BenchmarkVerify measures the answer to a reverse proxy, a response of the same server for which no key is
// verified, and the answer when requests are traced. cmd/bench measures the first two with the network.
func BenchmarkVerify(b *testing.B) {
	s := modelstest.NewSQLite(b)
	s.Exec(b, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
	workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "Shop", Scopes: scope.Of(scope.SeatsRead)})
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(discardLog{}, nil))
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	serve := func(tracer trace.Tracer) *web.Server {
		gate := web.NewKeyGate(s.Store, web.GateOptions{Log: log, Tracer: tracer})
		running.Go(func() { gate.Run(ctx) })
		for !gate.Ready() {
			time.Sleep(time.Millisecond)
		}
		return web.NewVerifyServer(gate, web.Options{Log: log, Tracer: tracer})
	}
	server, traced := serve(nil), serve(sdktrace.NewTracerProvider().Tracer("bench"))
	server.GET("/none", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	for _, bench := range []struct {
		name, path string
		server     *web.Server
		status     int
	}{
		{"none", "/none", server, http.StatusNoContent},
		{"verify", "/verify?scope=seats.read", server, http.StatusNoContent},
		{"traced", "/verify?scope=seats.read", traced, http.StatusNoContent},
	} {
		request, err := http.NewRequest(http.MethodGet, bench.path, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		request.RemoteAddr = "127.0.0.1:1234"
		request.Header.Set("Authorization", "Bearer "+secret.Reveal())
		request.Header.Set("User-Agent", "bench/1")
		request.Header.Set("X-Forwarded-Method", "GET")
		request.Header.Set("X-Forwarded-Uri", "/orders/1234?a=1")
		response := &discardResponse{header: http.Header{}}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(response.header)
				bench.server.ServeHTTP(response, request)
			}
		})
		if response.status != 0 && response.status != bench.status { // 0 if -bench excludes it
			b.Fatalf("%s: status = %d, want %d", bench.path, response.status, bench.status)
		}
	}
}

type discardLog struct{}

func (discardLog) Write(line []byte) (int, error) { return len(line), nil }
