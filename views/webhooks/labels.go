package webhooks

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// event is an event that an endpoint can subscribe to.
type event struct {
	Type        models.EventType
	Label, Help string
}

// group is the events of one resource.
type group struct {
	Label  string
	Learns string // what a receiver of the events will learn, after "learn"
	Events []event
}

// groups lists every event, in the order of models.EventTypes.
var groups = []group{
	{"Meeting requests", "the titles and descriptions of meetings, and the email addresses of organizers and participants", []event{
		{models.MeetingRequestCreatedEvent, "Created", "A meeting was requested."},
		{models.MeetingRequestUpdatedEvent, "Updated", "The title, time, or participants changed."},
		{models.MeetingRequestPausedEvent, "Paused", "The request was paused."},
		{models.MeetingRequestResumedEvent, "Resumed", "The request was resumed."},
		{models.MeetingRequestBookedEvent, "Booked", "Reserved. The API can’t book a request yet."},
		{models.MeetingRequestCancelledEvent, "Canceled", "The request was canceled."},
		{models.MeetingRequestOrganizerChangedEvent, "Organizer changed", "Another member became the organizer."},
	}},
	{"Members", "the names, email addresses, and roles of members", []event{
		{models.MemberAddedEvent, "Added", "Someone was added to the workspace."},
		{models.MemberDeactivatedEvent, "Deactivated", "A member lost access."},
		{models.MemberReactivatedEvent, "Reactivated", "A member regained access."},
	}},
	{"API keys", "the names, scopes, and expiry of API keys, but never a key itself", []event{
		{models.APIKeyCreatedEvent, "Created", "A key was created."},
		{models.APIKeyUpdatedEvent, "Updated", "The name, description, scopes, or expiry changed."},
		{models.APIKeyPausedEvent, "Paused", "A key was paused, or its deletion was scheduled."},
		{models.APIKeyResumedEvent, "Resumed", "A paused key works again."},
		{models.APIKeyRotatedEvent, "Rotated", "A key was replaced by a new one."},
		{models.APIKeyDeletedEvent, "Deleted", "A key was deleted."},
		{models.APIKeyExpiringEvent, "Expiring", "A key is about to expire."},
		{models.APIKeyRejectedAfterDeletionEvent, "Rejected after deletion", "Something still uses a deleted key. Sent once a day for each key."},
	}},
	{"Seats", "the email addresses of members who are given a seat or lose one", []event{
		{models.SeatAssignedEvent, "Assigned", "A member was given a seat."},
		{models.SeatReleasedEvent, "Released", "A seat became available."},
	}},
	{"Audit log", "who signs in and who changes what, with the names, IP addresses, and browsers of members", []event{
		{models.AuditLogEvent, "Event", "A change, sign-in, or sign-out was added to the audit log."},
	}},
}

// learned returns what the receiver of events will learn, one phrase for each resource.
func learned(events models.EventList) []string {
	var phrases []string
	for _, group := range groups {
		if slices.ContainsFunc(group.Events, func(e event) bool { return slices.Contains(events, e.Type) }) {
			phrases = append(phrases, group.Learns)
		}
	}
	return phrases
}

// status is a label with the tone of its badge.
type status struct{ Label, Tone string }

// statusOf returns the status of an endpoint.
func statusOf(e *models.WebhookEndpoint, health models.WebhookHealth) status {
	switch {
	case e.Enabled() && health.Unreadable:
		return status{"Secret unreadable", "danger"}
	case e.Enabled() && health.LastFailure != models.Delivered:
		return status{"Failing", "warning"}
	case e.Enabled():
		return status{"Enabled", "success"}
	case *e.DisabledReason == models.DisabledManually:
		return status{"Disabled", "none"}
	}
	return status{"Disabled", "danger"}
}

// explanation says why an endpoint is disabled and what to do.
type explanation struct{ Title, Text string }

func explain(reason models.DisabledReason) explanation {
	switch reason {
	case models.DisabledGone:
		return explanation{"Your server returned 410 Gone",
			"We stopped sending events. If that was a mistake, return 2xx and re-enable the endpoint. Otherwise, delete it."}
	case models.DisabledTooManyFailures:
		return explanation{"Disabled after repeated failures",
			"Check the responses below, fix your server, then re-enable the endpoint and retry failed deliveries."}
	}
	return explanation{"This endpoint is disabled",
		"Pending deliveries will be sent when you re-enable it. Events that happen while it’s disabled are skipped."}
}

// rate returns the share of deliveries that succeeded, such as "99%". It rounds down, so that 100%
// means all of them.
func rate(h models.WebhookHealth) string {
	part, known := h.SuccessRate()
	if !known {
		return "–"
	}
	return fmt.Sprintf("%.0f%%", math.Floor(part*100))
}

// rateTone returns the tone of the success rate's dot. While attempts fail, the rate isn't green, even if every
// delivery that has finished succeeded.
func rateTone(h models.WebhookHealth) string {
	switch part, known := h.SuccessRate(); {
	case !known:
		return "none"
	case part == 1 && h.LastFailure == models.Delivered:
		return "success"
	case part >= 0.9:
		return "warning"
	}
	return "danger"
}

// resultLabel describes the result of an attempt. The code is that of the response, 0 if unknown.
func resultLabel(failure models.DeliveryFailure, code int) string {
	switch failure {
	case models.Delivered:
		return fmt.Sprintf("HTTP %d", code)
	case models.FailedStatus:
		if code == 0 {
			return "Non-2xx response"
		}
		return fmt.Sprintf("HTTP %d", code)
	case models.FailedRedirect:
		if code == 0 {
			return "Redirects aren’t followed"
		}
		return fmt.Sprintf("HTTP %d (redirects aren’t followed)", code)
	case models.FailedGone:
		return "HTTP 410 Gone"
	case models.FailedTimeout:
		return "Timed out after 15 seconds"
	case models.FailedName:
		return "Host not found (DNS)"
	case models.FailedAddress:
		return "Host resolves to a private address"
	case models.FailedTLS:
		return "TLS handshake failed (check the certificate)"
	case models.FailedConnection:
		return "Connection failed"
	}
	return string(failure)
}

// shownURL returns what a viewer sees of an endpoint's URL, without https://. The URL may contain a secret.
func shownURL(e *models.WebhookEndpoint, v viewer.Viewer) string {
	if v.May(models.ManageWebhooks) {
		return withoutScheme(e.URL)
	}
	return e.Host()
}

// titleOf returns the title of an endpoint, without the path of its URL if the viewer may not see it.
func titleOf(e *models.WebhookEndpoint, v viewer.Viewer) string {
	if v.May(models.ManageWebhooks) || e.Description != nil && *e.Description != "" {
		return e.Title()
	}
	return e.Host()
}

// withoutScheme returns a URL without https://.
func withoutScheme(url string) string { return strings.TrimPrefix(url, "https://") }

// statuses lists the delivery statuses to filter by.
var statuses = []struct {
	Status models.DeliveryStatus
	Label  string
}{
	{models.DeliveryPending, "Pending"},
	{models.DeliverySuccess, "Delivered"},
	{models.DeliveryFailed, "Failed"},
}

// Deliveries returns a number of deliveries, such as "1 delivery" or "1,000 deliveries".
func Deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return ui.Count(int64(n)) + " deliveries"
}

func pendingLabel(n int) string {
	if n == 1 {
		return "1 delivery is pending."
	}
	return Deliveries(n) + " are pending."
}

// failedLabel says how many deliveries can be retried together.
func (p ShowPage) failedLabel() string {
	label := "Failed deliveries: "
	if p.Query.isFiltered() {
		label = "Failed deliveries that match: "
	}
	if p.Failed == models.MaxRetries {
		return label + ui.Count(models.MaxRetries) + " or more"
	}
	return label + ui.Count(int64(p.Failed))
}

func (p ShowPage) retryFailedLabel() string {
	if p.Failed == models.MaxRetries {
		return "Retry the oldest " + ui.Count(models.MaxRetries)
	}
	return "Retry all failed"
}
