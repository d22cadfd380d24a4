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

func (h apiKeys) pause() change[*models.APIKey, apikeys.PauseForm] {
	return change[*models.APIKey, apikeys.PauseForm]{
		subject: h.existingKey,
		form:    func(*models.APIKey) apikeys.PauseForm { return apikeys.PauseForm{For: apikeys.DefaultPause} },
		show: func(c echo.Context, status int, key *models.APIKey, form apikeys.PauseForm, r rejection) error {
			traffic, err := h.store.TrafficOf(c.Request().Context(), key.WorkspaceID, []string{key.ID})
			if err != nil {
				return err
			}
			changeTime, err := h.changeTime(c)
			if err != nil {
				return err
			}
			return web.Render(c, status, apikeys.Pause(apikeys.PausePage{
				Key: key, Form: form, Errors: r.fields, Message: r.message, Traffic: traffic, ChangeTime: changeTime,
			}))
		},
		apply: func(c echo.Context, form apikeys.PauseForm) (next, error) {
			ctx, id := c.Request().Context(), c.Param("id")
			until, invalid := form.UntilAt(h.store.Now(), viewer.Of(ctx).Location)
			if invalid != nil {
				return next{}, &models.Error{Kind: models.Invalid, Fields: invalid}
			}
			key, err := h.store.PauseAPIKey(ctx, web.CallerOf(c).WorkspaceID, id, until)
			if err != nil {
				return next{}, err
			}
			notice := viewer.Notice{Text: fmt.Sprintf("Paused “%s”.", ui.Isolate(key.Name)), Undo: in(c).APIKeyResume(id)}
			return next{notice.String(), in(c).APIKey(id)}, nil
		},
	}
}

// resume ends the pause of a key.
func (h apiKeys) resume(c echo.Context) error {
	key, err := h.existingKey(c)
	if err != nil {
		return err
	}
	if _, err := h.store.ResumeAPIKey(c.Request().Context(), key.WorkspaceID, key.ID); err != nil {
		return err
	}
	text := fmt.Sprintf("Resumed “%s”.", ui.Isolate(key.Name))
	if key.IsScheduledForDeletion() {
		text += " It won’t be deleted."
	}
	return redirectWithNotice(c, in(c).APIKey(key.ID), text)
}
