package dashboard

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/login"
	"github.com/skipup/keys/views/proof"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/sso"
)

// singleSignOn signs people in with a provider of OpenID Connect.
type singleSignOn struct {
	store    *models.Store
	provider *sso.Provider // nil without single sign-on
	log      *slog.Logger
}

// errNoSingleSignOn is returned on a server without single sign-on.
var errNoSingleSignOn = models.Errorf(models.NotFound, "Single sign-on isn’t set up on this server.")

// begin sends the browser to the provider. With prove=true, someone who signed in with it proves who they are again.
func (h singleSignOn) begin(c echo.Context) error {
	if h.provider == nil {
		return errNoSingleSignOn
	}
	ctx, form := c.Request().Context(), login.Form{Next: web.LocalURL(c.QueryParam("next"))}
	if err := h.provider.Discover(ctx); err != nil {
		return h.reject(c, form, err)
	}
	session, proves := "", c.QueryParam("prove") != "" && web.IsProvided(c)
	if proves {
		session = web.SessionID(c)
	}
	id, err := h.store.BeginRoundTrip(ctx, session, form.Next)
	if err != nil {
		return h.reject(c, form, err)
	}
	to, err := h.provider.URL(ctx, sso.RoundTrip(id), proves)
	if err != nil {
		return h.reject(c, form, err)
	}
	web.BeginRoundTrip(c, id)
	return c.Redirect(http.StatusSeeOther, to)
}

// complete signs in the person whom the provider sent back.
func (h singleSignOn) complete(c echo.Context) error {
	if h.provider == nil {
		return errNoSingleSignOn
	}
	ctx, id, form := c.Request().Context(), web.EndRoundTrip(c), login.Form{}
	trip, err := h.store.EndRoundTrip(ctx, id, web.SessionID(c))
	if err == nil && !sso.RoundTrip(id).HasState(c.QueryParam("state")) {
		err = models.ErrRoundTrip
	}
	if err != nil {
		return h.reject(c, form, err)
	}
	form.Next = trip.Next
	who, err := h.provider.Identify(ctx, sso.RoundTrip(id), c.QueryParams())
	if err != nil {
		return h.reject(c, form, err)
	}
	if trip.Proves {
		if err := h.store.ProveWithProvider(ctx, viewer.Of(ctx).User.ID, web.SessionID(c), *who); err != nil {
			return err
		}
		return web.Render(c, http.StatusOK, proof.Done())
	}
	in, err := h.store.SignInWithProvider(ctx, web.SessionID(c), web.Device(c), *who)
	if err != nil {
		return h.reject(c, form, err)
	}
	if in.PendingID != "" {
		return web.AwaitCode(c, in, form.Next)
	}
	return web.SignedIn(c, in, form.Next)
}

// needed explains that a workspace requires single sign-on.
func (h singleSignOn) needed(c echo.Context) error {
	return web.Render(c, http.StatusOK, login.SingleSignOnNeeded(web.LocalURL(c.QueryParam("next"))))
}

// reject renders the sign-in page with what went wrong at the provider and what to do, and logs the cause for the
// operator.
func (h singleSignOn) reject(c echo.Context, form login.Form, err error) error {
	status := http.StatusForbidden
	unavailable, rejected, known := new(sso.UnavailableError), new(sso.RejectedError), new(models.Error)
	switch {
	case errors.As(err, &unavailable):
		h.log.Warn("single sign-on is unavailable", "error", unavailable)
		status = http.StatusServiceUnavailable
		form.Error = h.provider.Name() + " can’t be reached. Try again in a minute, or sign in with your password. If it stays like this, tell the operator of this server."
	case errors.As(err, &rejected) && rejected.Code == "access_denied":
		form.Error = h.provider.Name() + " didn’t let you sign in, or you canceled."
	case errors.As(err, &rejected):
		h.log.Warn("rejected a single sign-on", "error", rejected)
		form.Error = "The response of " + h.provider.Name() + " isn’t valid. Try again. If it stays like this, tell the operator of this server."
	case !errors.As(err, &known):
		return err
	case known.Kind == models.RateLimited:
		form.Error, form.RetryAfter, status = known.Message, known.RetryAfter, http.StatusTooManyRequests
		setRetryAfter(c, known)
	default:
		form.Error = known.Message
	}
	return web.Render(c, status, login.SignIn(form))
}

// logOut ends the sessions that a logout token of the provider names (OpenID Connect Back-Channel Logout 1.0 §2.8).
func (h singleSignOn) logOut(c echo.Context) error {
	if h.provider == nil {
		return errNoSingleSignOn
	}
	ctx := c.Request().Context()
	logout, err := h.provider.Logout(ctx, c.FormValue("logout_token"))
	if err == nil {
		err = h.store.SignOutByProvider(ctx, *logout)
	}
	unavailable, rejected := new(sso.UnavailableError), new(sso.RejectedError)
	switch {
	case err == nil:
		return c.NoContent(http.StatusOK)
	case errors.As(err, &unavailable):
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
	case errors.As(err, &rejected), models.IsKind(err, models.Invalid):
		h.log.Warn("rejected a logout token", "error", err)
		return c.JSON(http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "The logout token isn't valid, or was used before."})
	}
	return err
}
