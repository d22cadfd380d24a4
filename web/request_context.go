package web

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web/keyauth"
)

// requestContext is Echo's context with what the middleware has found out about a request. Its
// fields take the place of Echo's map of values, which alone would cost as much as verifying a
// key. Like Echo's own it is used again for another request: nothing may keep it.
type requestContext struct {
	echo.Context
	start time.Time // of the gate's work, by the system's clock

	// Of a request to the API, once its key is verified.
	key                keyauth.Key
	verified           bool
	route              keyauth.Route
	address, userAgent string
	caller             keyauth.Caller // the two of them

	page *pageContext // of a request to the dashboard
}

// pageContext is what is known of a request to the dashboard.
type pageContext struct {
	people *people
	caller Caller // if known
	known  bool
}

// Error has the error handler see what is known of the request.
func (c *requestContext) Error(err error) { c.Echo().HTTPErrorHandler(err, c) }

var requestContexts = sync.Pool{New: func() any { return new(requestContext) }}

// withRequestContext calls next with c as a requestContext, which it makes unless c is one.
func withRequestContext(c echo.Context, next func(c *requestContext) error) error {
	if r, is := c.(*requestContext); is {
		return next(r)
	}
	r := requestContexts.Get().(*requestContext)
	r.Context = c
	err := next(r)
	*r = requestContext{}
	requestContexts.Put(r)
	return err
}
