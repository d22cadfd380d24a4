package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/account"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// accounts serves Settings > Account.
type accounts struct{ store *models.Store }

func (h accounts) show(c echo.Context) error {
	return h.page(c, http.StatusOK, nil)
}

func (h accounts) page(c echo.Context, status int, errors models.Fields) error {
	ctx := c.Request().Context()
	sessions, err := h.store.SessionsOf(ctx, viewer.Of(ctx).User.ID)
	if err != nil {
		return err
	}
	factor, err := h.store.SecondFactorOf(ctx, viewer.Of(ctx).User.ID)
	if err != nil {
		return err
	}
	return web.Render(c, status, account.Show(account.Page{Sessions: sessions, Current: web.SessionDigest(c), Errors: errors, SecondFactor: factor}))
}

// changePassword changes the user's password, which ends all their other sessions and gives this one a
// new ID.
func (h accounts) changePassword(c echo.Context) error {
	var form struct {
		Password    string `form:"password"`
		NewPassword string `form:"new_password"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	v := viewer.Of(c.Request().Context())
	session, err := h.store.ChangePassword(c.Request().Context(), v.User.ID, web.SessionID(c), form.Password, form.NewPassword)
	if fields, invalid := models.FieldsOf(err); invalid {
		return h.page(c, http.StatusUnprocessableEntity, fields)
	}
	if err != nil {
		return err
	}
	if err := web.RenewSession(c, session); err != nil {
		return err
	}
	return redirectWithNotice(c, path.Account, "Password changed. You’ve been signed out of other sessions.")
}

// endSession ends one of the user's sessions.
func (h accounts) endSession(c echo.Context) error {
	var form sessionForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	if err := h.store.EndSession(c.Request().Context(), viewer.Of(c.Request().Context()).User, form.Session); err != nil {
		return err
	}
	return redirectWithNotice(c, path.Account, "Session ended")
}

// sessionForm is the form that ends a session.
type sessionForm struct {
	Session string `form:"session"`
}

// signOutEverywhere ends every session of the user, including this one.
func (h accounts) signOutEverywhere(c echo.Context) error {
	v := viewer.Of(c.Request().Context())
	if err := h.store.SignOutEverywhere(c.Request().Context(), v.User); err != nil {
		return err
	}
	if err := web.SignedOut(c); err != nil {
		return err
	}
	return web.Redirect(c, path.SignIn)
}

// chooseEmails turns on the selected emails to the user, and turns off the others.
func (h accounts) chooseEmails(c echo.Context) error {
	var form struct {
		Emails []string `form:"emails"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := h.store.ChangeEmails(ctx, viewer.Of(ctx).User.ID, form.Emails); err != nil {
		return err
	}
	return redirectWithNotice(c, path.Account, "Emails saved")
}
