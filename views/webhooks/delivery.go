package webhooks

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// activeWithin is how close the next attempt must be for a delivery to count as active.
const activeWithin = 15 * time.Second

// deliveryRow is a delivery as a page shows it.
type deliveryRow struct {
	*models.WebhookDelivery
	Endpoint *models.WebhookEndpoint
	Health   models.WebhookHealth
	Now      time.Time
	Message  string // why the last retry was rejected, if it was
	Open     bool   // whether the details are expanded
}

// isActive reports whether the delivery is being sent or will be soon.
func (d deliveryRow) isActive() bool {
	if d.NextAttemptAt == nil { // succeeded or failed
		return false
	}
	return d.InFlightAt(d.Now) || d.mayBeSent() && d.NextAttemptAt.Before(d.Now.Add(activeWithin))
}

// mayBeSent reports whether anything is sent to the endpoint at present.
func (d deliveryRow) mayBeSent() bool { return d.Endpoint.Enabled() && !d.Health.Unreadable }

// isLive reports whether the row refreshes itself: the delivery is active or will be.
func (d deliveryRow) isLive() bool {
	return d.isActive() || d.Status == models.DeliveryPending && d.NextAttemptAt != nil && d.mayBeSent()
}

// refreshDelay returns the number of milliseconds until a pending delivery becomes active.
func (d deliveryRow) refreshDelay() int64 {
	if d.isActive() {
		return 0
	}
	return d.NextAttemptAt.Add(-activeWithin).Sub(d.Now).Milliseconds()
}

// Version returns a string that changes with everything a row shows, so that an unchanged row isn't
// sent again.
func (p DeliveryPage) Version(now time.Time) string {
	d := deliveryRow{WebhookDelivery: p.Delivery, Endpoint: p.Endpoint, Health: p.Health, Now: now}
	return fmt.Sprintf("%s-%d-%t-%t", d.Status, d.Attempts, d.isActive(), d.mayBeSent())
}

func (d deliveryRow) version() string {
	return DeliveryPage{Endpoint: d.Endpoint, Health: d.Health, Delivery: d.WebhookDelivery}.Version(d.Now)
}

func (d deliveryRow) id() string { return "delivery-" + d.ID }

func (d deliveryRow) url(in path.Workspace) string { return in.WebhookDelivery(d.Endpoint.ID, d.ID) }

// status returns the label and tone of the delivery's progress.
func (d deliveryRow) status() status {
	switch {
	case d.isActive(): // also if it has succeeded and is sent again
		return status{"Sending…", "moving"}
	case d.Status == models.DeliverySuccess:
		return status{"Delivered", "success"}
	case d.Status == models.DeliveryFailed:
		return status{"Failed", "danger"}
	case d.Attempts > 0:
		return status{"Retrying", "warning"}
	}
	return status{"Pending", "none"}
}

// outcome returns the result of the last attempt, such as "HTTP 204 · attempt 2".
func (d deliveryRow) outcome() string {
	if d.LastAttemptedAt == nil {
		return "Not sent yet"
	}
	parts := []string{resultLabel(d.Failure, d.code())}
	if d.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", d.Attempts))
	}
	return strings.Join(parts, " · ")
}

// took returns the duration of the last attempt, or "" if there was no response.
func (d deliveryRow) took() string {
	if d.ResponseCode == nil {
		return ""
	}
	return ui.Milliseconds(time.Duration(d.DurationMS) * time.Millisecond)
}

func (d deliveryRow) code() int {
	if d.ResponseCode == nil {
		return 0
	}
	return *d.ResponseCode
}

// retryLabel returns the label of the button that sends the delivery now.
func (d deliveryRow) retryLabel() string {
	switch d.Status {
	case models.DeliverySuccess:
		return "Send again"
	case models.DeliveryPending:
		return "Retry now"
	}
	return "Retry"
}

// payload returns the body of the request, indented.
func (d deliveryRow) payload() string {
	text, err := json.MarshalIndent(d.Event.Wire(), "", "  ")
	if err != nil {
		return d.Event.Data
	}
	return string(text)
}

func deliveryLabel(d *models.WebhookDelivery) string {
	return string(d.EventType) + " " + string(d.Status)
}
