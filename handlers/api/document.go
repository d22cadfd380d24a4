package api

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/static"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// Paths of the OpenAPI document, which needs no key.
const (
	DocumentJSON = path.OpenAPIJSON
	DocumentYAML = path.OpenAPIYAML
)

func registerDocument(public *echo.Group, store *models.Store) {
	d := &documents{store: store}
	public.Any(version+"/openapi.json", document("application/json", func() []byte { return d.current().JSON }), web.Compress())
	public.Any(version+"/openapi.yaml", document("application/yaml", func() []byte { return d.current().YAML }), web.Compress())
}

// documents has the OpenAPI document with the scopes of a catalog, and the prefix of keys that belongs to it.
type documents struct {
	store *models.Store

	mu       sync.Mutex
	scopes   *scope.Catalog // of document
	document static.OpenAPI
}

// current returns the document with the current scopes.
func (d *documents) current() static.OpenAPI {
	d.mu.Lock()
	defer d.mu.Unlock()
	if scopes := d.store.Scopes(); d.scopes != scopes {
		d.scopes, d.document = scopes, static.OpenAPIWith(scopes.Names(scopes.Known()), d.store.KeyPrefix())
	}
	return d.document
}

// document serves the OpenAPI document, also to pages of other sites that display such documents.
func document(mediaType string, text func() []byte) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		if method := c.Request().Method; method != http.MethodGet && method != http.MethodHead {
			header.Set(echo.HeaderAllow, "GET, HEAD")
			return echo.ErrMethodNotAllowed
		}
		header.Set(echo.HeaderAccessControlAllowOrigin, "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return web.SendPublic(c, mediaType, text())
	}
}
