package dashboard

import (
	"errors"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/login"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// passwordResets serves the pages for people who forgot their password.
type passwordResets struct{ store *models.Store }

// ask renders the form that asks for a link, or what to do on a server that sends no email.
func (h passwordResets) ask(c echo.Context) error {
	switch {
	case !h.store.SendsEmail():
		return web.Render(c, http.StatusOK, login.NoEmail())
	case c.QueryParam("sent") != "":
		return web.Render(c, http.StatusOK, login.ResetRequested())
	}
	return web.Render(c, http.StatusOK, login.ForgotPassword(login.ForgotForm{}))
}

// request asks for an email with a link. Its response doesn't depend on whether there is an account.
func (h passwordResets) request(c echo.Context) error {
	var form login.ForgotForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	err := h.store.RequestPasswordReset(c.Request().Context(), form.Email)
	rejected := new(models.Error)
	switch {
	case err == nil:
		return web.Redirect(c, path.ResetRequested)
	case !errors.As(err, &rejected):
		return err
	case rejected.Kind == models.RateLimited:
		form.Error, form.RetryAfter = rejected.Message, rejected.RetryAfter
		setRetryAfter(c, rejected)
		return web.Render(c, http.StatusTooManyRequests, login.ForgotPassword(form))
	case len(rejected.Fields) > 0:
		form.Errors = rejected.Fields
		return web.Render(c, http.StatusUnprocessableEntity, login.ForgotPassword(form))
	}
	return err
}

// choose renders the form for a new password. It changes nothing, because email programs may open the link
// first.
func (h passwordResets) choose(c echo.Context) error {
	link, err := h.store.ResetLink(c.Request().Context(), c.Param("token"))
	if err != nil {
		return h.invalid(c, err)
	}
	return web.Render(c, http.StatusOK, login.ResetPassword(login.ResetForm{Token: link.Token, Email: link.User.Email}))
}

// change sets the new password. The person then signs in with it.
func (h passwordResets) change(c echo.Context) error {
	ctx := c.Request().Context()
	link, err := h.store.ResetLink(ctx, c.Param("token"))
	if err != nil {
		return h.invalid(c, err)
	}
	form := login.ResetForm{Token: link.Token, Email: link.User.Email}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	err = h.store.ResetPassword(ctx, form.Token, form.Password)
	if fields, invalid := models.FieldsOf(err); invalid {
		form.Errors = fields
		return web.Render(c, http.StatusUnprocessableEntity, login.ResetPassword(form))
	}
	if err != nil {
		return h.invalid(c, err)
	}
	if err := web.SignedOut(c); err != nil { // if someone was signed in here
		return err
	}
	return web.Redirect(c, path.SignInAgain("", path.NewPassword))
}

// invalid renders what to do about a link that no longer works.
func (h passwordResets) invalid(c echo.Context, err error) error {
	return linkError(c, err, func(message string) templ.Component { return login.InvalidResetLink(message, h.store.SendsEmail()) })
}
