package webhooks

import (
	"fmt"
	"math"
	"strings"

	"github.com/skipup/keys/models"
)

// event is one that can be chosen.
type event struct {
	Type        models.EventType
	Label, Help string
}

// group is the events about one kind of thing.
type group struct {
	Label  string
	Events []event
}

// groups are all events, in the order of models.EventTypes. A test sees that none is forgotten.
var groups = []group{
	{"Meeting requests", []event{
		{models.MeetingRequestCreatedEvent, "Created", "A meeting is asked for."},
		{models.MeetingRequestUpdatedEvent, "Updated", "Its title, its times or its participants are changed."},
		{models.MeetingRequestPausedEvent, "Paused", "Scheduling is stopped for the time being."},
		{models.MeetingRequestResumedEvent, "Resumed", "Scheduling goes on."},
		{models.MeetingRequestBookedEvent, "Booked", "A time is found and in the calendars."},
		{models.MeetingRequestCancelledEvent, "Cancelled", "The meeting is not wanted any more."},
		{models.MeetingRequestOrganizerChangedEvent, "Organizer changed", "Another member has taken it over."},
	}},
	{"Members", []event{
		{models.MemberAddedEvent, "Added", "Somebody is added to the workspace."},
		{models.MemberDeactivatedEvent, "Deactivated", "A member has lost access."},
		{models.MemberReactivatedEvent, "Reactivated", "A deactivated member is let in again."},
	}},
	{"API keys", []event{
		{models.APIKeyCreatedEvent, "Created", "There is a new key."},
		{models.APIKeyRotatedEvent, "Rotated", "A key has got a successor."},
		{models.APIKeyDeletedEvent, "Deleted", "A key works no more."},
		{models.APIKeyExpiringEvent, "Expiring", "A key is about to expire."},
	}},
	{"Seats", []event{
		{models.SeatAssignedEvent, "Assigned", "A member has got a seat."},
		{models.SeatReleasedEvent, "Released", "A seat is free again."},
	}},
}

// state is an endpoint in a word, with its tone.
type state struct{ Label, Tone string }

// stateOf is how an endpoint is; health may be of no delivery.
func stateOf(e *models.WebhookEndpoint, health models.WebhookHealth) state {
	switch {
	case e.Enabled() && health.LastFailure != models.Delivered:
		return state{"Failing", "warning"}
	case e.Enabled():
		return state{"Enabled", "success"}
	case *e.DisabledReason == models.DisabledManually:
		return state{"Disabled", "none"}
	}
	return state{"Disabled", "danger"}
}

// disabled is why an endpoint is disabled, and what to do.
type disabled struct{ Title, Text string }

func disabledWords(reason models.DisabledReason) disabled {
	switch reason {
	case models.DisabledGone:
		return disabled{"The receiver has answered 410 Gone.",
			"That says that it wants nothing more, so nothing more is sent. If it was a mistake, make it answer with 2xx and enable the endpoint; otherwise delete it."}
	case models.DisabledTooManyFailures:
		return disabled{"All attempts of a delivery have failed.",
			"They went on for days. See below what the receiver answered, repair it, then enable the endpoint and retry what has failed."}
	}
	return disabled{"Somebody has disabled this endpoint.",
		"Nothing is sent to it. Deliveries that waited then are kept, and are sent once it is enabled; what happens meanwhile is not sent to it."}
}

// rate is the part of the deliveries that have arrived, in words. It is never rounded up to all.
func rate(h models.WebhookHealth) string {
	part, known := h.SuccessRate()
	if !known {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", math.Floor(part*100))
}

// rateTone is good, bad or between.
func rateTone(h models.WebhookHealth) string {
	switch part, known := h.SuccessRate(); {
	case !known:
		return "none"
	case part == 1:
		return "success"
	case part >= 0.9:
		return "warning"
	}
	return "danger"
}

// failureWords say how an attempt has failed; code is that of the answer, 0 where it is not known.
func failureWords(failure models.DeliveryFailure, code int) string {
	switch failure {
	case models.Delivered:
		return fmt.Sprintf("Answered %d", code)
	case models.FailedStatus:
		if code == 0 {
			return "Not answered with 2xx"
		}
		return fmt.Sprintf("Answered %d, which is not 2xx", code)
	case models.FailedRedirect:
		if code == 0 {
			return "Answered with a redirect: none is followed"
		}
		return fmt.Sprintf("Answered %d: redirects are not followed", code)
	case models.FailedGone:
		return "Answered 410: the receiver wants nothing more"
	case models.FailedTimeout:
		return "No answer within 15 seconds"
	case models.FailedName:
		return "The name of the host is not found"
	case models.FailedAddress:
		return "The host is not on the public internet"
	case models.FailedTLS:
		return "No TLS connection: see its certificate"
	case models.FailedConnection:
		return "No connection, or it broke off"
	}
	return string(failure)
}

// withoutScheme is an address as people read it.
func withoutScheme(address string) string { return strings.TrimPrefix(address, "https://") }

// statuses are the states of deliveries that can be asked for.
var statuses = []struct {
	Status models.DeliveryStatus
	Label  string
}{
	{models.DeliveryPending, "Pending"},
	{models.DeliverySuccess, "Delivered"},
	{models.DeliveryFailed, "Failed"},
}

// waiting says how many deliveries are still to be sent.
func waiting(n int) string {
	if n == 1 {
		return "1 delivery is still to be sent."
	}
	return fmt.Sprintf("%d deliveries are still to be sent.", n)
}
