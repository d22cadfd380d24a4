package web

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

// Caller is who sends a request: a key at the API, a member in the dashboard.
type Caller struct {
	WorkspaceID string
	Key         *keyauth.Key   // at the API
	Member      *models.Member // in the dashboard
	Session     string         // id of the dashboard's session
}

// CallerOf is who sends the request of c. Call it only behind a KeyGate or RequireUser.
func CallerOf(c echo.Context) Caller {
	caller, known := callerIn(c)
	if !known {
		panic("CallerOf on a route that nobody needs to be known for")
	}
	return caller
}

func callerIn(c echo.Context) (Caller, bool) {
	r, is := c.(*requestContext)
	switch {
	case !is:
		return Caller{}, false
	case r.verified:
		return Caller{WorkspaceID: r.key.WorkspaceID(), Key: &r.key}, true
	case r.page != nil:
		return r.page.caller, r.page.known
	}
	return Caller{}, false
}

// ContextOf is the context of the request of c, in which its caller acts: the Store's methods
// write who that is into the audit log.
func ContextOf(c echo.Context) context.Context {
	ctx := c.Request().Context()
	if r, is := c.(*requestContext); is && r.verified {
		return models.WithActor(ctx, models.Actor{
			Type: models.ActorAPIKey, ID: r.key.ID(), Address: c.RealIP(), UserAgent: c.Request().UserAgent(),
		})
	}
	return ctx
}

func (caller Caller) id() string {
	if caller.Key != nil {
		return caller.Key.ID()
	}
	return caller.Member.ID
}

// setCaller notes which member sends the request, for the handlers and for the audit log.
func setCaller(c *requestContext, caller Caller) {
	c.page.caller, c.page.known = caller, true
	setActor(c, models.Actor{Type: models.ActorMember, ID: caller.Member.ID, Name: caller.Member.User.Name})
}

func setActor(c echo.Context, actor models.Actor) {
	r := c.Request()
	actor.Address, actor.UserAgent = c.RealIP(), r.UserAgent()
	c.SetRequest(r.WithContext(models.WithActor(r.Context(), actor)))
}
