package dashboard

import (
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// scheduleDeletion pauses a key and deletes it later, from the form that deletes it.
func (h apiKeys) scheduleDeletion() change[keyToDelete, confirmForm] {
	scheduled := h.delete()
	scheduled.apply = func(c echo.Context, form confirmForm) (next, error) {
		key, err := h.store.ScheduleDeletion(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), form.confirmation())
		if err != nil {
			return next{}, err
		}
		at := ui.Exact(*key.DeleteAt, viewer.Of(c.Request().Context()).Location)
		return next{fmt.Sprintf("Paused “%s”. It will be deleted on %s.", ui.Isolate(key.Name), at), in(c).APIKey(key.ID)}, nil
	}
	return scheduled
}

// cancelDeletion cancels the scheduled deletion of a key, which stays paused.
func (h apiKeys) cancelDeletion() change[*models.APIKey, struct{}] {
	return change[*models.APIKey, struct{}]{
		subject: h.scheduledKey,
		show: func(c echo.Context, status int, key *models.APIKey, _ struct{}, r rejection) error {
			rejected, err := h.store.RejectedSincePause(c.Request().Context(), key)
			if err != nil {
				return err
			}
			changeTime, err := h.changeTime(c)
			if err != nil {
				return err
			}
			return web.Render(c, status, apikeys.CancelDeletion(apikeys.CancelDeletionPage{
				Key: key, Rejected: rejected, ChangeTime: changeTime, Message: r.message,
			}))
		},
		apply: func(c echo.Context, _ struct{}) (next, error) {
			key, err := h.store.CancelDeletion(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
			if err != nil {
				return next{}, err
			}
			return next{fmt.Sprintf("“%s” won’t be deleted. It stays paused.", ui.Isolate(key.Name)), in(c).APIKey(key.ID)}, nil
		},
	}
}

// scheduledKey returns the key that the path names, if it is scheduled for deletion.
func (h apiKeys) scheduledKey(c echo.Context) (*models.APIKey, error) {
	key, err := h.existingKey(c)
	if err == nil && !key.IsScheduledForDeletion() {
		return nil, models.Errorf(models.NotFound, "This key isn’t scheduled for deletion. Someone may have canceled that.")
	}
	return key, err
}
