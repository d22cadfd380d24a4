package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/web"
)

// askShorten asks for confirmation before the lifetimes of the selected keys, or of those that the list finds,
// are shortened to what the policy allows.
func (h apiKeys) askShorten(c echo.Context) error {
	keys, err := h.selectedKeys(c)
	if err != nil {
		return err
	}
	return h.shortenForm(c, http.StatusOK, apikeys.ShortenForm{Keys: keys}, "")
}

func (h apiKeys) shortenForm(c echo.Context, status int, form apikeys.ShortenForm, message string) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	keys, err := h.store.APIKeysByID(ctx, workspaceID, form.Keys)
	if err != nil {
		return err
	}
	policy, err := h.store.KeyPolicy(ctx, workspaceID)
	if err != nil {
		return err
	}
	page := apikeys.ShortenPage{Message: message}
	for i := range keys {
		if policy.Shortened(&keys[i], h.store.Now()) != nil {
			page.Keys = append(page.Keys, keys[i])
		}
	}
	page.Left = len(form.Keys) - len(page.Keys)
	if page.ChangeTime, err = h.changeTime(c); err != nil {
		return err
	}
	return web.Render(c, status, apikeys.Shorten(page))
}

// shorten shortens the lifetimes of the keys in the form and shows a receipt.
func (h apiKeys) shorten(c echo.Context) error {
	var form apikeys.ShortenForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	keys, effect, err := h.store.ShortenLifetimes(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.Keys)
	if models.IsKind(err, models.FailedPrecondition) {
		return h.shortenForm(c, http.StatusUnprocessableEntity, form, err.Error())
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, apikeys.Shortened(apikeys.ShortenedPage{Keys: keys, Effect: effect}))
}
