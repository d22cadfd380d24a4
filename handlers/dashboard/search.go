package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/views/search"
	"github.com/skipup/keys/web"
)

// searchHandler searches for everything in a workspace. Searches are sent by POST, because they may
// contain keys, which must not be in URLs.
type searchHandler struct{ store *models.Store }

func (h searchHandler) new(c echo.Context) error {
	return web.Render(c, http.StatusOK, search.Show(search.Page{}))
}

// shortcuts lists the keyboard shortcuts.
func (h searchHandler) shortcuts(c echo.Context) error {
	return web.Render(c, http.StatusOK, search.Shortcuts())
}

// find renders what a search found, which are only commands for someone who may not view a workspace. It doesn't
// repeat keys.
func (h searchHandler) find(c echo.Context) error {
	var form struct {
		Text string `form:"q"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	page := search.Page{Text: token.Redact(form.Text), InBox: web.ForPart(c)}
	if web.May(c, models.ViewWorkspace) {
		var err error
		if page.Found, err = h.store.SearchItems(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.Text); err != nil {
			return err
		}
	}
	if page.InBox {
		return web.Render(c, http.StatusOK, search.Results(page))
	}
	return web.Render(c, http.StatusOK, search.Show(page))
}
