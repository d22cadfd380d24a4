package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/static"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// Paths of the OpenAPI document, which needs no key.
const (
	DocumentJSON = path.OpenAPIJSON
	DocumentYAML = path.OpenAPIYAML
)

func registerDocument(public *echo.Group) {
	public.Any(version+"/openapi.json", document("application/json", static.OpenAPIJSON), web.Compress())
	public.Any(version+"/openapi.yaml", document("application/yaml", func() []byte { return static.OpenAPIYAML }), web.Compress())
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
