package demo

import (
	"context"
	"net/http"
	"time"

	"github.com/skipup/keys/models"
)

// The receivers: one accepts everything, the other has been failing for a day.
const (
	receiverPath       = "/crm"
	brokenReceiverPath = "/alerts"
	brokenFor          = 1.1 // days
	brokenBody         = "upstream connect error or disconnect/reset before headers"
)

// Receivers returns the handler that receives the workspace's webhooks.
func Receivers() http.Handler {
	receivers := http.NewServeMux()
	receivers.HandleFunc("POST "+receiverPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	receivers.HandleFunc("POST "+brokenReceiverPath, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, brokenBody, http.StatusServiceUnavailable)
	})
	return receivers
}

func (h *history) addWebhooks() {
	endpoint := func(path, description string, events ...models.EventType) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			n := models.NewWebhookEndpoint{URL: h.Receivers + path, Description: &description}
			for _, event := range events {
				n.Events = append(n.Events, string(event))
			}
			_, _, err := h.Store.CreateWebhookEndpoint(h.byTom(ctx), h.workspace.ID, n)
			return err
		}
	}
	h.at(29, endpoint(receiverPath, "CRM", models.MeetingRequestCreatedEvent, models.MeetingRequestBookedEvent, models.MeetingRequestCancelledEvent))
	h.at(28.9, endpoint(brokenReceiverPath, "Alerts to the on-call channel", models.MeetingRequestCreatedEvent, models.APIKeyCreatedEvent,
		models.APIKeyRotatedEvent, models.APIKeyDeletedEvent, models.APIKeyExpiringEvent, models.MemberAddedEvent, models.MemberDeactivatedEvent))
	for ago := 28.5; ago > 0.02; ago = next(ago) {
		h.at(ago, h.deliver)
	}
	// The second attempt follows a few seconds after the first.
	h.at(0.001, h.deliver)
}

// next returns the next time of attempts: hourly while a receiver is failing, else twice a day.
func next(ago float64) float64 {
	if ago > brokenFor {
		return ago - 0.5
	}
	return ago - 1.0/24
}

// deliver attempts all due deliveries, like the server's worker.
func (h *history) deliver(ctx context.Context) error {
	waiting, err := h.Store.DueEndpoints(ctx)
	if err != nil || len(waiting) == 0 {
		return err
	}
	shares := make([]models.ClaimLimit, len(waiting))
	for i, endpoint := range waiting {
		shares[i] = models.ClaimLimit{EndpointID: endpoint.ID, AtMost: 50}
	}
	claimed, err := h.Store.ClaimDeliveries(ctx, shares)
	if err != nil {
		return err
	}
	attempts := make([]models.WebhookAttempt, len(claimed))
	for i := range claimed {
		attempts[i] = h.attempt(&claimed[i])
	}
	return h.Store.RecordAttempts(ctx, attempts)
}

func (h *history) attempt(delivery *models.ClaimedDelivery) models.WebhookAttempt {
	at := h.Clock.Now()
	a := models.WebhookAttempt{
		Delivery: delivery, At: at, ResponseCode: http.StatusNoContent,
		Took: time.Duration(40+h.random.IntN(120)) * time.Millisecond,
	}
	if delivery.URL == h.Receivers+brokenReceiverPath && at.After(h.now.Add(-days(brokenFor))) {
		a.Failure, a.ResponseCode, a.Response = models.FailedStatus, http.StatusServiceUnavailable, brokenBody
	}
	return a
}
