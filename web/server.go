// Package web is the HTTP machinery that both faces of the product share: the order of the
// middleware, who calls, what the headers say, and how an error becomes an answer.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
)

// Options are what the server is given from outside.
type Options struct {
	PublicURL      string // scheme and host under which browsers and clients reach it
	Log            *slog.Logger
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none by default
}

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	stopTimeout       = 20 * time.Second
)

// MaxHeader is the most that a request's header may hold, in bytes. It lets even an absurdly
// long Authorization header get the API's own 401 rather than a bare 431, and costs whoever
// sends it as much as it costs us.
const MaxHeader = 12 << 20

// New returns an Echo with everything but the routes: the middleware in running order.
func New(store *models.Store, options Options) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientAddress(options.TrustedProxies)
	e.HTTPErrorHandler = failWith(options.Log)
	people := newSessions(store, options.PublicURL)

	e.Use(
		requestID,
		logRequests(options.Log),
		recoverPanics,
		secureHeaders(options.PublicURL),
		limitBody,
		refuseCrossSite(options.PublicURL),
		people.loadViewer,
	)
	return e
}

// Serve answers requests on listener until ctx is done, then lets open requests finish.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: open requests may finish")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop: %w", err), server.Close())
	}
	return nil
}
