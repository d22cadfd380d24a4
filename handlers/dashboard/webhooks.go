package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/webhooks"
	"github.com/skipup/keys/web"
)

// webhookEndpoints is Settings > Webhooks.
type webhookEndpoints struct{ store *models.Store }

func (h webhookEndpoints) list(c echo.Context) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	page, err := h.store.WebhookEndpoints(ctx, workspaceID, models.Page{Limit: models.MaxWebhookEndpoints})
	if err != nil {
		return err
	}
	ids := make([]string, len(page.Items))
	for i := range page.Items {
		ids[i] = page.Items[i].ID
	}
	healths, err := h.store.WebhookHealths(ctx, workspaceID, ids)
	if err != nil {
		return err
	}
	endpoints := make([]webhooks.Listed, len(page.Items))
	for i, endpoint := range page.Items {
		endpoints[i] = webhooks.Listed{WebhookEndpoint: endpoint, Health: healths[endpoint.ID]}
	}
	return web.Render(c, http.StatusOK, webhooks.List(endpoints))
}

func (h webhookEndpoints) ask(c echo.Context) error {
	return web.Render(c, http.StatusOK, webhooks.New(webhooks.Form{}))
}

// create makes an endpoint and shows its secret once. Bad input gets the form back with 422,
// everything typed still in place. There is no redirect after success: the secret cannot be read
// again.
func (h webhookEndpoints) create(c echo.Context) error {
	var form webhooks.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	endpoint, secret, err := h.store.CreateWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewWebhookEndpoint{
		URL: form.URL, Description: form.DescriptionOrNone(), Events: form.Events,
	})
	if refused := refusalOf(err); refused != nil {
		form.Errors, form.Refusal = complaints(refused)
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.New(form))
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{Endpoint: endpoint, Secret: secret.Reveal()}))
}

func (h webhookEndpoints) show(c echo.Context) error {
	var page webhooks.ShowPage
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &page.Query); err != nil {
		return err
	}
	return h.detail(c, http.StatusOK, page)
}

// detail adds to page the endpoint that the address names, with what belongs to it, and shows it.
// The deliveries come first: what the last of them did to the endpoint is then seen with it.
func (h webhookEndpoints) detail(c echo.Context, status int, page webhooks.ShowPage) (err error) {
	ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
	page.Deliveries, err = h.store.WebhookDeliveries(ctx, workspaceID, id, page.Query.Filter(),
		models.Page{Limit: webhooks.PageSize, Cursor: page.Query.Cursor})
	if err != nil {
		return err
	}
	if page.Endpoint, err = h.endpoint(c); err != nil {
		return err
	}
	if page.Health, err = h.store.WebhookHealth(ctx, workspaceID, id); err != nil {
		return err
	}
	if page.History, err = h.store.AuditEventsOf(ctx, workspaceID, id, historyLength); err != nil {
		return err
	}
	return web.Render(c, status, webhooks.Show(page))
}

func (h webhookEndpoints) edit(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Edit(endpoint, webhooks.FormOf(endpoint)))
}

func (h webhookEndpoints) update(c echo.Context) error {
	var form webhooks.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	_, err = h.store.EditWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID, models.WebhookEndpointEdit{
		URL: models.To(form.URL), Description: models.To(form.DescriptionOrNone()), Events: models.To(form.Events),
	})
	if refused := refusalOf(err); refused != nil {
		form.Errors, form.Refusal = complaints(refused)
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.Edit(endpoint, form))
	}
	if err != nil {
		return err
	}
	return h.done(c, "The endpoint is changed.", path.Webhook(endpoint.ID))
}

// done leads on to a page, with a message.
func (h webhookEndpoints) done(c echo.Context, message, address string) error {
	if err := web.SetNotice(c, message); err != nil {
		return err
	}
	return web.Redirect(c, address)
}

// endpointPage is the endpoint that the address names, and how it fares.
func (h webhookEndpoints) endpointPage(c echo.Context) (page webhooks.EndpointPage, err error) {
	if page.Endpoint, err = h.endpoint(c); err != nil {
		return page, err
	}
	page.Health, err = h.store.WebhookHealth(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID)
	return page, err
}

// askRotation says what a new secret would mean, before there is one.
func (h webhookEndpoints) askRotation(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.RotateSecret(page))
}

// rotateSecret gives an endpoint a new secret and shows it once.
func (h webhookEndpoints) rotateSecret(c echo.Context) error {
	endpoint, secret, err := h.store.RotateWebhookSecret(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if refused := refusalOf(err); refused != nil {
		page, err := h.endpointPage(c)
		if err != nil {
			return err
		}
		page.Refusal = refused.Message
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.RotateSecret(page))
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{Endpoint: endpoint, Secret: secret.Reveal(), Rotated: true}))
}

// askDisabling says what it would mean to disable an endpoint, before it is done.
func (h webhookEndpoints) askDisabling(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Disable(page))
}

func (h webhookEndpoints) disable(c echo.Context) error {
	return h.setEnabled(c, false, "The endpoint is disabled. Nothing is sent to it any more.")
}

func (h webhookEndpoints) enable(c echo.Context) error {
	return h.setEnabled(c, true, "The endpoint is enabled. What has waited for it is sent now.")
}

func (h webhookEndpoints) setEnabled(c echo.Context, enabled bool, message string) error {
	endpoint, err := h.store.EditWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"),
		models.WebhookEndpointEdit{Enabled: models.To(enabled)})
	if err != nil {
		return err
	}
	return h.done(c, message, path.Webhook(endpoint.ID))
}

// askDeletion says what the deletion of an endpoint would mean, before it is done.
func (h webhookEndpoints) askDeletion(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Delete(page))
}

func (h webhookEndpoints) delete(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	if err := h.store.DeleteWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID); err != nil {
		return err
	}
	return h.done(c, "The endpoint at "+endpoint.Host()+" is deleted.", path.Webhooks)
}

// endpoint is the one that the address names.
func (h webhookEndpoints) endpoint(c echo.Context) (*models.WebhookEndpoint, error) {
	return h.store.WebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}
