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

// searchForm is the form of a search.
type searchForm struct {
	Text string `form:"q"`
}

// find renders what a search found. It doesn't repeat keys.
func (h searchHandler) find(c echo.Context) error {
	var form searchForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	found, err := h.store.SearchItems(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.Text)
	if err != nil {
		return err
	}
	return renderFound(c, form, found)
}

// findCommand renders the commands that a search found, for someone without a workspace.
func (h searchHandler) findCommand(c echo.Context) error {
	var form searchForm
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	return renderFound(c, form, models.FoundItems{})
}

func renderFound(c echo.Context, form searchForm, found models.FoundItems) error {
	page := search.Page{Text: token.Redact(form.Text), Found: found, InBox: web.ForPart(c)}
	if page.InBox {
		return web.Render(c, http.StatusOK, search.Results(page))
	}
	return web.Render(c, http.StatusOK, search.Show(page))
}
