// Package echoauth connects a keyauth.Gate to the Echo framework.
package echoauth

import (
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web/keyauth"
)

// Require returns Echo middleware that does what gate.Require does. Requests are counted under the path
// of their route, such as "GET /orders/:id". Errors of later handlers are sent by the error handler of
// Echo before the request is counted, so middleware before this one doesn't get them.
//
// keyauth.CallerFrom(c.Request().Context()) returns the caller.
func Require(gate *keyauth.Gate, scopes ...string) echo.MiddlewareFunc {
	wrap := echo.WrapMiddleware(gate.Require(scopes...))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		guarded := wrap(func(c echo.Context) error {
			if err := next(c); err != nil {
				c.Error(err)
			}
			return nil
		})
		return func(c echo.Context) error {
			c.Request().Pattern = c.Path()
			return guarded(c)
		}
	}
}
