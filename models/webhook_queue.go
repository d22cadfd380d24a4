package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
)

// The table of deliveries is also the queue. Deliveries are inserted in the transaction of their
// event, so that each exists exactly once. A node claims deliveries for a limited time; if it dies,
// another node sends them after the claim has expired.

// WebhookClaim is how long a node may claim deliveries. It must be longer than an attempt and the
// recording of its result.
const WebhookClaim = 30 * time.Second

// manualRetry takes the place of a claim while a delivery waits for a manual retry.
const manualRetry = "asked for"

// lockWebhookEndpoints returns what endpoints subscribe to and whether they are enabled. Until the
// transaction ends, they can't be deleted, which would make inserting deliveries fail.
func (s *Store) lockWebhookEndpoints(ctx context.Context, workspaceID string) ([]WebhookEndpoint, error) {
	query := s.with(ctx).Clauses(clause.Locking{Strength: "KEY SHARE"}).Select("id", "events", "disabled_at").
		Where("workspace_id = ?", workspaceID)
	var endpoints []WebhookEndpoint
	if err := query.Order("id").Find(&endpoints).Error; err != nil {
		return nil, fmt.Errorf("read webhook endpoints: %w", err)
	}
	return endpoints, nil
}

// deliveriesTo returns a delivery of an event for each enabled endpoint that subscribes to it.
func (s *Store) deliveriesTo(endpoints []WebhookEndpoint, event *Event) []WebhookDelivery {
	var deliveries []WebhookDelivery
	for _, endpoint := range endpoints {
		if endpoint.Enabled() && slices.Contains(endpoint.Events, event.Type) {
			deliveries = append(deliveries, s.newDelivery(event, endpoint.ID))
		}
	}
	return deliveries
}

func (s *Store) newDelivery(event *Event, endpointID string) WebhookDelivery {
	return WebhookDelivery{
		ID: s.id("whd"), WorkspaceID: event.WorkspaceID, EndpointID: endpointID, EventID: event.ID, EventType: event.Type,
		Status: DeliveryPending, Scheduled: true, CreatedAt: s.now(),
	}
}

// makeDue makes deliveries due now.
func (s *Store) makeDue(ctx context.Context, deliveries []WebhookDelivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	for i := range deliveries {
		deliveries[i].NextAttemptAt = &now
	}
	*s.addedDue = true
	return nil
}

// insertDeliveries inserts deliveries that are due now.
func (s *Store) insertDeliveries(ctx context.Context, deliveries []WebhookDelivery) error {
	if err := s.makeDue(ctx, deliveries); err != nil {
		return err
	}
	if err := s.writeTogether(ctx, inserts(deliveries)); err != nil {
		return fmt.Errorf("insert webhook deliveries: %w", err)
	}
	return nil
}

// WebhooksDue returns a channel that receives a value when this Store has added deliveries. Other
// nodes find them by polling.
func (s *Store) WebhooksDue() <-chan struct{} { return s.webhooksWake }

func (s *Store) wakeWebhooks() {
	select {
	case s.webhooksWake <- struct{}{}:
	default: // already signaled
	}
}

// DueEndpoint is an endpoint with deliveries that are due.
type DueEndpoint struct{ ID, WorkspaceID string }

// dueEndpoints steps through the index from one endpoint to the next, so that long queues don't make
// it slower.
const dueEndpoints = `
WITH RECURSIVE queued (endpoint_id) AS (
	SELECT min(endpoint_id) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM webhook_deliveries d WHERE d.next_attempt_at IS NOT NULL AND d.endpoint_id > queued.endpoint_id)
	FROM queued WHERE queued.endpoint_id IS NOT NULL
)
SELECT e.id, e.workspace_id FROM queued JOIN webhook_endpoints e ON e.id = queued.endpoint_id
WHERE e.disabled_at IS NULL AND EXISTS (
	SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= ?)`

// DueEndpoints returns the endpoints of all workspaces with deliveries that are due.
func (s *Store) DueEndpoints(ctx context.Context) ([]DueEndpoint, error) {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return nil, err
	}
	var due []DueEndpoint
	if err := s.with(ctx).Raw(dueEndpoints, now).Scan(&due).Error; err != nil {
		return nil, fmt.Errorf("read endpoints with due deliveries: %w", err)
	}
	return due, nil
}

// ClaimLimit limits the deliveries to claim for an endpoint.
type ClaimLimit struct {
	EndpointID string
	AtMost     int
}

// ClaimedDelivery is a delivery that the caller has claimed for WebhookClaim, with everything needed
// to send it.
type ClaimedDelivery struct {
	ID          string
	WorkspaceID string
	EndpointID  string
	Claim       string
	URL         string
	Secrets     []token.Secret // to sign with, the current one first
	EventID     string
	EventType   EventType
	TraceParent string // the trace context of the request that caused the event; "" if that wasn't traced
	Body        []byte
	Scheduled   bool
	Manual      bool          // a manual retry
	Delivered   bool          // an earlier attempt succeeded
	Attempts    int           // before this one
	DueAt       time.Time     // when it became due, by the database's clock
	Waited      time.Duration // from DueAt until it was claimed
}

// ClaimDeliveries claims due deliveries, the longest due first. It skips endpoints whose secrets
// can't be decrypted. In that case it returns an error in addition to the claimed deliveries.
func (s *Store) ClaimDeliveries(ctx context.Context, limits []ClaimLimit) ([]ClaimedDelivery, error) {
	var (
		claimed []ClaimedDelivery
		unread  error
	)
	err := s.queueTx(ctx, func(tx *Store) error {
		endpoints, err := tx.endpointsOf(ctx, limits)
		if err != nil {
			return err
		}
		var secrets map[string][]token.Secret
		if secrets, unread = tx.webhookSecretsOf(ctx, slices.Collect(maps.Keys(endpoints))); secrets == nil {
			return unread
		}
		limits = slices.DeleteFunc(slices.Clone(limits), func(limit ClaimLimit) bool {
			return secrets[limit.EndpointID] == nil || endpoints[limit.EndpointID].URL == ""
		})
		due, claim, err := tx.claimDue(ctx, limits)
		if err != nil {
			return err
		}
		claimed = nil // queueTx may repeat this
		for _, d := range due {
			delivery := d.claimed(claim, endpoints[d.EndpointID].URL, secrets[d.EndpointID])
			delivery.Waited = tx.now().Sub(delivery.DueAt)
			claimed = append(claimed, delivery)
		}
		return tx.fillBodies(ctx, claimed)
	})
	if err != nil {
		return nil, err
	}
	return claimed, unread
}

// endpointsOf returns the enabled endpoints among limits by ID.
func (s *Store) endpointsOf(ctx context.Context, limits []ClaimLimit) (map[string]WebhookEndpoint, error) {
	ids := make([]string, len(limits))
	for i, limit := range limits {
		ids[i] = limit.EndpointID
	}
	var rows []WebhookEndpoint
	if err := s.with(ctx).Where("id IN ? AND disabled_at IS NULL", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read webhook endpoints: %w", err)
	}
	endpoints := make(map[string]WebhookEndpoint, len(rows))
	for _, row := range rows {
		endpoints[row.ID] = row
	}
	return endpoints, nil
}

// claimDue claims due deliveries and returns them as they were before.
func (s *Store) claimDue(ctx context.Context, limits []ClaimLimit) (due []WebhookDelivery, claim string, err error) {
	for _, limit := range limits {
		query := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE", Options: "SKIP LOCKED"}).
			Where("endpoint_id = ? AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?", limit.EndpointID, s.now()).
			Order("next_attempt_at").Limit(limit.AtMost)
		var rows []WebhookDelivery
		if err := query.Find(&rows).Error; err != nil {
			return nil, "", fmt.Errorf("read due webhook deliveries: %w", err)
		}
		due = append(due, rows...)
	}
	if len(due) == 0 {
		return nil, "", nil
	}
	ids := make([]string, len(due))
	for i := range due {
		ids[i] = due[i].ID
	}
	claim = rand.Text()
	err = s.with(ctx).Model(&WebhookDelivery{}).Where("id IN ?", ids).
		UpdateColumns(map[string]any{"claim": claim, "next_attempt_at": s.now().Add(WebhookClaim)}).Error
	if err != nil {
		return nil, "", fmt.Errorf("claim webhook deliveries: %w", err)
	}
	return due, claim, nil
}

func (d *WebhookDelivery) claimed(claim, url string, secrets []token.Secret) ClaimedDelivery {
	return ClaimedDelivery{
		ID: d.ID, WorkspaceID: d.WorkspaceID, EndpointID: d.EndpointID, Claim: claim, URL: url, Secrets: secrets,
		EventID: d.EventID, EventType: d.EventType, Scheduled: d.Scheduled, Manual: d.Claim != nil && *d.Claim == manualRetry, Delivered: d.Status == DeliverySuccess,
		Attempts: d.Attempts, DueAt: *d.NextAttemptAt,
	}
}

// fillBodies sets the bodies and trace contexts of claimed deliveries.
func (s *Store) fillBodies(ctx context.Context, claimed []ClaimedDelivery) error {
	ids := make([]string, len(claimed))
	for i := range claimed {
		ids[i] = claimed[i].EventID
	}
	var rows []Event
	if err := s.with(ctx).Where("id IN ?", slices.Compact(slices.Sorted(slices.Values(ids)))).Find(&rows).Error; err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	events := make(map[string]*Event, len(rows))
	for i := range rows {
		events[rows[i].ID] = &rows[i]
	}
	for i := range claimed {
		event := events[claimed[i].EventID]
		if event == nil {
			return errors.New("event of webhook delivery not found")
		}
		body, err := event.body()
		if err != nil {
			return fmt.Errorf("encode event %s: %w", event.ID, err)
		}
		claimed[i].Body = body
		if event.TraceParent != nil {
			claimed[i].TraceParent = *event.TraceParent
		}
	}
	return nil
}

// WebhookBacklog is the number of pending deliveries. Waiting includes Due.
type WebhookBacklog struct{ Waiting, Due int64 }

// WebhookBacklog counts the pending deliveries to enabled endpoints.
func (s *Store) WebhookBacklog(ctx context.Context) (WebhookBacklog, error) {
	var backlog WebhookBacklog
	now, err := s.databaseNow(ctx)
	if err != nil {
		return backlog, err
	}
	err = s.with(ctx).Raw(`SELECT count(*) AS waiting, count(CASE WHEN d.next_attempt_at <= ? THEN 1 END) AS due
		FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
		WHERE d.next_attempt_at IS NOT NULL AND e.disabled_at IS NULL`, now).Scan(&backlog).Error
	if err != nil {
		return backlog, fmt.Errorf("count webhook deliveries: %w", err)
	}
	return backlog, nil
}
