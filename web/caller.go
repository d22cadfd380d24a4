package web

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/keyauth"
)

// Caller identifies who sent a request: an API key, or a member in the dashboard.
type Caller struct {
	WorkspaceID string
	Key         *keyauth.Key   // nil in the dashboard
	Member      *models.Member // nil in the API
	Session     string         // ID of the dashboard session
}

// CallerOf returns the caller of a request. It panics on a route that requires neither an API
// key nor a signed-in user.
func CallerOf(c echo.Context) Caller {
	caller, known := findCaller(c)
	if !known {
		panic("web: CallerOf on a route without authentication")
	}
	return caller
}

func findCaller(c echo.Context) (Caller, bool) {
	r, is := c.(*requestContext)
	switch {
	case !is:
		return Caller{}, false
	case r.gated.Verified():
		_, workspace := r.keyIDs()
		return Caller{WorkspaceID: workspace, Key: &r.gated.Key}, true
	case r.page != nil:
		return r.page.caller, r.page.known
	}
	return Caller{}, false
}

// ContextOf returns the context of a request with its caller as the actor that the Store records
// in the audit log.
func ContextOf(c echo.Context) context.Context {
	ctx := c.Request().Context()
	if r, is := c.(*requestContext); is && r.gated.Verified() {
		key, _ := r.keyIDs()
		return models.WithActor(r.countQueries(ctx), models.Actor{
			Type: models.ActorAPIKey, ID: key, Address: c.RealIP(), UserAgent: c.Request().UserAgent(),
		})
	}
	return ctx
}

// setCaller sets the caller to a member, for handlers and for the audit log.
func setCaller(c *requestContext, caller Caller) {
	c.page.caller, c.page.known = caller, true
	setActor(c, models.Actor{Type: models.ActorMember, ID: caller.Member.ID, Name: caller.Member.Name(), Role: caller.Member.Role})
}

func setActor(c echo.Context, actor models.Actor) {
	r := c.Request()
	actor.Address, actor.UserAgent = c.RealIP(), r.UserAgent()
	c.SetRequest(r.WithContext(models.WithActor(r.Context(), actor)))
}
