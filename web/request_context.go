package web

import (
	"context"
	"sync"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

// requestContext is an echo.Context with typed fields for what middleware learns about a request.
// Echo's map of values alone would cost as much as verifying a key. Contexts are reused, so nothing may
// keep one after its request.
type requestContext struct {
	echo.Context
	address string // the client's; "" until RealIP finds it

	jsonErrors bool // set in the API
	quiet      bool // logged only for debugging, if it succeeds

	err     error           // that ended the request; nil for none
	failure failure         // of the server
	queries *models.Queries // nil if the request can't use the database
	span    trace.Span      // nil if the request isn't traced

	nodeToken *models.NodeToken // set for requests of nodes

	gated        keyauth.Request // set in the API
	keyID        string          // of the key in gated, once keyIDs has formatted it
	workspaceID  string          // of that key
	missingScope string          // that the route requires

	page *pageContext // nil except for pages
}

// pageContext holds what is known about a request for a page.
type pageContext struct {
	sessions *browserSessions
	caller   Caller // valid if known
	known    bool
}

// RealIP returns the IP address of the client, which it determines only once.
func (c *requestContext) RealIP() string {
	if c.address == "" {
		c.address = c.Context.RealIP()
	}
	return c.address
}

// keyIDs returns the IDs of the verified key and of its workspace, which it formats only once.
func (c *requestContext) keyIDs() (key, workspace string) {
	if c.keyID == "" {
		c.keyID, c.workspaceID = c.gated.Key.ID(), c.gated.Key.WorkspaceID()
	}
	return c.keyID, c.workspaceID
}

// Error passes c, instead of the echo.Context in it, to the error handler.
func (c *requestContext) Error(err error) {
	c.err = err
	c.Echo().HTTPErrorHandler(err, c)
}

// countQueries makes the log line of the request count the statements that use the context it returns.
func (c *requestContext) countQueries(ctx context.Context) context.Context {
	if c.queries == nil {
		c.queries = new(models.Queries)
	}
	return models.WithQueries(ctx, c.queries)
}

var requestContexts = sync.Pool{New: func() any { return new(requestContext) }}

// withRequestContext calls next with c as a requestContext, creating one if necessary.
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
