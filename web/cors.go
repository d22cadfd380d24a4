package web

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// crossOrigin lets pages of the given origins call the API, and answers the preflights that browsers
// send without a key. The answer to any other origin grants nothing, so that the browser rejects the
// call. Requests from other programs are unaffected.
func crossOrigin(origins []string) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper: func(c echo.Context) bool {
			r := c.Request()
			isPreflight := r.Header.Get(echo.HeaderAccessControlRequestMethod) != ""
			return r.Header.Get(echo.HeaderOrigin) == "" || r.Method == http.MethodOptions && !isPreflight
		},
		AllowOriginFunc: func(origin string) (bool, error) { return slices.Contains(origins, origin), nil },
		AllowMethods:    []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowHeaders:    []string{echo.HeaderAuthorization, echo.HeaderContentType, "Idempotency-Key", echo.HeaderXRequestID},
		ExposeHeaders: []string{
			"RateLimit", "RateLimit-Policy", echo.HeaderRetryAfter, echo.HeaderXRequestID, echo.HeaderWWWAuthenticate,
			echo.HeaderAllow, "Idempotency-Replayed",
		},
		MaxAge: 600,
	})
}
