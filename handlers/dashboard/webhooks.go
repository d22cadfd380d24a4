package dashboard

import (
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
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

// create adds an endpoint and shows its signing secret once. It does not redirect on success because
// the secret cannot be retrieved later.
func (h webhooksHandler) create() change[struct{}, webhooks.Form] {
	return change[struct{}, webhooks.Form]{
		show: func(c echo.Context, status int, _ struct{}, form webhooks.Form, r rejection) error {
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, webhooks.New(form))
		},
		apply: func(c echo.Context, form webhooks.Form) (next, error) {
			endpoint, secret, err := h.store.CreateWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, models.NewWebhookEndpoint{
				URL: form.URL, Description: form.DescriptionOrNone(), Events: form.Events,
			})
			if err != nil {
				return next{}, err
			}
			return next{}, web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{Endpoint: endpoint, Secret: secret.Reveal()}))
		},
	}
}

func (h webhooksHandler) show(c echo.Context) error {
	page := webhooks.ShowPage{}
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &page.Query); err != nil {
		return err
	}
	return h.detail(c, http.StatusOK, page)
}

// deliveryFilter returns the filter in a query, and what is wrong with its dates.
func deliveryFilter(c echo.Context, q webhooks.Query) (models.DeliveryFilter, models.Fields) {
	errors := models.Fields{}
	filter := models.DeliveryFilter{Status: models.DeliveryStatus(q.Status), EventType: models.EventType(q.Event)}
	filter.From, filter.Before = datesIn(errors, q.From, q.To, viewer.Of(c.Request().Context()).Location)
	return filter, errors
}

// detail completes page with the endpoint in the URL and renders it. It reads the deliveries before
// the endpoint, so that a delivery that disabled the endpoint isn't shown with an enabled one.
func (h webhooksHandler) detail(c echo.Context, status int, page webhooks.ShowPage) (err error) {
	ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
	filter, invalid := deliveryFilter(c, page.Query)
	if page.Errors = invalid; len(invalid) > 0 {
		status = http.StatusUnprocessableEntity
	} else if page.Deliveries, err = h.store.WebhookDeliveries(ctx, workspaceID, id, filter, models.Page{Limit: webhooks.PageSize, Cursor: page.Query.Cursor}); err != nil {
		return err
	} else if page.Failed, err = h.store.FailedWebhookDeliveries(ctx, workspaceID, id, filter); err != nil {
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

func (h webhooksHandler) edit() change[*models.WebhookEndpoint, webhooks.Form] {
	return change[*models.WebhookEndpoint, webhooks.Form]{
		subject: h.endpoint,
		form:    webhooks.FormOf,
		show: func(c echo.Context, status int, endpoint *models.WebhookEndpoint, form webhooks.Form, r rejection) error {
			form.Errors, form.Message = r.fields, r.message
			return web.Render(c, status, webhooks.Edit(endpoint, form))
		},
		apply: func(c echo.Context, form webhooks.Form) (next, error) {
			return h.save(c, "Endpoint updated", models.WebhookEndpointEdit{
				URL: models.To(form.URL), Description: models.To(form.DescriptionOrNone()), Events: models.To(form.Events),
			})
		},
	}
}

// save edits the endpoint in the URL.
func (h webhooksHandler) save(c echo.Context, notice string, edit models.WebhookEndpointEdit) (next, error) {
	id := c.Param("id")
	_, err := h.store.EditWebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, id, edit)
	return next{notice, in(c).Webhook(id)}, err
}

// confirmed returns a change of the endpoint in the URL that needs no more than confirmation.
func (h webhooksHandler) confirmed(page func(webhooks.EndpointPage) templ.Component, apply func(echo.Context, confirmForm) (next, error)) change[webhooks.EndpointPage, confirmForm] {
	return change[webhooks.EndpointPage, confirmForm]{
		subject: h.endpointPage,
		show: func(c echo.Context, status int, subject webhooks.EndpointPage, form confirmForm, r rejection) error {
			subject.Entered, subject.Errors, subject.Message = form.confirmation(), r.fields, r.message
			return web.Render(c, status, page(subject))
		},
		apply: apply,
	}
}

// endpointPage returns the endpoint in the URL with its health.
func (h webhooksHandler) endpointPage(c echo.Context) (page webhooks.EndpointPage, err error) {
	if page.Endpoint, err = h.endpoint(c); err != nil {
		return page, err
	}
	page.Health, err = h.store.WebhookHealth(c.Request().Context(), page.Endpoint.WorkspaceID, page.Endpoint.ID)
	page.Challenge = page.Endpoint.DeletionChallenge(page.Health, h.store.Now())
	return page, err
}

// rotateSecret replaces the signing secret of an endpoint and shows the new one once.
func (h webhooksHandler) rotateSecret() change[webhooks.EndpointPage, confirmForm] {
	return h.confirmed(webhooks.RotateSecret, func(c echo.Context, _ confirmForm) (next, error) {
		before, err := h.endpointPage(c)
		if err != nil {
			return next{}, err
		}
		endpoint, secret, err := h.store.RotateWebhookSecret(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
		if err != nil {
			return next{}, err
		}
		return next{}, web.Render(c, http.StatusCreated, webhooks.Secret(webhooks.SecretPage{
			Endpoint: endpoint, Secret: secret.Reveal(), Rotated: true, Overlaps: !before.Health.Unreadable,
		}))
	})
}

func (h webhooksHandler) disable() change[webhooks.EndpointPage, confirmForm] {
	return h.confirmed(webhooks.Disable, func(c echo.Context, _ confirmForm) (next, error) {
		return h.save(c, viewer.Notice{Text: "Endpoint disabled", Undo: in(c).WebhookEnable(c.Param("id"))}.String(), models.WebhookEndpointEdit{Enabled: models.To(false)})
	})
}

func (h webhooksHandler) enable(c echo.Context) error {
	next, err := h.save(c, "Endpoint enabled. Sending pending deliveries.", models.WebhookEndpointEdit{Enabled: models.To(true)})
	if err != nil {
		return err
	}
	return redirectWithNotice(c, next.url, next.notice)
}

func (h webhooksHandler) delete() change[webhooks.EndpointPage, confirmForm] {
	return h.confirmed(webhooks.Delete, func(c echo.Context, form confirmForm) (next, error) {
		endpoint, err := h.endpoint(c)
		if err != nil {
			return next{}, err
		}
		err = h.store.DeleteWebhookEndpoint(c.Request().Context(), endpoint.WorkspaceID, endpoint.ID, form.confirmation())
		return next{"Endpoint " + ui.Isolate(endpoint.Title()) + " deleted", in(c).Webhooks()}, err
	})
}

// endpoint returns the endpoint in the URL.
func (h webhooksHandler) endpoint(c echo.Context) (*models.WebhookEndpoint, error) {
	return h.store.WebhookEndpoint(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}
