package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// rotation shows the rotation of a key, or asks for its successor while it has none. A
// part of the page that is seen as it is gets nothing.
func (h apiKeys) rotation(c echo.Context) error {
	r, err := h.store.Rotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if models.IsKind(err, models.NotFound) {
		return h.askRotation(c)
	}
	if err != nil {
		return err
	}
	page := apikeys.RotationPage{Rotation: *r}
	if web.ForPart(c) && c.QueryParam("seen") == page.Version() {
		return c.NoContent(http.StatusNoContent)
	}
	return web.Render(c, http.StatusOK, apikeys.Rotation(page))
}

// askRotation shows the form for a successor, with the scopes and the life of the key.
func (h apiKeys) askRotation(c echo.Context) error {
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	if err := h.store.CheckReplacement(key, models.NewReplacement{}, models.Fields{}); err != nil {
		return err
	}
	form := apikeys.RotateForm{FormID: rand.Text(), Access: apikeys.Access{Scopes: key.Scopes.Names(), Expiry: apikeys.ExpiryKeep}}
	return h.rotateForm(c, http.StatusOK, apikeys.RotatePage{Key: key, Form: form})
}

// rotateForm adds what the scopes of the key of page were needed for and shows it.
func (h apiKeys) rotateForm(c echo.Context, status int, page apikeys.RotatePage) error {
	ctx := c.Request().Context()
	uses, err := h.store.ScopeUses(ctx, page.Key.WorkspaceID, page.Key.ID, lately(ctx))
	if err != nil {
		return err
	}
	page.Uses = uses
	if page.Form.Preset == apikeys.PresetUsed {
		page.LeaveOutUnused()
	}
	return web.Render(c, status, apikeys.Rotate(page))
}

// rotate makes the successor of a key and shows it once. There is no redirect after success:
// the key cannot be read again.
func (h apiKeys) rotate(c echo.Context) error {
	var form apikeys.RotateForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	page := apikeys.RotatePage{Key: key, Form: form}
	if form.Preset != "" {
		return h.rotateForm(c, http.StatusOK, page)
	}
	ctx := c.Request().Context()
	wanted, fields := newReplacement(ctx, form)
	err = h.store.CheckReplacement(key, wanted, fields)
	if err == nil {
		next, secret, rotateErr := h.store.RotateAPIKey(ctx, key.WorkspaceID, key.ID, wanted)
		if rotateErr == nil {
			return web.Render(c, http.StatusCreated, apikeys.Created(apikeys.CreatedPage{Key: next, Secret: secret.Reveal()}))
		}
		err = rotateErr
	}
	if errors.Is(err, models.ErrFormAlreadyUsed) {
		if err := web.SetNotice(c, "The new key was made already, and shown then. If nobody has copied it, abandon this rotation and begin again."); err != nil {
			return err
		}
		return web.Redirect(c, path.APIKeyRotation(key.ID))
	}
	if fields, refused := models.FieldsOf(err); refused {
		page.Form.Errors = fields
		return h.rotateForm(c, http.StatusUnprocessableEntity, page)
	}
	return err
}

// newReplacement is what the form asks for, with complaints about what it cannot mean.
func newReplacement(ctx context.Context, form apikeys.RotateForm) (models.NewReplacement, models.Fields) {
	wanted, fields := models.NewReplacement{FormID: form.FormID}, models.Fields{}
	set, err := scope.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be scopes of the list"
	}
	wanted.Scopes = models.To(set)
	if form.FormID == "" {
		fields["form_id"] = "is missing its id; reload the page and try again"
	}
	if form.Expiry == apikeys.ExpiryKeep {
		return wanted, fields
	}
	look := viewer.Of(ctx)
	expiresAt, complaint := expiryOf(form.Access, look.Now, look.Location)
	if complaint != "" {
		fields["expires_at"] = complaint
	}
	wanted.ExpiresAt = models.To(expiresAt)
	return wanted, fields
}

// rotating is the rotation that the address names, if both of its keys are there.
func (h apiKeys) rotating(c echo.Context) (*models.Rotation, error) {
	r, err := h.store.Rotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if err == nil && !r.Old.IsRotating() {
		return nil, models.Errorf(models.NotFound, "This rotation is over.")
	}
	return r, err
}

// askRotationEnd says what the deletion of the old key would mean, before it is done.
func (h apiKeys) askRotationEnd(c echo.Context) error {
	r, err := h.rotating(c)
	if err != nil {
		return err
	}
	return h.confirmEnd(c, http.StatusOK, apikeys.EndPage{Rotation: *r})
}

func (h apiKeys) confirmEnd(c echo.Context, status int, page apikeys.EndPage) error {
	lease, err := h.store.Lease(c.Request().Context())
	if err != nil {
		return err
	}
	page.Takes = lease.ChangeTime()
	return web.Render(c, status, apikeys.EndRotation(page))
}

// endRotation deletes the old key. If it is in use without having been so when the page was
// drawn, the answer asks for what is needed then.
func (h apiKeys) endRotation(c echo.Context) error {
	var form struct {
		ConfirmName string `form:"confirm_name"`
		Reason      string `form:"reason"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	r, err := h.rotating(c)
	if err != nil {
		return err
	}
	key, err := h.store.EndRotation(c.Request().Context(), r.Old.WorkspaceID, r.Old.ID, models.RotationEnd{Name: form.ConfirmName, Reason: form.Reason})
	if fields, refused := models.FieldsOf(err); refused {
		return h.confirmEnd(c, http.StatusUnprocessableEntity,
			apikeys.EndPage{Rotation: *r, ConfirmName: form.ConfirmName, Reason: form.Reason, Errors: fields})
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, deletionNotice(key)); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKeyRotation(key.ID))
}

// askCancelRotation says what the deletion of the new key would mean, before it is done.
func (h apiKeys) askCancelRotation(c echo.Context) error {
	r, err := h.rotating(c)
	if err != nil {
		return err
	}
	return h.confirmCancelRotation(c, http.StatusOK, apikeys.CancelRotationPage{Rotation: *r})
}

func (h apiKeys) confirmCancelRotation(c echo.Context, status int, page apikeys.CancelRotationPage) error {
	lease, err := h.store.Lease(c.Request().Context())
	if err != nil {
		return err
	}
	page.Takes = lease.ChangeTime()
	return web.Render(c, status, apikeys.CancelRotation(page))
}

func (h apiKeys) cancelRotation(c echo.Context) error {
	var form struct {
		ConfirmName string `form:"confirm_name"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	r, err := h.rotating(c)
	if err != nil {
		return err
	}
	_, err = h.store.CancelRotation(c.Request().Context(), r.Old.WorkspaceID, r.Old.ID, form.ConfirmName)
	if fields, refused := models.FieldsOf(err); refused {
		return h.confirmCancelRotation(c, http.StatusUnprocessableEntity,
			apikeys.CancelRotationPage{Rotation: *r, ConfirmName: form.ConfirmName, Errors: fields})
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, "The rotation is abandoned. The new key is deleted, and this one goes on."); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKey(r.Old.ID))
}

// addLineage adds the line of the key of page, and how much each key of it was used lately.
func (h apiKeys) addLineage(ctx context.Context, page *apikeys.DetailPage) error {
	line, err := h.store.RotationHistory(ctx, page.Key)
	if err != nil || len(line) < 2 {
		return err
	}
	ids := make([]string, len(line))
	for i := range line {
		ids[i] = line[i].ID
	}
	totals, err := h.store.UsageTotals(ctx, page.Key.WorkspaceID, ids, lately(ctx))
	if err != nil {
		return err
	}
	page.Lineage, page.LineageUse = line, make(map[string]int64, len(totals))
	for id, total := range totals {
		page.LineageUse[id] = total.Requests
	}
	return nil
}
