// Package handlers combines the dashboard and the API into one server.
package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/dashboard"
	"github.com/skipup/keys/handlers/nodes"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/static"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// New returns a handler for everything that the product serves. API keys are verified by gate.
func New(store *models.Store, gate *web.KeyGate, options web.Options) http.Handler {
	server := web.New(store, gate, options)
	routes := api.Routes(store)
	api.Register(server, store, gate, routes)
	nodes.Register(server, store, gate)
	dashboard.Register(server, store, gate.FlushSmall, routes, options)
	read := []string{http.MethodGet, http.MethodHead}
	server.Match(read, path.Static+"*", echo.WrapHandler(static.Handler()), middleware.Gzip())
	server.Match(read, path.HealthLive, alive)
	server.Match(read, path.HealthReady, ready(store, gate, options))
	return server
}

// NewVerifyServer returns a handler for the listener that serves only reverse proxies and nodes.
func NewVerifyServer(store *models.Store, gate *web.KeyGate, options web.Options) http.Handler {
	server := web.NewVerifyServer(gate, options)
	nodes.Register(server, store, gate)
	return server
}

// alive returns 200 as long as the program runs.
func alive(c echo.Context) error { return c.String(http.StatusOK, "alive\n") }

// readyTimeout limits how long ready waits for the database.
const readyTimeout = time.Second

// ready returns 200 while keys can be verified, either from memory or, if the lease has expired, in the
// database. A node that is late with a poll stays ready as long as the database is available. If its SQLite
// file was replaced, or if it is about to stop, it isn't ready. The response names the cause, lists the
// problems of the node, and ends with the version of the program, with either status.
func ready(store *models.Store, gate *web.KeyGate, options web.Options) echo.HandlerFunc {
	return func(c echo.Context) error {
		select {
		case <-options.Stopping:
			return c.String(http.StatusServiceUnavailable, "stopping\n")
		default:
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
		defer cancel()
		status, lines := http.StatusOK, []string{"ready"}
		err := store.CheckFile()
		if err == nil && !gate.Ready() {
			err = store.Ping(ctx)
		}
		if err != nil {
			status, lines = http.StatusServiceUnavailable, []string{"database unavailable: " + models.OutageCause(err)}
		}
		lines = append(lines, options.Conditions.Sentences()...)
		if options.Version != "" {
			lines = append(lines, options.Version)
		}
		return c.String(status, strings.Join(lines, "\n")+"\n")
	}
}
