package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/webhooks"
	"github.com/skipup/keys/web"
)

// ping sends a ping and redirects to the endpoint, whose latest delivery it is.
func (h webhooksHandler) ping(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	_, err = h.store.PingWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID)
	if r, rejected := rejectionOf(err); rejected {
		return h.detail(c, http.StatusUnprocessableEntity, webhooks.ShowPage{Message: r.message})
	}
	if err != nil {
		return err
	}
	return redirectInPlace(c, "Ping sent", in(c).Webhook(endpoint.ID))
}

// redirectInPlace redirects to a page of which htmx replaces only a part. It sets the notice for full
// page loads only, because htmx would leave it to be shown on a later page.
func redirectInPlace(c echo.Context, message, url string) error {
	if !web.ForPart(c) {
		if err := web.SetNotice(c, url, message); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, url)
}

// delivery renders a delivery, or responds with 204 to a page that already shows it unchanged.
func (h webhooksHandler) delivery(c echo.Context) error {
	page, err := h.deliveryPage(c)
	if err != nil {
		return err
	}
	if web.ForPart(c) && c.QueryParam("seen") == page.Version(h.store.Now()) {
		return c.NoContent(http.StatusNoContent)
	}
	return web.Render(c, http.StatusOK, webhooks.Delivery(page))
}

// deliveryPage returns the delivery in the URL with its endpoint and its health. It reads the endpoint last,
// so that a delivery that disabled it isn't shown with an enabled endpoint.
func (h webhooksHandler) deliveryPage(c echo.Context) (page webhooks.DeliveryPage, err error) {
	page.Delivery, err = h.store.WebhookDelivery(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), c.Param("delivery_id"))
	if err != nil {
		return page, err
	}
	endpoint, err := h.endpointPage(c)
	page.Endpoint, page.Health = endpoint.Endpoint, endpoint.Health
	return page, err
}

// retry sends a delivery now and redirects to it.
func (h webhooksHandler) retry(c echo.Context) error {
	page, err := h.deliveryPage(c)
	if err != nil {
		return err
	}
	_, err = h.store.RetryWebhookDelivery(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID, page.Delivery.ID)
	if r, rejected := rejectionOf(err); rejected {
		page.Message = r.message
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.Delivery(page))
	}
	if err != nil {
		return err
	}
	return redirectInPlace(c, "Retrying delivery", in(c).WebhookDelivery(page.Endpoint.ID, page.Delivery.ID))
}
