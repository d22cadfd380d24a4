package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// webhooks handles /webhook_endpoints.
type webhooks struct{ store *models.Store }

// webhookEndpointWithSecret is an endpoint with its secret, which only the responses to its creation
// and to a rotation contain.
type webhookEndpointWithSecret struct {
	wire.WebhookEndpoint
	Secret string `json:"secret"`
}

func (e webhookEndpointWithSecret) withoutSecret() any { return e.WebhookEndpoint }

func withSecret(endpoint *models.WebhookEndpoint, secret token.Secret, err error) (webhookEndpointWithSecret, error) {
	if err != nil {
		return webhookEndpointWithSecret{}, err
	}
	return webhookEndpointWithSecret{endpoint.Wire(), secret.Reveal()}, nil
}

func (h webhooks) list(ctx context.Context, caller web.Caller, in PageQuery) (models.Paged[wire.WebhookEndpoint], error) {
	paging, err := in.page()
	if err != nil {
		return models.Paged[wire.WebhookEndpoint]{}, err
	}
	page, err := h.store.WebhookEndpoints(ctx, caller.WorkspaceID, paging)
	return wirePage(page, (*models.WebhookEndpoint).Wire), err
}

func (h webhooks) show(ctx context.Context, caller web.Caller, in byID) (wire.WebhookEndpoint, error) {
	return wireOf(h.store.WebhookEndpoint(ctx, caller.WorkspaceID, in.ID))
}

type newWebhookEndpoint struct {
	URL         string   `json:"url"`
	Description *string  `json:"description"`
	Events      []string `json:"events"`
}

func (h webhooks) create(ctx context.Context, caller web.Caller, in newWebhookEndpoint) (webhookEndpointWithSecret, error) {
	return withSecret(h.store.CreateWebhookEndpoint(ctx, caller.WorkspaceID, models.NewWebhookEndpoint{
		URL: in.URL, Description: in.Description, Events: in.Events,
	}))
}

type webhookEndpointEdit struct {
	ID          string          `param:"id" json:"-"`
	URL         given[string]   `json:"url"`
	Description given[*string]  `json:"description"`
	Events      given[[]string] `json:"events"`
	Enabled     given[*bool]    `json:"enabled"`
}

func (h webhooks) update(ctx context.Context, caller web.Caller, in webhookEndpointEdit) (wire.WebhookEndpoint, error) {
	edit := models.WebhookEndpointEdit{URL: in.URL.Change, Description: in.Description.Change, Events: in.Events.Change}
	if in.Enabled.Given {
		if in.Enabled.Value == nil {
			return wire.WebhookEndpoint{}, invalid("enabled", "must be true or false")
		}
		edit.Enabled = models.To(*in.Enabled.Value)
	}
	return wireOf(h.store.EditWebhookEndpoint(ctx, caller.WorkspaceID, in.ID, edit))
}

func (h webhooks) delete(ctx context.Context, caller web.Caller, in byID) (nothing, error) {
	return nothing{}, h.store.DeleteWebhookEndpoint(ctx, caller.WorkspaceID, in.ID, models.NoConfirmation)
}

func (h webhooks) ping(ctx context.Context, caller web.Caller, in byID) (wire.WebhookDelivery, error) {
	delivery, err := h.store.PingWebhookEndpoint(ctx, caller.WorkspaceID, in.ID)
	return deliveryFor(caller, delivery, err)
}

func (h webhooks) rotateSecret(ctx context.Context, caller web.Caller, in byID) (webhookEndpointWithSecret, error) {
	return withSecret(h.store.RotateWebhookSecret(ctx, caller.WorkspaceID, in.ID))
}

type deliveryQuery struct {
	PageQuery
	ID        string `param:"id"`
	Status    string `query:"status"`
	EventType string `query:"event_type"`
}

func (h webhooks) deliveries(ctx context.Context, caller web.Caller, in deliveryQuery) (models.Paged[wire.WebhookDelivery], error) {
	paging, err := in.page()
	if err != nil {
		return models.Paged[wire.WebhookDelivery]{}, err
	}
	filter := models.DeliveryFilter{Status: models.DeliveryStatus(in.Status), EventType: models.EventType(in.EventType)}
	page, err := h.store.WebhookDeliveries(ctx, caller.WorkspaceID, in.ID, filter, paging)
	return wirePage(page, func(d *models.WebhookDelivery) wire.WebhookDelivery { return d.WireFor(caller.Key.Scopes()) }), err
}

type deliveryByID struct {
	ID         string `param:"id" json:"-"`
	DeliveryID string `param:"delivery_id" json:"-"`
}

func (*deliveryByID) bodyOptional() {}

func (h webhooks) retry(ctx context.Context, caller web.Caller, in deliveryByID) (wire.WebhookDelivery, error) {
	delivery, err := h.store.RetryWebhookDelivery(ctx, caller.WorkspaceID, in.ID, in.DeliveryID)
	return deliveryFor(caller, delivery, err)
}

// deliveryFor converts a delivery for a caller, unless err is set.
func deliveryFor(caller web.Caller, delivery *models.WebhookDelivery, err error) (wire.WebhookDelivery, error) {
	if err != nil {
		return wire.WebhookDelivery{}, err
	}
	return delivery.WireFor(caller.Key.Scopes()), nil
}
