package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/setup"
	"github.com/skipup/keys/web"
)

// setUp serves the one-time link that a server prints when it starts on an empty database.
type setUp struct{ store *models.Store }

func (h setUp) new(c echo.Context) error {
	token := c.Param("token")
	if err := h.store.CheckSetupLink(c.Request().Context(), token); err != nil {
		return linkError(c, err, setup.InvalidLink)
	}
	return web.Render(c, http.StatusOK, setup.SetUp(setup.Form{Token: token, Database: h.store.Database()}))
}

// create creates the workspace and its first admin, and signs them in.
func (h setUp) create(c echo.Context) error {
	form := setup.Form{Token: c.Param("token"), Database: h.store.Database()}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	ctx := c.Request().Context()
	_, member, err := h.store.SetUp(ctx, form.Token, models.NewWorkspace{
		Name: form.Workspace, AdminEmail: form.Email, AdminName: form.Name, Password: form.Password,
	})
	if fields, invalid := models.FieldsOf(err); invalid {
		form.Errors = fields
		return web.Render(c, http.StatusUnprocessableEntity, setup.SetUp(form))
	}
	if err != nil {
		return linkError(c, err, setup.InvalidLink)
	}
	in, err := h.store.SignInNew(ctx, member)
	if err != nil {
		return err
	}
	return web.SignedIn(c, in, path.Workspace(member.WorkspaceID).APIKeys())
}
