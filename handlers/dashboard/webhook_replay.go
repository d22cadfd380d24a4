package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/views/webhooks"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/webhook"
)

// retryFailed retries the failed deliveries that match the filter of the list.
func (h webhooksHandler) retryFailed(c echo.Context) error {
	var page webhooks.ShowPage
	if err := web.BindForm(c, &page.Query); err != nil {
		return err
	}
	filter, invalid := deliveryFilter(c, page.Query)
	if len(invalid) > 0 {
		return h.detail(c, http.StatusUnprocessableEntity, page)
	}
	retried, err := h.store.RetryFailedWebhookDeliveries(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"), filter)
	if r, rejected := rejectionOf(err); rejected {
		page.Message = r.message
		return h.detail(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return redirectWithNotice(c, in(c).Webhook(c.Param("id")), "Retrying "+webhooks.Deliveries(retried))
}

// example sends an example of an event.
func (h webhooksHandler) example() change[webhooks.EndpointPage, webhooks.ExampleForm] {
	return change[webhooks.EndpointPage, webhooks.ExampleForm]{
		subject: h.endpointPage,
		show: func(c echo.Context, status int, page webhooks.EndpointPage, form webhooks.ExampleForm, r rejection) error {
			page.Errors, page.Message = r.fields, r.message
			return web.Render(c, status, webhooks.Example(page, form))
		},
		apply: func(c echo.Context, form webhooks.ExampleForm) (next, error) {
			id := c.Param("id")
			_, err := h.store.SendWebhookExample(c.Request().Context(), web.CallerOf(c).WorkspaceID, id, models.EventType(form.Event))
			return next{"Example of " + form.Event + " sent", in(c).Webhook(id)}, err
		},
	}
}

// replay sends the events of a period again. The first step shows their number, which the second one
// confirms.
func (h webhooksHandler) replay() change[webhooks.EndpointPage, webhooks.ReplayForm] {
	return change[webhooks.EndpointPage, webhooks.ReplayForm]{
		subject: h.endpointPage,
		show: func(c echo.Context, status int, page webhooks.EndpointPage, form webhooks.ReplayForm, r rejection) error {
			page.Errors, page.Message = r.fields, r.message
			return web.Render(c, status, webhooks.Replay(page, form.OrLastDay(viewer.Of(c.Request().Context()))))
		},
		apply: func(c echo.Context, form webhooks.ReplayForm) (next, error) {
			ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
			period, invalid := form.Period(viewer.Of(ctx).Location)
			if len(invalid) > 0 {
				return next{}, &models.Error{Kind: models.Invalid, Fields: invalid}
			}
			if form.Confirmed > 0 {
				err := h.store.ReplayWebhookEvents(ctx, workspaceID, id, period, form.Confirmed)
				return next{"Sending " + ui.Plural(int64(form.Confirmed), "event") + " again", in(c).Webhook(id)}, err
			}
			events, err := h.store.ReplayableEvents(ctx, workspaceID, id, period)
			if err != nil {
				return next{}, err
			}
			page, err := h.endpointPage(c)
			if err != nil {
				return next{}, err
			}
			form.Confirmed = events
			return next{}, web.Render(c, http.StatusOK, webhooks.ConfirmReplay(page, form, period))
		},
	}
}

// curl shows the request of a delivery as a command, signed now.
func (h webhooksHandler) curl(c echo.Context) error {
	page, err := h.deliveryPage(c)
	if err != nil {
		return err
	}
	request, err := h.store.WebhookRequest(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID, page.Delivery.ID)
	if err != nil {
		return err
	}
	command, err := webhook.Curl(request, h.store.Now())
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Curl(page, command))
}
