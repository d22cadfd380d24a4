// Package handlers puts the two faces of the product, the dashboard and the API, on one server.
package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/dashboard"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/static"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// New is the whole of the product over store. The keys of the API's clients are let in by gate.
func New(store *models.Store, gate *web.KeyGate, options web.Options) http.Handler {
	e := web.New(store, options)
	routes := api.Routes(store)
	api.Register(e, gate, routes)
	e.Use(web.CheckAddress)
	dashboard.Register(e, store, routes)
	read := []string{http.MethodGet, http.MethodHead}
	e.Match(read, path.Static+"*", echo.WrapHandler(static.Handler()), middleware.Gzip())
	e.Match(read, path.HealthLive, alive)
	e.Match(read, path.HealthReady, ready(store, gate))
	return e
}

// alive answers 200 as long as the program runs.
func alive(c echo.Context) error { return c.String(http.StatusOK, "alive\n") }

// readyTimeout is what the database is given to answer whether it is there.
const readyTimeout = time.Second

// ready answers 200 while keys can be verified: from memory, or against the database, which is
// asked where the lease has run out. A busy machine may be late with a poll, and goes on serving.
func ready(store *models.Store, gate *web.KeyGate) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
		defer cancel()
		if !gate.Ready() && store.Ping(ctx) != nil {
			return c.String(http.StatusServiceUnavailable, "the database does not answer\n")
		}
		return c.String(http.StatusOK, "ready\n")
	}
}
