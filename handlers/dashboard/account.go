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

// accounts is Settings > Account, a person's own.
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
	return web.Render(c, status, account.Show(account.Page{Sessions: sessions, Current: web.SessionDigest(c), Errors: errors}))
}

// changePassword gives the person a new password; all their other sessions end.
func (h accounts) changePassword(c echo.Context) error {
	var form struct {
		Password    string `form:"password"`
		NewPassword string `form:"new_password"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	look := viewer.Of(c.Request().Context())
	err := h.store.ChangePassword(c.Request().Context(), workspaceOf(look), look.User.ID, web.SessionID(c), form.Password, form.NewPassword)
	if fields, refused := models.FieldsOf(err); refused {
		return h.page(c, http.StatusUnprocessableEntity, fields)
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, "Your password has changed. Every other browser is signed out."); err != nil {
		return err
	}
	return web.Redirect(c, path.Account)
}

// signOutEverywhere ends every session of the person, this one too.
func (h accounts) signOutEverywhere(c echo.Context) error {
	look := viewer.Of(c.Request().Context())
	if err := h.store.SignOutEverywhere(c.Request().Context(), workspaceOf(look), look.User); err != nil {
		return err
	}
	if err := web.SignedOut(c); err != nil {
		return err
	}
	return web.Redirect(c, path.SignIn)
}
