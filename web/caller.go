package web

import (
	"log/slog"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web/keyauth"
)

// Caller is who sends a request: a key at the API, a member in the dashboard.
type Caller struct {
	WorkspaceID string
	Key         *models.APIKey // at the API
	Member      *models.Member // in the dashboard
	Session     string         // id of the dashboard's session
}

const callerKey = "caller"

// CallerOf is who sends the request of c. Call it only behind RequireKey or RequireMember.
func CallerOf(c echo.Context) Caller {
	caller, known := callerIn(c)
	if !known {
		panic("CallerOf on a route that nobody needs to be known for")
	}
	return caller
}

func callerIn(c echo.Context) (Caller, bool) {
	caller, known := c.Get(callerKey).(Caller)
	return caller, known
}

func (caller Caller) id() string {
	if caller.Key != nil {
		return caller.Key.ID
	}
	return caller.Member.ID
}

func (caller Caller) actor() models.Actor {
	if caller.Key != nil {
		return models.Actor{Type: models.ActorAPIKey, ID: caller.Key.ID, Name: caller.Key.Name}
	}
	return models.Actor{Type: models.ActorMember, ID: caller.Member.ID, Name: caller.Member.User.Name}
}

// setCaller notes who sends the request, for the handlers and for the audit log.
func setCaller(c echo.Context, caller Caller) {
	c.Set(callerKey, caller)
	setActor(c, caller.actor())
}

func setActor(c echo.Context, actor models.Actor) {
	r := c.Request()
	actor.Address, actor.UserAgent = c.RealIP(), r.UserAgent()
	c.SetRequest(r.WithContext(models.WithActor(r.Context(), actor)))
}

// RequireKey refuses a request under /api/ that carries no good key, and notes the use of a
// good one. A note that cannot be written is no reason to refuse.
func RequireKey(verifier *keyauth.Verifier, store *models.Store, log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !isAPI(c.Request()) {
				return next(c)
			}
			r := c.Request()
			key, err := verifier.Verify(r.Context(), r.Header.Values(echo.HeaderAuthorization))
			if err != nil {
				return err
			}
			setCaller(c, Caller{WorkspaceID: key.WorkspaceID, Key: key})
			if err := store.UseAPIKey(c.Request().Context(), key); err != nil {
				logError(log, c, "use of an API key not noted", err)
			}
			return next(c)
		}
	}
}

// RequireScope refuses a key without s.
func RequireScope(s scope.Scope) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := keyauth.RequireScope(CallerOf(c).Key, s); err != nil {
				return err
			}
			return next(c)
		}
	}
}
