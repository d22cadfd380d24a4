package dashboard

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// keyToDelete is a key to delete, with its rotation if it is the old key of one.
type keyToDelete struct {
	key      *models.APIKey
	rotation *models.Rotation
}

// delete deletes a key. The old key of a rotation is deleted by finishing the rotation.
func (h apiKeys) delete() change[keyToDelete, confirmForm] {
	return h.deletion(h.keyToDelete, h.store.DeleteAPIKey)
}

// finishRotation deletes the old key of a rotation.
func (h apiKeys) finishRotation() change[keyToDelete, confirmForm] {
	return h.deletion(func(c echo.Context) (keyToDelete, error) {
		r, err := h.rotationInProgress(c)
		if err != nil {
			return keyToDelete{}, err
		}
		return keyToDelete{&r.Old, r}, nil
	}, h.store.EndRotation)
}

// deleteFunc deletes a key of a workspace.
type deleteFunc = func(ctx context.Context, workspaceID, id string, c models.Confirmation) (*models.APIKey, error)

func (h apiKeys) deletion(subject func(echo.Context) (keyToDelete, error), delete deleteFunc) change[keyToDelete, confirmForm] {
	return change[keyToDelete, confirmForm]{
		subject: subject,
		show:    h.showDeletion,
		apply: func(c echo.Context, form confirmForm) (next, error) {
			key, err := delete(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), form.confirmation())
			if err != nil {
				return next{}, err
			}
			if key.ReplacementID != nil {
				return next{deletionNotice(in(c), key), in(c).APIKeyRotation(key.ID)}, nil
			}
			return next{deletionNotice(in(c), key), in(c).APIKeys()}, nil
		},
	}
}

func (h apiKeys) keyToDelete(c echo.Context) (keyToDelete, error) {
	key, err := h.existingKey(c)
	if err != nil || !key.IsRotating() {
		return keyToDelete{key: key}, err
	}
	r, err := h.store.Rotation(c.Request().Context(), key.WorkspaceID, key.ID)
	return keyToDelete{key, r}, err
}

func (h apiKeys) showDeletion(c echo.Context, status int, d keyToDelete, form confirmForm, r rejection) error {
	changeTime, err := h.changeTime(c)
	if err != nil {
		return err
	}
	descendants, err := h.store.DeletableDescendants(c.Request().Context(), d.key)
	if err != nil {
		return err
	}
	if d.rotation != nil {
		return web.Render(c, status, apikeys.FinishRotation(apikeys.FinishPage{
			Rotation: *d.rotation, Descendants: descendants, Entered: form.confirmation(), ChangeTime: changeTime, Errors: r.fields, Message: r.message}))
	}
	traffic, err := h.store.TrafficOf(c.Request().Context(), d.key.WorkspaceID, []string{d.key.ID})
	if err != nil {
		return err
	}
	return web.Render(c, status, apikeys.Delete(apikeys.DeletePage{
		Key: d.key, Traffic: traffic, Descendants: descendants, Challenge: d.key.DeletionChallenge(h.store.Now()), Entered: form.confirmation(), ChangeTime: changeTime, Errors: r.fields, Message: r.message}))
}

// cancelRotation deletes the new key of a rotation.
func (h apiKeys) cancelRotation() change[*models.Rotation, confirmForm] {
	return change[*models.Rotation, confirmForm]{
		subject: h.rotationInProgress,
		show: func(c echo.Context, status int, rotation *models.Rotation, form confirmForm, r rejection) error {
			changeTime, err := h.changeTime(c)
			if err != nil {
				return err
			}
			return web.Render(c, status, apikeys.CancelRotation(apikeys.CancelPage{Rotation: *rotation, Entered: form.confirmation(), ChangeTime: changeTime, Errors: r.fields, Message: r.message}))
		},
		apply: func(c echo.Context, form confirmForm) (next, error) {
			id := c.Param("id")
			_, err := h.store.CancelRotation(c.Request().Context(), web.CallerOf(c).WorkspaceID, id, form.confirmation())
			return next{"Rotation canceled. New key deleted.", in(c).APIKey(id)}, err
		},
	}
}

// deletionNotice summarizes the receipt of a deletion, and links to the page of the key, which shows it all.
func deletionNotice(in path.Workspace, key *models.APIKey) string {
	receipt, _ := key.DeletionReceipt()
	text := fmt.Sprintf("Deleted “%s”. Rejected everywhere after %s.", ui.Isolate(key.Name), ui.Milliseconds(receipt.Took))
	if receipt.LastUsedAt == nil {
		text += " It was never used."
	}
	return viewer.Notice{Text: text, Link: in.APIKey(key.ID), LinkLabel: "View receipt"}.String()
}
