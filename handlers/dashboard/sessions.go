package dashboard

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/login"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/setup"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// sessions serves sign-in, sign-out, and the choice of preferences.
type sessions struct{ store *models.Store }

// new renders the sign-in page. Users who are already signed in are redirected, and those who should be
// learn why they aren't.
func (h sessions) new(c echo.Context) error {
	ctx := c.Request().Context()
	next := web.LocalURL(c.QueryParam("next"))
	if viewer.Of(ctx).User != nil {
		return web.Redirect(c, next)
	}
	needed, err := h.store.NeedsSetup(ctx)
	if err != nil {
		return err
	}
	if needed {
		return web.Render(c, http.StatusServiceUnavailable, setup.Required())
	}
	form := login.Form{Next: next, Reason: c.QueryParam("signed_out")}
	if c.QueryParam("signed_in") != "" {
		form.Error = web.LostSession(c)
	}
	return web.Render(c, http.StatusOK, login.SignIn(form))
}

func (h sessions) create(c echo.Context) error {
	var form login.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	form.Next = web.LocalURL(form.Next)
	in, err := h.store.SignIn(c.Request().Context(), web.SessionID(c), models.Credentials{
		Email: form.Email, Password: form.Password, Device: web.Device(c),
	})
	if rejection, is := errors.AsType[*models.Error](err); is {
		return h.reject(c, form, rejection)
	}
	if err != nil {
		return err
	}
	if in.PendingID != "" {
		return web.AwaitCode(c, in, form.Next)
	}
	return web.SignedIn(c, in, form.Next)
}

// askCode renders the page that asks for a second factor after the password.
func (h sessions) askCode(c echo.Context) error {
	return h.codePage(c, http.StatusOK, login.CodeForm{Next: web.LocalURL(c.QueryParam("next"))})
}

func (h sessions) codePage(c echo.Context, status int, form login.CodeForm) error {
	ctx := c.Request().Context()
	user, err := h.store.PendingUser(ctx, web.PendingSignIn(c))
	if errors.Is(err, models.ErrPendingSignIn) {
		return web.Redirect(c, path.SignInAgain(form.Next, path.CodeExpired))
	}
	if err != nil {
		return err
	}
	state, err := h.store.SecondFactorOf(ctx, user.ID)
	if err != nil {
		return err
	}
	form.HasApp, form.HasPasskey = state.HasApp(), len(state.Passkeys) > 0 && relyingParty(c) != nil
	return web.Render(c, status, login.Code(form))
}

// enterCode completes a sign-in with a code or a passkey.
func (h sessions) enterCode(c echo.Context) error {
	var form login.CodeForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	form.Next = web.LocalURL(form.Next)
	in, err := h.completeSignIn(c, form)
	rejected := new(models.Error)
	switch {
	case err == nil:
		return web.SignedIn(c, in, form.Next)
	case errors.Is(err, models.ErrPendingSignIn):
		return web.Redirect(c, path.SignInAgain(form.Next, path.CodeExpired))
	case !errors.As(err, &rejected):
		return err
	}
	form.Error, form.RetryAfter = rejectedCode(rejected), rejected.RetryAfter
	return h.codePage(c, statusOf(c, rejected), form)
}

func (h sessions) completeSignIn(c echo.Context, form login.CodeForm) (*models.SignedIn, error) {
	ctx := c.Request().Context()
	if form.Passkey != "" {
		return h.store.CompleteSignInWithPasskey(ctx, relyingParty(c), web.SessionID(c), web.PendingSignIn(c), web.Device(c), form.Passkey)
	}
	return h.store.SignInWithCode(ctx, web.SessionID(c), web.PendingSignIn(c), web.Device(c), form.Code)
}

// reject renders the sign-in page again with the error and the email entered.
func (h sessions) reject(c echo.Context, form login.Form, rejection *models.Error) error {
	form.Error, form.RetryAfter = rejection.Message, rejection.RetryAfter
	return web.Render(c, statusOf(c, rejection), login.SignIn(form))
}

func (h sessions) delete(c echo.Context) error {
	v := viewer.Of(c.Request().Context())
	if err := h.store.SignOut(c.Request().Context(), web.SessionID(c), v.User); err != nil {
		return err
	}
	if err := web.SignedOut(c); err != nil {
		return err
	}
	return web.Redirect(c, path.SignIn)
}

// setPreference stores the preference that the form has.
func (h sessions) setPreference(c echo.Context) error {
	var form struct {
		Theme   string `form:"theme"`
		Times   string `form:"times"`
		Density string `form:"density"`
		Next    string `form:"next"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if form.Theme != "" {
		web.SetTheme(c, viewer.ParseTheme(form.Theme))
	}
	if form.Times != "" {
		web.SetTimes(c, viewer.ParseTimes(form.Times))
	}
	if form.Density != "" {
		web.SetDensity(c, viewer.ParseDensity(form.Density))
	}
	return web.Redirect(c, web.LocalURL(form.Next))
}
