// Package webhooks draws the pages of Settings > Webhooks.
package webhooks

import (
	"net/url"
	"slices"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is how many deliveries the page of an endpoint shows at once.
const PageSize = 20

// Listed is an endpoint in the list, and how it fares.
type Listed struct {
	models.WebhookEndpoint
	Health models.WebhookHealth
}

// Form asks for an endpoint, or for changes to one: what was typed and what is wrong with it.
type Form struct {
	URL         string   `form:"url"`
	Description string   `form:"description"`
	Events      []string `form:"events"`

	Errors  models.Fields `form:"-"`
	Refusal string        `form:"-"` // a sentence, if the workspace cannot have the endpoint
}

// FormOf is the form with what e is.
func FormOf(e *models.WebhookEndpoint) Form {
	form := Form{URL: e.URL, Events: e.Events.Names()}
	if e.Description != nil {
		form.Description = *e.Description
	}
	return form
}

// DescriptionOrNone is the description that is typed; nil without.
func (f Form) DescriptionOrNone() *string {
	if f.Description == "" {
		return nil
	}
	return &f.Description
}

// eventsError is the first complaint about the events that are ticked.
func (f Form) eventsError() string {
	if complaint := f.Errors["events"]; complaint != "" {
		return "The events " + complaint + "."
	}
	for name, complaint := range f.Errors {
		if strings.HasPrefix(name, "events[") {
			return "Each event " + complaint + "."
		}
	}
	return ""
}

func (f Form) wants(t models.EventType) bool { return slices.Contains(f.Events, string(t)) }

// SecretPage shows the secret of an endpoint, once.
type SecretPage struct {
	Endpoint *models.WebhookEndpoint
	Secret   string
	Rotated  bool // it takes the place of another
}

// Query is what the address of an endpoint's page asks for: a part of its deliveries.
type Query struct {
	Status string `query:"status"`
	Event  string `query:"event"`
	Cursor string `query:"cursor"`
}

// Filter is what q asks of the Store.
func (q Query) Filter() models.DeliveryFilter {
	return models.DeliveryFilter{Status: models.DeliveryStatus(q.Status), EventType: models.EventType(q.Event)}
}

func (q Query) isFiltered() bool { return q.Status != "" || q.Event != "" }

// address is the page of endpoint id as q asks for it.
func (q Query) address(id string) string {
	values := url.Values{}
	for name, value := range map[string]string{"status": q.Status, "event": q.Event, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return path.Webhook(id)
	}
	return path.Webhook(id) + "?" + values.Encode()
}

// from is q at the page that a cursor leads to; the first one if it is empty.
func (q Query) from(cursor string) Query {
	q.Cursor = cursor
	return q
}

// ShowPage is everything known about an endpoint.
type ShowPage struct {
	Endpoint   *models.WebhookEndpoint
	Health     models.WebhookHealth
	Query      Query
	Deliveries models.Paged[models.WebhookDelivery]
	History    []models.AuditEvent
	Refusal    string // why no ping is sent, a sentence
}

// summary says how many deliveries are shown, for assistive technology after each change.
func (p ShowPage) summary() string {
	switch shown := len(p.Deliveries.Items); {
	case shown == 0:
		return "No deliveries"
	case shown == 1:
		return "1 delivery: " + deliveryLabel(&p.Deliveries.Items[0])
	default:
		return ui.Count(int64(shown)) + " deliveries, the newest first: " + deliveryLabel(&p.Deliveries.Items[0])
	}
}

// DeliveryPage is everything known about a delivery.
type DeliveryPage struct {
	Endpoint *models.WebhookEndpoint
	Health   models.WebhookHealth
	Delivery *models.WebhookDelivery
	Refusal  string // why it is not sent again, a sentence
}

// EndpointPage asks before something is done to an endpoint.
type EndpointPage struct {
	Endpoint *models.WebhookEndpoint
	Health   models.WebhookHealth
	Refusal  string // why it is not done, a sentence
}
