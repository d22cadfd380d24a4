package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/web"
)

// review renders the number of keys with each finding. The list page loads it separately.
func (h apiKeys) review(c echo.Context) error {
	found, err := h.store.ReviewAPIKeys(c.Request().Context(), web.CallerOf(c).WorkspaceID)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, apikeys.Review(apikeys.ReviewPage{Review: found, Current: apikeys.FindingOf(c.QueryParam("review"))}))
}

// evidence returns why keys have the finding that the list is filtered by.
func (h apiKeys) evidence(c echo.Context, query ui.ListQuery, keys []models.APIKey) (map[string]models.Evidence, error) {
	return h.store.EvidenceOf(c.Request().Context(), web.CallerOf(c).WorkspaceID, apikeys.FindingOf(query.Get(apikeys.ByReview)), keys)
}
