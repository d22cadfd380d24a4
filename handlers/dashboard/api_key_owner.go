package dashboard

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/web"
)

// askAssign asks who is to own the selected keys, or those that the list finds.
func (h apiKeys) askAssign(c echo.Context) error {
	keys, err := h.selectedKeys(c)
	if err != nil {
		return err
	}
	return h.assignForm(c, http.StatusOK, apikeys.AssignForm{Keys: keys}, "")
}

func (h apiKeys) assignForm(c echo.Context, status int, form apikeys.AssignForm, message string) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	keys, err := h.existingKeys(c, form.Keys)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return models.Errorf(models.NotFound, "These keys were already deleted.")
	}
	page := apikeys.AssignPage{Form: form, Keys: keys, Gone: len(form.Keys) - len(keys), Message: message}
	if page.Owners, err = h.store.OwnersOf(ctx, workspaceID, keys); err != nil {
		return err
	}
	if page.People, err = h.store.PossibleOwners(ctx, workspaceID); err != nil {
		return err
	}
	return web.Render(c, status, apikeys.Assign(page))
}

// assign gives the keys in the form another owner, all or none.
func (h apiKeys) assign(c echo.Context) error {
	var form apikeys.AssignForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	ownerID, err := h.store.FindOwner(ctx, workspaceID, form.OwnerID)
	assigned := 0
	if err == nil {
		assigned, err = h.store.AssignAPIKeys(ctx, workspaceID, form.Keys, ownerID)
	}
	if fields, invalid := models.FieldsOf(err); invalid {
		form.Errors = fields
		return h.assignForm(c, http.StatusUnprocessableEntity, form, "")
	}
	if models.IsKind(err, models.NotFound) {
		return h.assignForm(c, http.StatusUnprocessableEntity, form, err.Error())
	}
	if err != nil {
		return err
	}
	owner, err := h.store.Member(ctx, workspaceID, ownerID)
	if err != nil {
		return err
	}
	return redirectWithNotice(c, listURL(c, in(c).APIKeys()), fmt.Sprintf("Assigned %s to %s", ui.Plural(int64(assigned), "key"), ui.Isolate(owner.DisplayName())))
}
