package models

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm/clause"
)

const (
	// MaxRetries limits the deliveries that one call of RetryFailedWebhookDeliveries retries.
	MaxRetries = 1000
	// MaxReplay limits the events of a replay.
	MaxReplay = 1000
	// ReplayableFor is how old an event may be to be replayed.
	ReplayableFor = 14 * 24 * time.Hour
)

// RetryFailedWebhookDeliveries schedules an attempt for the failed deliveries to an endpoint that match
// a filter: the oldest first, and at most MaxRetries. It returns their number. As with
// RetryWebhookDelivery, each gets a single attempt. It returns FailedPrecondition if the endpoint is
// disabled or no delivery has failed.
func (s *Store) RetryFailedWebhookDeliveries(ctx context.Context, workspaceID, endpointID string, filter DeliveryFilter) (int, error) {
	filter.Status = DeliveryFailed
	if err := filter.check(); err != nil {
		return 0, err
	}
	var ids []string
	err := s.queueTx(ctx, func(tx *Store) error {
		endpoint, err := tx.requireEnabled(ctx, workspaceID, endpointID)
		if err != nil {
			return err
		}
		failed := filter.where(tx.with(ctx).Model(&WebhookDelivery{}), endpointID).
			Clauses(clause.Locking{Strength: "NO KEY UPDATE", Options: "SKIP LOCKED"}).Order("id").Limit(MaxRetries)
		if err := failed.Pluck("id", &ids).Error; err != nil {
			return fmt.Errorf("read failed webhook deliveries: %w", err)
		}
		if len(ids) == 0 {
			return Errorf(FailedPrecondition, "There are no failed deliveries to retry.")
		}
		err = tx.with(ctx).Model(&WebhookDelivery{}).Where("id IN ?", ids).
			UpdateColumns(map[string]any{"status": DeliveryPending, "scheduled": false, "claim": manualRetry, "next_attempt_at": tx.now()}).Error
		if err != nil {
			return fmt.Errorf("retry webhook deliveries: %w", err)
		}
		*tx.addedDue = true
		return tx.audit(ctx, workspaceID, "webhook_endpoint.deliveries_retried", endpoint.target(), map[string]string{"deliveries": strconv.Itoa(len(ids))})
	})
	if err != nil {
		return 0, err
	}
	return len(ids), nil
}

// FailedWebhookDeliveries counts the deliveries that RetryFailedWebhookDeliveries would retry.
func (s *Store) FailedWebhookDeliveries(ctx context.Context, workspaceID, endpointID string, filter DeliveryFilter) (int, error) {
	filter.Status = DeliveryFailed
	failed := filter.where(s.with(ctx).Model(&WebhookDelivery{}).Select("id"), endpointID).Where("workspace_id = ?", workspaceID).Limit(MaxRetries)
	var count int64
	if err := s.with(ctx).Table("(?) AS failed", failed).Count(&count).Error; err != nil {
		return 0, fmt.Errorf("count failed webhook deliveries: %w", err)
	}
	return int(count), nil
}

// Replay selects the events of a period, to send them to an endpoint again.
type Replay struct {
	From   time.Time // inclusive
	Before time.Time // exclusive
}

func (r Replay) check(now time.Time) error {
	fields := Fields{}
	if r.From.Before(now.Add(-ReplayableFor)) {
		fields.add("from", "must be within the last %d days", int(ReplayableFor/(24*time.Hour)))
	}
	switch {
	case r.Before.After(now):
		fields.add("to", "must not be in the future")
	case !r.Before.After(r.From):
		fields.add("to", "must be after the start")
	}
	return fields.err()
}

// ReplayableEvents counts the events that ReplayWebhookEvents would send. It returns FailedPrecondition
// if there are none or more than MaxReplay, or if the endpoint is disabled.
func (s *Store) ReplayableEvents(ctx context.Context, workspaceID, endpointID string, r Replay) (int, error) {
	if err := r.check(s.now()); err != nil {
		return 0, err
	}
	endpoint, err := s.WebhookEndpoint(ctx, workspaceID, endpointID)
	if err != nil {
		return 0, err
	}
	events, err := s.replayable(ctx, endpoint, r)
	return len(events), err
}

// ReplayWebhookEvents sends the events of a period to an endpoint again: those that it subscribes to,
// also if they were not sent to it then, because it was disabled or didn't exist. It leaves out events
// with a pending delivery, and examples. Each event gets a new delivery with the same event ID, and is
// retried like any other.
//
// The caller states the number of events that were confirmed. It returns FailedPrecondition if that
// isn't the number of events, and in the cases of ReplayableEvents.
func (s *Store) ReplayWebhookEvents(ctx context.Context, workspaceID, endpointID string, r Replay, confirmed int) error {
	if err := r.check(s.now()); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		// The lock makes a second replay wait, so that it finds the deliveries of the first.
		endpoint, err := tx.lockWebhookEndpoint(ctx, workspaceID, endpointID)
		if err != nil {
			return err
		}
		events, err := tx.replayable(ctx, endpoint, r)
		if err != nil {
			return err
		}
		if len(events) != confirmed {
			return Errorf(FailedPrecondition, "The number of events in this period has changed. Check it and confirm again.")
		}
		deliveries := make([]WebhookDelivery, len(events))
		for i := range events {
			deliveries[i] = tx.newDelivery(&events[i], endpoint.ID)
		}
		if err := tx.insertDeliveries(ctx, deliveries); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "webhook_endpoint.events_replayed", endpoint.target(), map[string]string{
			"deliveries": strconv.Itoa(len(deliveries)), "starts_at": r.From.UTC().Format(time.RFC3339), "ends_at": r.Before.UTC().Format(time.RFC3339),
		})
	})
}

// replayable returns the events to replay, oldest first, without their data.
func (s *Store) replayable(ctx context.Context, endpoint *WebhookEndpoint, r Replay) ([]Event, error) {
	if err := endpoint.checkEnabled(); err != nil {
		return nil, err
	}
	pending := s.with(ctx).Model(&WebhookDelivery{}).Select("event_id").Where("endpoint_id = ? AND next_attempt_at IS NOT NULL", endpoint.ID)
	var events []Event
	err := s.with(ctx).Select("id", "workspace_id", "type").
		Where("workspace_id = ? AND id >= ? AND id < ?", endpoint.WorkspaceID, firstID("evt", r.From), firstID("evt", r.Before)).
		Where("type IN ? AND NOT test AND id NOT IN (?)", endpoint.Events.Names(), pending).
		Order("id").Limit(MaxReplay + 1).Find(&events).Error
	switch {
	case err != nil:
		return nil, fmt.Errorf("read events: %w", err)
	case len(events) == 0:
		return nil, Errorf(FailedPrecondition, "There are no events to send in this period.")
	case len(events) > MaxReplay:
		return nil, Errorf(FailedPrecondition, "There are more than %d events in this period. Choose a shorter one.", MaxReplay)
	}
	return events, nil
}

// WebhookRequest returns a delivery with everything needed to sign its request, without claiming it. It
// returns FailedPrecondition if a secret of the endpoint can't be decrypted.
func (s *Store) WebhookRequest(ctx context.Context, workspaceID, endpointID, id string) (*ClaimedDelivery, error) {
	endpoint, err := s.WebhookEndpoint(ctx, workspaceID, endpointID)
	if err != nil {
		return nil, err
	}
	delivery, err := s.WebhookDelivery(ctx, workspaceID, endpointID, id)
	if err != nil {
		return nil, err
	}
	unreadable, err := s.unreadableSecrets(s.with(ctx).Where("endpoint_id = ?", endpointID))
	if err != nil {
		return nil, err
	}
	if len(unreadable.Endpoints) > 0 {
		return nil, Errorf(FailedPrecondition, "The signing secret can't be decrypted. Rotate it first.")
	}
	secrets, err := s.webhookSecretsOf(ctx, []string{endpointID})
	if err != nil {
		return nil, err
	}
	body, err := delivery.Event.body()
	if err != nil {
		return nil, err
	}
	return &ClaimedDelivery{
		ID: id, WorkspaceID: workspaceID, EndpointID: endpointID, URL: endpoint.URL, Secrets: secrets[endpointID],
		EventID: delivery.EventID, EventType: delivery.EventType, Body: body,
	}, nil
}
