// Package web contains what pages and the API share: middleware, sessions, API key
// verification, and the conversion of errors into responses.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/netutil"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/clientip"
	"github.com/skipup/keys/web/sso"
)

// Options configure a Server.
type Options struct {
	PublicURL      string // scheme and host that browsers and clients use
	Log            *slog.Logger
	LogSample      int             // one in this many requests that succeed in time is logged; all if less than 2
	TrustedProxies []netip.Prefix  // proxies whose X-Forwarded-For is trusted; none by default
	Conditions     *Conditions     // the problems that readiness lists; may be nil
	CORSOrigins    []string        // origins of other sites whose pages may call the API; none by default
	Stopping       <-chan struct{} // closed when the server is about to stop; may be nil
	Version        string          // of the program, for readiness; may be empty
	SingleSignOn   *sso.Provider   // nil without single sign-on
	Tracer         trace.Tracer    // nil unless requests are traced
}

// Server is an Echo with one group of routes for pages and one for the API. Routes added to the
// Echo itself belong to neither and get only the middleware that all requests share.
type Server struct {
	*echo.Echo
	addresses *clientip.Finder
	Pages     *Group
	API       *Group
	PublicAPI *echo.Group // the part of the API that needs no key
	Nodes     *Group      // for nodes that reach the database only through this server
	Verify    *Group      // for other programs that verify keys through this server
}

// APIPrefix is the path prefix of the API group.
const APIPrefix = "/api"

// New returns a Server without routes. All middleware is listed here, in the order in which it
// runs.
func New(store *models.Store, gate *KeyGate, options Options) *Server {
	e, addresses := newEcho(gate, options)
	e.Any(VerifyPath, gate.verifyForProxy, jsonErrors)
	pages := e.Group("",
		pageHeaders,
		Compress(),
		rejectCrossSite(options.PublicURL, options.Log),
		newBrowserSessions(store, options).loadViewer,
		checkURL,
		removeKeys(store),
	)
	publicAPI := e.Group(APIPrefix, jsonErrors, crossOrigin(options.CORSOrigins))
	api := publicAPI.Group("",
		gate.Guard,
		checkURL,
	)
	return &Server{Echo: e, addresses: addresses, Pages: newGroup(e, pages, ""), API: newGroup(e, api, APIPrefix), PublicAPI: publicAPI, Nodes: newNodeGroup(e, gate), Verify: newVerifyGroup(e, gate)}
}

// newEcho returns an Echo with the middleware that all requests share.
func newEcho(gate *KeyGate, options Options) (*echo.Echo, *clientip.Finder) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	addresses := clientip.NewFinder(options.TrustedProxies, "--trusted-proxies (SKIPUP_TRUSTED_PROXIES)", options.Log)
	e.IPExtractor = addresses.Of
	e.HTTPErrorHandler = errorHandler(gate.outages)
	e.Pre(mergeSlashes)
	if options.Tracer != nil {
		e.Use(traceRequests(options.Tracer))
	}
	e.Use(
		requestID,
		logRequests(options.Log, options.LogSample),
		requireResponse,
		recoverPanics,
		closeConnections(options.Stopping),
		secureHeaders(options.PublicURL),
		limitBody,
	)
	return e, addresses
}

// UntrustedProxy returns the first private IP address that sent X-Forwarded-For without being a
// trusted proxy, or "" if there is none.
func (s *Server) UntrustedProxy() string { return s.addresses.UntrustedProxy() }

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 90 * time.Second // longer than a change to a key waits for the longest lease
	stopTimeout       = 20 * time.Second
)

// MaxHeader limits the size of a request's header, in bytes. net/http adds 4 KiB.
const MaxHeader = 64 << 10

// Connections bound the connections of clients.
type Connections struct {
	Max         int           // open at the same time; further ones wait. 0 for no limit
	IdleTimeout time.Duration // how long one stays open between requests
	TLS         *tls.Config   // nil for connections without TLS
}

// Serve serves requests on listener until ctx is done, then waits for open requests to finish.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, connections Connections, log *slog.Logger) error {
	if connections.Max > 0 {
		listener = netutil.LimitListener(listener, connections.Max)
	}
	if connections.TLS == nil { // net/http must see that a connection uses TLS
		listener = jsonErrorListener{listener}
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       connections.IdleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		TLSConfig:         connections.TLS,
	}
	served := make(chan error, 1)
	go func() {
		if connections.TLS == nil {
			served <- server.Serve(listener)
		} else {
			served <- server.ServeTLS(listener, "", "")
		}
	}()
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
