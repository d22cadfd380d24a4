package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
)

// WebhookDelivery is the delivery of an event to an endpoint.
type WebhookDelivery struct {
	ID              string
	WorkspaceID     string
	EndpointID      string
	EventID         string
	Event           Event
	EventType       EventType
	Status          DeliveryStatus
	Scheduled       bool // retried by the schedule; otherwise it has one attempt
	Attempts        int  // completed attempts
	NextAttemptAt   *time.Time
	Claim           *string // of the node that is sending it, until NextAttemptAt; or manualRetry
	LastAttemptedAt *time.Time
	ResponseCode    *int            // of the last attempt; nil if there was no response
	ResponseExcerpt string          // the beginning of the response body
	Failure         DeliveryFailure // of the last attempt
	DurationMS      int             // of the last attempt
	DeliveredAt     *time.Time
	CreatedAt       time.Time
}

// DeliveryStatus is the status of a delivery.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending DeliveryStatus = "pending"
	DeliverySuccess DeliveryStatus = "success"
	DeliveryFailed  DeliveryStatus = "failed"
)

// DeliveryFailure is the reason why an attempt failed.
type DeliveryFailure string

// The failures.
const (
	Delivered        DeliveryFailure = ""         // no failure
	FailedStatus     DeliveryFailure = "status"   // a status other than 2xx, 3xx, and 410
	FailedRedirect   DeliveryFailure = "redirect" // 3xx: redirects are not followed
	FailedGone       DeliveryFailure = "gone"     // 410
	FailedTimeout    DeliveryFailure = "timeout"
	FailedName       DeliveryFailure = "name"    // host not found
	FailedAddress    DeliveryFailure = "address" // host not on the public internet
	FailedTLS        DeliveryFailure = "tls"
	FailedConnection DeliveryFailure = "connection"
)

// InFlightAt reports whether a node is sending the delivery at a time.
func (d *WebhookDelivery) InFlightAt(now time.Time) bool {
	return d.Claim != nil && d.NextAttemptAt != nil && d.NextAttemptAt.After(now)
}

// WireFor returns the delivery as the API shows it to a key with the given scopes. It has no payload
// if the key can't read what the event contains. The event must be loaded.
func (d *WebhookDelivery) WireFor(scopes scope.Set) wire.WebhookDelivery {
	delivery := wire.WebhookDelivery{
		ID: d.ID, EventType: string(d.EventType), Status: string(d.Status), ResponseCode: d.ResponseCode,
		Attempts: d.Attempts, DeliveredAt: wire.OptionalTimestamp(d.DeliveredAt), LastAttemptedAt: wire.OptionalTimestamp(d.LastAttemptedAt), CreatedAt: wire.Timestamp(d.CreatedAt),
	}
	if needed, known := d.EventType.ReadScopes(); d.EventType == PingEvent || known && scopes.Contains(needed) {
		payload := d.Event.Wire()
		delivery.Payload = &payload
	}
	return delivery
}

// DeliveryFilter filters deliveries. The zero value matches all.
type DeliveryFilter struct {
	Status    DeliveryStatus
	EventType EventType
	From      *time.Time // inclusive
	Before    *time.Time // exclusive
}

func (f DeliveryFilter) check() error {
	fields := Fields{}
	statuses, types := []DeliveryStatus{DeliveryPending, DeliverySuccess, DeliveryFailed}, append(slices.Clone(EventTypes), PingEvent)
	if f.Status != "" && !slices.Contains(statuses, f.Status) {
		fields.add("status", "%s", OneOf(f.Status, statuses))
	}
	if f.EventType != "" && !slices.Contains(types, f.EventType) {
		fields.add("event_type", "%s", OneOf(f.EventType, types))
	}
	return fields.err()
}

// where limits a query to the deliveries to an endpoint that match. Their IDs start with the time of
// their creation.
func (f DeliveryFilter) where(query *gorm.DB, endpointID string) *gorm.DB {
	query = query.Where("endpoint_id = ?", endpointID)
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.EventType != "" {
		query = query.Where("event_type = ?", f.EventType)
	}
	if f.From != nil {
		query = query.Where("id >= ?", firstID("whd", *f.From))
	}
	if f.Before != nil {
		query = query.Where("id < ?", firstID("whd", *f.Before))
	}
	return query
}

func (f DeliveryFilter) listing(workspaceID, endpointID string) listing {
	list := listing{"webhook_deliveries", workspaceID, endpointID, string(f.Status), string(f.EventType)}
	if f.From != nil || f.Before != nil {
		list = append(list, millisecondsOf(f.From), millisecondsOf(f.Before))
	}
	return list
}

// WebhookDeliveries returns the deliveries to an endpoint that match a filter, newest first, with
// their events.
func (s *Store) WebhookDeliveries(ctx context.Context, workspaceID, endpointID string, filter DeliveryFilter, page Page) (Paged[WebhookDelivery], error) {
	if err := filter.check(); err != nil {
		return Paged[WebhookDelivery]{}, err
	}
	if _, err := s.WebhookEndpoint(ctx, workspaceID, endpointID); err != nil {
		return Paged[WebhookDelivery]{}, err
	}
	list := filter.listing(workspaceID, endpointID)
	query, err := list.after(filter.where(s.with(ctx).Preload("Event"), endpointID), "id", &page)
	if err != nil {
		return Paged[WebhookDelivery]{}, err
	}
	var deliveries []WebhookDelivery
	if err := query.Find(&deliveries).Error; err != nil {
		return Paged[WebhookDelivery]{}, fmt.Errorf("read webhook deliveries: %w", err)
	}
	return paged(list, page, deliveries, func(d *WebhookDelivery) string { return d.ID }), nil
}

// WebhookDelivery returns a delivery to an endpoint of a workspace, with its event.
func (s *Store) WebhookDelivery(ctx context.Context, workspaceID, endpointID, id string) (*WebhookDelivery, error) {
	return takeDelivery(s.with(ctx), workspaceID, endpointID, id)
}

func takeDelivery(query *gorm.DB, workspaceID, endpointID, id string) (*WebhookDelivery, error) {
	var delivery WebhookDelivery
	err := query.Preload("Event").Where("workspace_id = ? AND endpoint_id = ? AND id = ?", workspaceID, endpointID, id).Take(&delivery).Error
	if err != nil {
		return nil, notFound(err, "delivery")
	}
	return &delivery, nil
}

// RetryWebhookDelivery schedules an attempt for now. A pending delivery keeps its schedule; a
// completed one gets a single attempt. A delivery that has succeeded stays successful, whatever the
// result. It returns FailedPrecondition if the delivery is being sent
// or the endpoint is disabled.
func (s *Store) RetryWebhookDelivery(ctx context.Context, workspaceID, endpointID, id string) (*WebhookDelivery, error) {
	var delivery *WebhookDelivery
	err := s.queueTx(ctx, func(tx *Store) (err error) {
		if _, err := tx.requireEnabled(ctx, workspaceID, endpointID); err != nil {
			return err
		}
		query := tx.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
		if delivery, err = takeDelivery(query, workspaceID, endpointID, id); err != nil {
			return err
		}
		now := tx.now()
		if delivery.InFlightAt(now) {
			return Errorf(FailedPrecondition, "This delivery is already being sent. Try again in a moment.")
		}
		switch delivery.Status {
		case DeliverySuccess:
			delivery.Scheduled = false
		case DeliveryFailed:
			delivery.Status, delivery.Scheduled = DeliveryPending, false
		}
		delivery.Claim, delivery.NextAttemptAt = new(manualRetry), &now
		if err := tx.with(ctx).Omit(clause.Associations).Save(delivery).Error; err != nil {
			return fmt.Errorf("update webhook delivery: %w", err)
		}
		*tx.addedDue = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return delivery, nil
}

// requireEnabled returns an endpoint, and keeps it from being deleted until the transaction ends. It
// returns FailedPrecondition if the endpoint is disabled.
func (s *Store) requireEnabled(ctx context.Context, workspaceID, endpointID string) (*WebhookEndpoint, error) {
	endpoint, err := takeWebhookEndpoint(s.with(ctx).Clauses(clause.Locking{Strength: "KEY SHARE"}), workspaceID, endpointID)
	if err != nil {
		return nil, err
	}
	return endpoint, endpoint.checkEnabled()
}

func (e *WebhookEndpoint) checkEnabled() error {
	if !e.Enabled() {
		return Errorf(FailedPrecondition, "This webhook endpoint is disabled. Enable it first.")
	}
	return nil
}

// PingWebhookEndpoint schedules a PingEvent, which is sent once, and returns its delivery. It returns
// FailedPrecondition if the endpoint is disabled.
func (s *Store) PingWebhookEndpoint(ctx context.Context, workspaceID, id string) (*WebhookDelivery, error) {
	return s.sendOnce(ctx, id, Event{WorkspaceID: workspaceID, Type: PingEvent}, wire.Ping{EndpointID: id})
}

// sendOnce schedules an event that is sent to one endpoint, without retries.
func (s *Store) sendOnce(ctx context.Context, endpointID string, event Event, data any) (*WebhookDelivery, error) {
	var delivery WebhookDelivery
	err := s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.requireEnabled(ctx, event.WorkspaceID, endpointID); err != nil {
			return err
		}
		if err := tx.writeEvent(ctx, &event, data); err != nil {
			return err
		}
		delivery = tx.newDelivery(&event, endpointID)
		delivery.Scheduled = false
		rows := []WebhookDelivery{delivery}
		if err := tx.insertDeliveries(ctx, rows); err != nil {
			return err
		}
		delivery = rows[0]
		delivery.Event = event
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &delivery, nil
}

// body returns the request body. It is the same for each attempt.
func (e *Event) body() ([]byte, error) {
	if e.ID == "" {
		return nil, errors.New("event of webhook delivery not found")
	}
	return json.Marshal(e.Wire())
}
