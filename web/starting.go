package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/views/path"
)

// startTimeout is how long requests wait for a server that is starting.
const startTimeout = 5 * time.Second

// Starting serves requests while a server starts, for example while it migrates the database. The server is
// alive, but not ready, and other requests wait for a short time.
type Starting struct {
	log     *slog.Logger
	opened  chan struct{} // closed when nothing slow is left to do
	ready   chan struct{} // closed after handler is set
	handler http.Handler

	mu   sync.Mutex
	step string
}

// NewStarting returns a Starting that logs what a start waits for, after a second and then every ten.
func NewStarting(ctx context.Context, log *slog.Logger) *Starting {
	s := &Starting{log: log, opened: make(chan struct{}), ready: make(chan struct{}), step: "Opening the database"}
	go s.report(ctx)
	return s
}

func (s *Starting) report(ctx context.Context) {
	for wait := time.Second; ; wait = 10 * time.Second {
		select {
		case <-time.After(wait):
			s.log.Info("still starting", "step", s.current())
		case <-s.opened:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Progress sets what the start waits for. A total of 0 is unknown.
func (s *Starting) Progress(step string, done, total int64) {
	if total > 0 {
		step = fmt.Sprintf("%s: %d of %d", step, done, total)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

func (s *Starting) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step
}

// Opened tells s that the database is open. From now on, all requests wait for Ready.
func (s *Starting) Opened() { close(s.opened) }

// Ready passes all requests to handler from now on.
func (s *Starting) Ready(handler http.Handler) {
	s.handler = handler
	close(s.ready)
}

// ServeHTTP implements http.Handler.
func (s *Starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.ready:
		s.handler.ServeHTTP(w, r)
		return
	default:
	}
	wait := startTimeout
	switch r.URL.Path {
	case path.HealthLive:
		_, _ = fmt.Fprintln(w, "alive") // the client is gone
		return
	case path.HealthReady:
		wait = 0
	}
	select {
	case <-s.opened:
		wait = startTimeout
	default:
	}
	select {
	case <-s.ready:
		s.handler.ServeHTTP(w, r)
	case <-time.After(wait):
		s.reject(w, r)
	case <-r.Context().Done():
	}
}

func (s *Starting) reject(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "5")
	if r.URL.Path == path.HealthReady {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, "starting\n%s\n", s.current()) // the client is gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(wire.ErrorBody{Error: wire.Error{Type: "service_unavailable", Message: "The server is starting. Try again in a few seconds."}}) // the client is gone
}
