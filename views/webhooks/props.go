// Package webhooks renders the pages of Settings > Webhooks.
package webhooks

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// PageSize is the number of deliveries on a page.
const PageSize = 20

// Listed is an endpoint in the list, with its health.
type Listed struct {
	models.WebhookEndpoint
	Health models.WebhookHealth
}

// Form holds the values and errors of the form for adding or editing an endpoint.
type Form struct {
	URL         string   `form:"url"`
	Description string   `form:"description"`
	Events      []string `form:"events"`

	Errors  models.Fields `form:"-"`
	Message string        `form:"-"` // an error that concerns no single field
}

// FormOf returns a form filled in with the values of e.
func FormOf(e *models.WebhookEndpoint) Form {
	form := Form{URL: e.URL, Events: e.Events.Names()}
	if e.Description != nil {
		form.Description = *e.Description
	}
	return form
}

// DescriptionOrNone returns the description, or nil if it is empty.
func (f Form) DescriptionOrNone() *string {
	if f.Description == "" {
		return nil
	}
	return &f.Description
}

// eventsError returns an error about the selected events, or "".
func (f Form) eventsError() string {
	if f.Errors["events"] != "" {
		return "Select at least one event."
	}
	for name := range f.Errors {
		if strings.HasPrefix(name, "events[") {
			return "One of the events isn’t available. Select from the list."
		}
	}
	return ""
}

func (g group) learnsID() string {
	return "learns-" + strings.ReplaceAll(strings.ToLower(g.Label), " ", "-")
}

func (f Form) wants(t models.EventType) bool { return slices.Contains(f.Events, string(t)) }

// SecretPage is the data of the page that shows a signing secret.
type SecretPage struct {
	Endpoint *models.WebhookEndpoint
	Secret   string
	Rotated  bool // whether it replaces an earlier secret
	Overlaps bool // whether requests are signed with the earlier secret too, for a while
}

// Query selects which of an endpoint's deliveries to show.
type Query struct {
	Status string `query:"status"`
	Event  string `query:"event" form:"event"`
	From   string `query:"from" form:"from"` // a date in the viewer's time zone, such as 2026-11-25
	To     string `query:"to" form:"to"`     // the same, inclusive
	Cursor string `query:"cursor"`
}

func (q Query) isFiltered() bool {
	return q.Status != "" || q.Event != "" || q.From != "" || q.To != ""
}

// url returns the URL of the endpoint's page with q applied.
func (q Query) url(in path.Workspace, id string) string {
	values := url.Values{}
	for name, value := range map[string]string{"status": q.Status, "event": q.Event, "from": q.From, "to": q.To, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return in.Webhook(id)
	}
	return in.Webhook(id) + "?" + values.Encode()
}

// withCursor returns q at the given cursor; "" is the first page.
func (q Query) withCursor(cursor string) Query {
	q.Cursor = cursor
	return q
}

// ShowPage is the data of an endpoint's page.
type ShowPage struct {
	Endpoint   *models.WebhookEndpoint
	Health     models.WebhookHealth
	Query      Query
	Errors     models.Fields // of the dates
	Deliveries models.Paged[models.WebhookDelivery]
	Failed     int // deliveries that match and can be retried together
	History    []models.AuditEvent
	Message    string // why a ping or a retry was rejected, if it was
}

// summary returns what screen readers announce when the list of deliveries changes.
func (p ShowPage) summary() string {
	switch shown := len(p.Deliveries.Items); {
	case shown == 0:
		return "No deliveries"
	case shown == 1:
		return "1 delivery: " + deliveryLabel(&p.Deliveries.Items[0])
	default:
		return ui.Count(int64(shown)) + " deliveries, newest first: " + deliveryLabel(&p.Deliveries.Items[0])
	}
}

// DeliveryPage is the data of a delivery's page.
type DeliveryPage struct {
	Endpoint *models.WebhookEndpoint
	Health   models.WebhookHealth
	Delivery *models.WebhookDelivery
	Message  string // why a retry was rejected, if it was
}

// EndpointPage is the data of the confirmation pages.
type EndpointPage struct {
	Endpoint  *models.WebhookEndpoint
	Health    models.WebhookHealth
	Challenge models.Challenge // of a deletion
	Entered   models.Confirmation
	Errors    models.Fields
	Message   string // an error that concerns no single field
}

// ExampleForm selects the event to send an example of.
type ExampleForm struct {
	Event string `form:"event"`
}

// ReplayForm selects the period whose events to send again.
type ReplayForm struct {
	From      string `form:"from"` // in the viewer's time zone
	To        string `form:"to"`
	Confirmed int    `form:"confirmed"` // number of events; 0 if it has not been shown yet
}

// OrLastDay returns f, or the last 24 hours if it is empty.
func (f ReplayForm) OrLastDay(v viewer.Viewer) ReplayForm {
	if f.From == "" && f.To == "" {
		now := v.Now.In(v.Location)
		f.From, f.To = now.Add(-24*time.Hour).Format(ui.TimeInput), now.Format(ui.TimeInput)
	}
	return f
}

// Period returns the period, or what is wrong with the form.
func (f ReplayForm) Period(location *time.Location) (models.Replay, models.Fields) {
	var errors models.Fields
	parse := func(name, value string) time.Time {
		at, err := time.ParseInLocation(ui.TimeInput, value, location)
		if err != nil {
			errors = models.Fields{name: "must be a date and time"}
		}
		return at
	}
	return models.Replay{From: parse("from", f.From), Before: parse("to", f.To)}, errors
}
