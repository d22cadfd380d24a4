package web

import (
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models/token"
)

const maxRequestID = 128

// requestID sets the X-Request-Id of the response: the caller's, if it is short visible ASCII, or
// a new one.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !isRequestID(id) {
			id = "req_" + ulid.Make().String()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// isRequestID reports whether id may be sent back and logged. It must not contain an API key.
func isRequestID(id string) bool {
	visible := !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
	return id != "" && len(id) <= maxRequestID && visible && !token.Occurs(id)
}

// requestIDOf returns the ID of a request.
func requestIDOf(c echo.Context) string {
	return c.Response().Header().Get(echo.HeaderXRequestID)
}
