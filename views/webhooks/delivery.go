package webhooks

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// soon is how near the next attempt of a delivery is for its row to be watched.
const soon = 15 * time.Second

// shown is a delivery in a page.
type shown struct {
	*models.WebhookDelivery
	Endpoint *models.WebhookEndpoint
	Now      time.Time
	Refusal  string
	Open     bool // its details are
}

// isMoving reports whether the delivery is about to change: it is on its way, or soon will be.
func (d shown) isMoving() bool {
	if d.NextAttemptAt == nil { // it is final
		return false
	}
	return d.InFlightAt(d.Now) || d.Endpoint.Enabled() && d.NextAttemptAt.Before(d.Now.Add(soon))
}

// isLive reports whether the row keeps itself up to date: the delivery moves, or waits for the time
// when it will.
func (d shown) isLive() bool {
	return d.isMoving() || d.Status == models.DeliveryPending && d.NextAttemptAt != nil && d.Endpoint.Enabled()
}

// untilItMoves is how many milliseconds from now a delivery that waits will move.
func (d shown) untilItMoves() int64 {
	if d.isMoving() {
		return 0
	}
	return d.NextAttemptAt.Add(-soon).Sub(d.Now).Milliseconds()
}

// Version tells how far a delivery has got, so that nothing is sent to who has seen that.
func (p DeliveryPage) Version(now time.Time) string {
	d := shown{WebhookDelivery: p.Delivery, Endpoint: p.Endpoint, Now: now}
	return fmt.Sprintf("%s-%d-%t-%t", d.Status, d.Attempts, d.isMoving(), p.Endpoint.Enabled())
}

func (d shown) version() string {
	return DeliveryPage{Endpoint: d.Endpoint, Delivery: d.WebhookDelivery}.Version(d.Now)
}

func (d shown) id() string { return "delivery-" + d.ID }

func (d shown) address() string { return path.WebhookDelivery(d.Endpoint.ID, d.ID) }

// state is how far the delivery has got.
func (d shown) state() state {
	switch {
	case d.Status == models.DeliverySuccess:
		return state{"Delivered", "success"}
	case d.Status == models.DeliveryFailed:
		return state{"Failed", "danger"}
	case d.isMoving():
		return state{"Sending…", "moving"}
	case d.Attempts > 0:
		return state{"Retrying", "warning"}
	}
	return state{"Waiting", "none"}
}

// outcome is what became of the last attempt, in words.
func (d shown) outcome() string {
	if d.LastAttemptedAt == nil {
		return "Not attempted yet"
	}
	words := failureWords(d.Failure, d.code())
	switch {
	case d.ResponseCode == nil:
	case d.Failure == models.Delivered:
		words += " in " + ui.Milliseconds(time.Duration(d.DurationMS)*time.Millisecond)
	default:
		words += ", in " + ui.Milliseconds(time.Duration(d.DurationMS)*time.Millisecond)
	}
	if d.Attempts > 1 {
		words += fmt.Sprintf(", at attempt %d", d.Attempts)
	}
	return words
}

func (d shown) code() int {
	if d.ResponseCode == nil {
		return 0
	}
	return *d.ResponseCode
}

// retryLabel is the word for sending the delivery now.
func (d shown) retryLabel() string {
	switch d.Status {
	case models.DeliverySuccess:
		return "Send again"
	case models.DeliveryPending:
		return "Retry now"
	}
	return "Retry"
}

// payload is what is sent, with line breaks for people.
func (d shown) payload() string {
	text, err := json.MarshalIndent(d.Event.Wire(), "", "  ")
	if err != nil {
		return d.Event.Data
	}
	return string(text)
}

func deliveryLabel(d *models.WebhookDelivery) string {
	return string(d.EventType) + " " + string(d.Status)
}
