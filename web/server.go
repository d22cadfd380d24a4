// Package web contains what pages and the API share: middleware, sessions, API key
// verification, and the conversion of errors into responses.
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

// Options configure a Server.
type Options struct {
	PublicURL      string // scheme and host that browsers and clients use
	Log            *slog.Logger
	TrustedProxies []netip.Prefix // proxies whose X-Forwarded-For is trusted; none by default
}

// Server is an Echo with one group of routes for pages and one for the API. Routes added to the
// Echo itself belong to neither and get only the middleware that all requests share.
type Server struct {
	*echo.Echo
	Pages     *Group
	API       *Group
	PublicAPI *echo.Group // the part of the API that needs no key
}

// APIPrefix is the path prefix of the API group.
const APIPrefix = "/api"

// New returns a Server without routes. All middleware is listed here, in the order in which it
// runs.
func New(store *models.Store, gate *KeyGate, options Options) *Server {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientIP(options.TrustedProxies)
	e.HTTPErrorHandler = errorHandler(options.Log)
	e.Use(
		requestID,
		logRequests(options.Log),
		recoverPanics,
		secureHeaders(options.PublicURL),
		limitBody,
	)
	pages := e.Group("",
		pageHeaders,
		rejectCrossSite(options.PublicURL),
		newBrowserSessions(store, options.PublicURL).loadViewer,
		checkURL,
	)
	publicAPI := e.Group(APIPrefix, jsonErrors)
	api := publicAPI.Group("",
		gate.Guard,
		checkURL,
	)
	return &Server{Echo: e, Pages: newGroup(e, pages, ""), API: newGroup(e, api, APIPrefix), PublicAPI: publicAPI}
}

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	stopTimeout       = 20 * time.Second
)

// MaxHeader limits the size of a request's header, in bytes. It is large enough that even an
// absurdly long Authorization header gets the API's own 401 instead of a bare 431.
const MaxHeader = 12 << 20

// Serve serves requests on listener until ctx is done, then waits for open requests to finish.
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
	log.Info("stopping; waiting for open requests")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop: %w", err), server.Close())
	}
	return nil
}
