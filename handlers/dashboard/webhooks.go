package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/webhooks"
	"github.com/skipup/keys/web"
)

// webhooksHandler serves Settings > Webhooks.
type webhooksHandler struct{ store *models.Store }

func (h webhooksHandler) list(c echo.Context) error {
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

func (h webhooksHandler) new(c echo.Context) error {
	return web.Render(c, http.StatusOK, webhooks.New(webhooks.Form{}))
}

// create adds an endpoint and shows its signing secret once. An invalid form is rendered again with
// 422 and the values entered. It does not redirect on success because the secret cannot be retrieved
// later.
func (h webhooksHandler) create(c echo.Context) error {
	var form webhooks.Form
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	endpoint, secret, err := h.store.CreateWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewWebhookEndpoint{
		URL: form.URL, Description: form.DescriptionOrNone(), Events: form.Events,
	})
	if invalid := formError(err); invalid != nil {
		form.Errors, form.Message = formErrors(invalid)
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.New(form))
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{Endpoint: endpoint, Secret: secret.Reveal()}))
}

func (h webhooksHandler) show(c echo.Context) error {
	var page webhooks.ShowPage
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &page.Query); err != nil {
		return err
	}
	return h.detail(c, http.StatusOK, page)
}

// detail completes page with the endpoint in the URL and renders it. It reads the deliveries before
// the endpoint, so that a delivery that disabled the endpoint isn't shown with an enabled one.
func (h webhooksHandler) detail(c echo.Context, status int, page webhooks.ShowPage) (err error) {
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

func (h webhooksHandler) edit(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Edit(endpoint, webhooks.FormOf(endpoint)))
}

func (h webhooksHandler) update(c echo.Context) error {
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
	if invalid := formError(err); invalid != nil {
		form.Errors, form.Message = formErrors(invalid)
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.Edit(endpoint, form))
	}
	if err != nil {
		return err
	}
	return redirectWithNotice(c, path.Webhook(endpoint.ID), "Endpoint updated")
}

// endpointPage returns the endpoint in the URL with its health.
func (h webhooksHandler) endpointPage(c echo.Context) (page webhooks.EndpointPage, err error) {
	if page.Endpoint, err = h.endpoint(c); err != nil {
		return page, err
	}
	page.Health, err = h.store.WebhookHealth(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID)
	return page, err
}

func (h webhooksHandler) confirmRotateSecret(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.RotateSecret(page))
}

// rotateSecret replaces the signing secret of an endpoint and shows the new one once.
func (h webhooksHandler) rotateSecret(c echo.Context) error {
	endpoint, secret, err := h.store.RotateWebhookSecret(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	if invalid := formError(err); invalid != nil {
		page, err := h.endpointPage(c)
		if err != nil {
			return err
		}
		page.Message = invalid.Message
		return web.Render(c, http.StatusUnprocessableEntity, webhooks.RotateSecret(page))
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{Endpoint: endpoint, Secret: secret.Reveal(), Rotated: true}))
}

func (h webhooksHandler) confirmDisable(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Disable(page))
}

func (h webhooksHandler) disable(c echo.Context) error {
	return h.setEnabled(c, false, "Endpoint disabled")
}

func (h webhooksHandler) enable(c echo.Context) error {
	return h.setEnabled(c, true, "Endpoint enabled. Sending pending deliveries.")
}

func (h webhooksHandler) setEnabled(c echo.Context, enabled bool, message string) error {
	endpoint, err := h.store.EditWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"),
		models.WebhookEndpointEdit{Enabled: models.To(enabled)})
	if err != nil {
		return err
	}
	return redirectWithNotice(c, path.Webhook(endpoint.ID), message)
}

func (h webhooksHandler) confirmDelete(c echo.Context) error {
	page, err := h.endpointPage(c)
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, webhooks.Delete(page))
}

func (h webhooksHandler) delete(c echo.Context) error {
	endpoint, err := h.endpoint(c)
	if err != nil {
		return err
	}
	if err := h.store.DeleteWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID); err != nil {
		return err
	}
	return redirectWithNotice(c, path.Webhooks, "Endpoint "+endpoint.Host()+" deleted")
}

// endpoint returns the endpoint in the URL.
func (h webhooksHandler) endpoint(c echo.Context) (*models.WebhookEndpoint, error) {
	return h.store.WebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}
