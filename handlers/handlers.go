// Package handlers puts the two faces of the product, the dashboard and the API, on one server.
package handlers

import (
	"net/http"

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
	e.Match(read, path.HealthReady, ready(gate))
	return e
}

// alive answers 200 as long as the program runs.
func alive(c echo.Context) error { return c.String(http.StatusOK, "alive\n") }

// ready answers 200 while the database tells of changes of keys, and 503 if not.
func ready(gate *web.KeyGate) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !gate.Ready() {
			return c.String(http.StatusServiceUnavailable, "the database does not answer\n")
		}
		return c.String(http.StatusOK, "ready\n")
	}
}
