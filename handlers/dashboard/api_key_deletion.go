package dashboard

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/web"
)

// confirmForm is the form that confirms a deletion.
type confirmForm struct {
	Name   string `form:"confirm_name"`
	Reason string `form:"reason"`
}

func (f confirmForm) confirmation() models.Confirmation {
	return models.Confirmation{Name: f.Name, Reason: f.Reason}
}

// doomed is a key to delete, with its rotation if it is the old key of one.
type doomed struct {
	key      *models.APIKey
	rotation *models.Rotation
}

// delete deletes a key. The old key of a rotation is deleted by finishing the rotation.
func (h apiKeys) delete() change[doomed, confirmForm] {
	return h.deletion(h.doomed, h.store.DeleteConfirmedAPIKey)
}

// finishRotation deletes the old key of a rotation.
func (h apiKeys) finishRotation() change[doomed, confirmForm] {
	return h.deletion(func(c echo.Context) (doomed, error) {
		r, err := h.rotationInProgress(c)
		if err != nil {
			return doomed{}, err
		}
		return doomed{&r.Old, r}, nil
	}, h.store.EndRotation)
}

// deleteFunc deletes a key of a workspace.
type deleteFunc = func(ctx context.Context, workspaceID, id string, c models.Confirmation) (*models.APIKey, error)

func (h apiKeys) deletion(subject func(echo.Context) (doomed, error), delete deleteFunc) change[doomed, confirmForm] {
	return change[doomed, confirmForm]{
		subject: subject,
		show:    h.showDeletion,
		apply: func(c echo.Context, form confirmForm) (next, error) {
			key, err := delete(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), form.confirmation())
			if err != nil {
				return next{}, err
			}
			if key.ReplacementID != nil {
				return next{deletionNotice(key), path.APIKeyRotation(key.ID)}, nil
			}
			return next{deletionNotice(key), path.APIKeys}, nil
		},
	}
}

func (h apiKeys) doomed(c echo.Context) (doomed, error) {
	key, err := h.existingKey(c)
	if err != nil || !key.IsRotating() {
		return doomed{key: key}, err
	}
	r, err := h.store.Rotation(c.Request().Context(), key.WorkspaceID, key.ID)
	return doomed{key, r}, err
}

func (h apiKeys) showDeletion(c echo.Context, status int, d doomed, form confirmForm, errors models.Fields) error {
	takes, err := h.takes(c)
	if err != nil {
		return err
	}
	if d.rotation != nil {
		return web.Render(c, status, apikeys.FinishRotation(apikeys.FinishPage{
			Rotation: *d.rotation, ConfirmName: form.Name, Reason: form.Reason, Takes: takes, Errors: errors}))
	}
	return web.Render(c, status, apikeys.Delete(apikeys.DeletePage{
		Key: d.key, InUse: d.key.InUseAt(h.store.Now()), ConfirmName: form.Name, Takes: takes, Errors: errors}))
}

// cancelRotation deletes the new key of a rotation.
func (h apiKeys) cancelRotation() change[*models.Rotation, confirmForm] {
	return change[*models.Rotation, confirmForm]{
		subject: h.rotationInProgress,
		show: func(c echo.Context, status int, r *models.Rotation, form confirmForm, errors models.Fields) error {
			takes, err := h.takes(c)
			if err != nil {
				return err
			}
			return web.Render(c, status, apikeys.CancelRotation(apikeys.CancelPage{Rotation: *r, ConfirmName: form.Name, Takes: takes, Errors: errors}))
		},
		apply: func(c echo.Context, form confirmForm) (next, error) {
			id := c.Param("id")
			_, err := h.store.CancelRotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, id, form.confirmation())
			return next{"Rotation canceled. New key deleted.", path.APIKey(id)}, err
		},
	}
}

// deletionNotice summarizes the receipt of a deletion. The page of the key has the whole receipt.
func deletionNotice(key *models.APIKey) string {
	receipt, _ := key.DeletionReceipt()
	notice := fmt.Sprintf("Deleted “%s”. Rejected everywhere after %s.", key.Name, ui.Milliseconds(receipt.Took))
	if receipt.LastUsedAt == nil {
		return notice + " It was never used."
	}
	return notice
}
