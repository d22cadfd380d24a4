package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/skipup/keys/views/viewer"
)

// minCompressed is the size in bytes below which compressing a response saves nothing.
const minCompressed = 1024

// Compress compresses responses to GET and HEAD requests. Secrets are only ever in responses to POST
// requests, which are never compressed, because the size of a compressed response can tell what is in it
// (BREACH). Pages contain no CSRF tokens.
func Compress() echo.MiddlewareFunc {
	return middleware.GzipWithConfig(middleware.GzipConfig{
		Skipper: func(c echo.Context) bool {
			method := c.Request().Method
			return method != http.MethodGet && method != http.MethodHead
		},
		MinLength: minCompressed,
	})
}

// RenderCacheable sends a page without private content, such as documentation. The browser may keep it
// for some minutes, unless it shows a notice.
func RenderCacheable(c echo.Context, page templ.Component) error {
	if viewer.Of(c.Request().Context()).Notice.Text != "" {
		return Render(c, http.StatusOK, page)
	}
	var html bytes.Buffer
	if err := page.Render(c.Request().Context(), &html); err != nil {
		return err
	}
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderCookie) // for the theme and the links of the frame
	return sendCacheable(c, "private", echo.MIMETextHTMLCharsetUTF8, html.Bytes())
}

// SendPublic sends content that is the same for everyone, and which caches may keep for some minutes.
func SendPublic(c echo.Context, mediaType string, content []byte) error {
	return sendCacheable(c, "public", mediaType, content)
}

func sendCacheable(c echo.Context, who, mediaType string, content []byte) error {
	digest := sha256.Sum256(content)
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, mediaType)
	header.Set(echo.HeaderCacheControl, who+", max-age=300")
	header.Set("ETag", `W/"`+base64.RawURLEncoding.EncodeToString(digest[:12])+`"`) // weak, as it is the same with compression
	r := c.Request().Clone(c.Request().Context())
	r.Header.Del("Range") // a range of a compressed response would be of other bytes
	http.ServeContent(c.Response(), r, "", time.Time{}, bytes.NewReader(content))
	return nil
}
