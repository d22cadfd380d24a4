package web

import (
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"
)

const maxRequestID = 128

// requestID gives every request an id, or keeps the caller's if it is short visible ASCII,
// and sends it back.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			id = "req_" + ulid.Make().String()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// requestIDOf is the id of c's request.
func requestIDOf(c echo.Context) string {
	return c.Response().Header().Get(echo.HeaderXRequestID)
}
