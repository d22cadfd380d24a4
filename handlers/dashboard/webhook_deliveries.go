package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/webhooks"
	"github.com/skipup/keys/web"
)

// ping has an endpoint sent a ping, and leads to its deliveries, of which the ping is the newest.
func (h webhookEndpoints) ping(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	_, err = h.store.PingWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID)
	if refused := refusalOf(err); refused != nil {
		return h.detail(c, http.StatusUnprocessableEntity, webhooks.ShowPage{Refusal: refused.Message})
	}
	if err != nil {
		return err
	}
	return seeInPlace(c, "The ping is on its way.", path.Webhook(endpoint.ID))
}

// seeInPlace leads on to a page of which htmx takes the part that it wants, so that it follows
// this redirect too.
func seeInPlace(c echo.Context, message, address string) error {
	if !web.ForPart(c) {
		if err := web.SetNotice(c, message); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// delivery shows a delivery. A part of a page that has seen it as it is gets nothing.
func (h webhookEndpoints) delivery(c echo.Context) error {
	page, err := h.deliveryPage(c)
	if err != nil {
		return err
	}
	if web.ForPart(c) && c.QueryParam("seen") == page.Version(h.store.Now()) {
		return c.NoContent(http.StatusNoContent)
	}
	return h.showDelivery(c, http.StatusOK, page)
}

// deliveryPage is the delivery that the address names, and then its endpoint, so that what the one
// did to the other is seen with it.
func (h webhookEndpoints) deliveryPage(c echo.Context) (page webhooks.DeliveryPage, err error) {
	page.Delivery, err = h.store.WebhookDelivery(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), c.Param("delivery_id"))
	if err != nil {
		return page, err
	}
	page.Endpoint, err = h.endpoint(c)
	return page, err
}

// showDelivery adds how the endpoint of page fares and shows it.
func (h webhookEndpoints) showDelivery(c echo.Context, status int, page webhooks.DeliveryPage) (err error) {
	if page.Health, err = h.store.WebhookHealth(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID); err != nil {
		return err
	}
	return web.Render(c, status, webhooks.Delivery(page))
}

// retry has a delivery attempted now, and leads to it.
func (h webhookEndpoints) retry(c echo.Context) error {
	page, err := h.deliveryPage(c)
	if err != nil {
		return err
	}
	_, err = h.store.RetryWebhookDelivery(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID, page.Delivery.ID)
	if refused := refusalOf(err); refused != nil {
		page.Refusal = refused.Message
		return h.showDelivery(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return seeInPlace(c, "The delivery is being sent.", path.WebhookDelivery(page.Endpoint.ID, page.Delivery.ID))
}
