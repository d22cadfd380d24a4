package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/static"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// The document of the API, for programs that make clients of it. It is public: they have no key.
const (
	DocumentJSON = path.OpenAPIJSON
	DocumentYAML = path.OpenAPIYAML
)

func registerDocument(e *echo.Echo, gate *web.KeyGate) {
	gate.Open(DocumentJSON, DocumentYAML)
	read := []string{http.MethodGet, http.MethodHead}
	e.Match(read, DocumentJSON, document("application/json", static.OpenAPIJSON))
	e.Match(read, DocumentYAML, document("application/yaml", func() []byte { return static.OpenAPIYAML }))
}

// document serves a text to whoever asks, pages of other sites that show such documents included.
func document(mediaType string, text func() []byte) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(echo.HeaderAccessControlAllowOrigin, "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return c.Blob(http.StatusOK, mediaType, text())
	}
}
