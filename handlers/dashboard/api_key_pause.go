package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// askPause says what the pause of a key would stop, and asks for how long.
func (h apiKeys) askPause(c echo.Context) error {
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	return h.pauseForm(c, http.StatusOK, apikeys.PausePage{Key: key, Form: apikeys.PauseForm{For: apikeys.DefaultPause}})
}

// pauseForm adds what belongs to the key of page and shows it.
func (h apiKeys) pauseForm(c echo.Context, status int, page apikeys.PausePage) error {
	ctx := c.Request().Context()
	lease, err := h.store.Lease(ctx)
	if err != nil {
		return err
	}
	page.Takes = lease.ChangeTime()
	if page.Traffic, err = h.store.TrafficOf(ctx, page.Key.WorkspaceID, []string{page.Key.ID}); err != nil {
		return err
	}
	return web.Render(c, status, apikeys.Pause(page))
}

// pause has a key refused until the moment that is asked for, and answers when it is.
func (h apiKeys) pause(c echo.Context) error {
	var form apikeys.PauseForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	look := viewer.Of(ctx)
	until, complaint := form.UntilAt(h.store.Now(), look.Location)
	if complaint != "" {
		err = &models.Error{Kind: models.Invalid, Fields: models.Fields{"until": complaint}}
	} else {
		_, err = h.store.PauseAPIKey(ctx, key.WorkspaceID, key.ID, until)
	}
	if fields, refused := models.FieldsOf(err); refused {
		form.Errors = fields
		return h.pauseForm(c, http.StatusUnprocessableEntity, apikeys.PausePage{Key: key, Form: form})
	}
	if err != nil {
		return err
	}
	if err := web.SetNotice(c, "The key is paused. Every node refuses it."); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKey(key.ID))
}

// resume ends the pause of a key, and answers when every node accepts it again.
func (h apiKeys) resume(c echo.Context) error {
	key, err := h.livingKey(c)
	if err != nil {
		return err
	}
	if _, err := h.store.ResumeAPIKey(c.Request().Context(), key.WorkspaceID, key.ID); err != nil {
		return err
	}
	if err := web.SetNotice(c, "The key works again. Every node accepts it."); err != nil {
		return err
	}
	return web.Redirect(c, path.APIKey(key.ID))
}
