package dashboard

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/web"
)

// askBulkDelete asks for confirmation before the selected keys, or those with a finding, are deleted.
func (h apiKeys) askBulkDelete(c echo.Context) error {
	keys, err := h.selectedKeys(c)
	if err != nil {
		return err
	}
	return h.bulkDeleteForm(c, http.StatusOK, apikeys.BulkDeletePage{Form: apikeys.BulkDeleteForm{Keys: keys}})
}

// selectedKeys returns the IDs of the keys in the query or, if it has none, of those with the finding that it
// names, as many as can be changed together.
func (h apiKeys) selectedKeys(c echo.Context) ([]string, error) {
	if keys := c.QueryParams()["key"]; len(keys) > 0 {
		return keys, nil
	}
	query, err := apikeys.ParseQuery(in(c), c.QueryParams())
	if err != nil || apikeys.FindingOf(query.Get(apikeys.ByReview)) == "" {
		return nil, err
	}
	filter := filterOf(query, h.store.Scopes())
	filter.PageNumber, filter.PageSize = 1, models.MaxSelectedKeys
	list, err := h.store.APIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID, filter)
	return models.APIKeyIDs(list.Keys), err
}

// bulkDeleteForm shows the keys of page that can be deleted here. The old key of a rotation that is in
// use is deleted on the page of the rotation, which asks for a reason.
func (h apiKeys) bulkDeleteForm(c echo.Context, status int, page apikeys.BulkDeletePage) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	existing, err := h.existingKeys(c, page.Form.Keys)
	if err != nil {
		return err
	}
	if len(existing) == 0 {
		return models.Errorf(models.NotFound, "These keys were already deleted.")
	}
	page.Gone = len(page.Form.Keys) - len(existing)
	if page.Rotations, err = h.store.RotationsInUse(ctx, workspaceID, existing); err != nil {
		return err
	}
	existing = withoutOld(existing, page.Rotations)
	page.Keys = existing
	now := h.store.Now()
	page.Challenge = models.BulkDeleteChallenge(existing, now)
	for i := range existing {
		if existing[i].InUseAt(now) {
			page.InUse++
		}
	}
	if page.Traffic, err = h.store.TrafficOf(ctx, workspaceID, models.APIKeyIDs(existing)); err != nil {
		return err
	}
	if page.ChangeTime, err = h.changeTime(c); err != nil {
		return err
	}
	return web.Render(c, status, apikeys.BulkDelete(page))
}

// withoutOld returns keys without the old keys of rotations.
func withoutOld(keys []models.APIKey, rotations []*models.Rotation) []models.APIKey {
	return slices.DeleteFunc(keys, func(k models.APIKey) bool {
		return slices.ContainsFunc(rotations, func(r *models.Rotation) bool { return r.Old.ID == k.ID })
	})
}

// existingKeys returns the keys of the workspace with these IDs that are not deleted.
func (h apiKeys) existingKeys(c echo.Context, ids []string) ([]models.APIKey, error) {
	keys, err := h.store.APIKeysByID(c.Request().Context(), web.CallerOf(c).WorkspaceID, ids)
	if err != nil {
		return nil, err
	}
	var existing []models.APIKey
	for _, key := range keys {
		if key.DeletedAt == nil {
			existing = append(existing, key)
		}
	}
	return existing, nil
}

// bulkDelete deletes all or none of the keys in the form, and redirects to their receipts.
func (h apiKeys) bulkDelete(c echo.Context) error {
	var form apikeys.BulkDeleteForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	deleted, err := h.store.BulkDeleteAPIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.Keys, models.Confirmation{Number: form.ConfirmNumber})
	if fields, invalid := models.FieldsOf(err); invalid {
		form.Errors = fields
		return h.bulkDeleteForm(c, http.StatusUnprocessableEntity, apikeys.BulkDeletePage{Form: form})
	}
	if models.IsKind(err, models.NotFound) || models.IsKind(err, models.FailedPrecondition) {
		return h.bulkDeleteForm(c, http.StatusUnprocessableEntity, apikeys.BulkDeletePage{Form: form, Stopped: err.Error()})
	}
	if err != nil {
		return err
	}
	// Not web.Redirect: htmx replaces the panel of the form with the panel of the receipts.
	return c.Redirect(http.StatusSeeOther, apikeys.ReceiptsOf(in(c), deleted))
}

// receipts shows the receipts of the keys that the query names.
func (h apiKeys) receipts(c echo.Context) error {
	keys, err := h.store.APIKeysByID(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.QueryParams()["key"])
	if err != nil {
		return err
	}
	deleted := keys[:0]
	for _, key := range keys {
		if key.DeletedAt != nil {
			deleted = append(deleted, key)
		}
	}
	if len(deleted) == 0 {
		return models.Errorf(models.NotFound, "None of these keys have been deleted.")
	}
	return web.Render(c, http.StatusOK, apikeys.Receipts(deleted))
}
