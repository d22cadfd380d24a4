package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
)

// The queue of deliveries is the table itself. Events write their deliveries within their own
// transaction, so that each is there exactly once. A node that wants to send claims deliveries
// for a while; when it dies the claim ends by itself, and another node sends them again.

// WebhookClaim is how long a node has deliveries to itself. It has to be longer than an attempt
// and the writing down of what became of it.
const WebhookClaim = 30 * time.Second

// askedFor stands in place of a claim while a delivery waits that somebody wants attempted now.
const askedFor = "asked for"

// addDeliveries writes a delivery of event for each endpoint that wants it.
func (s *Store) addDeliveries(ctx context.Context, event *Event) error {
	query := s.with(ctx).Select("id", "events").Where("workspace_id = ? AND disabled_at IS NULL", event.WorkspaceID)
	if s.dialect.name == postgresql {
		// Without the lock an endpoint that is deleted meanwhile would fail the change itself.
		query = query.Clauses(clause.Locking{Strength: "KEY SHARE"})
	}
	var endpoints []WebhookEndpoint
	if err := query.Order("id").Find(&endpoints).Error; err != nil {
		return fmt.Errorf("read webhook endpoints: %w", err)
	}
	var deliveries []WebhookDelivery
	for _, endpoint := range endpoints {
		if slices.Contains(endpoint.Events, event.Type) {
			deliveries = append(deliveries, s.newDelivery(event, endpoint.ID))
		}
	}
	return s.insertDeliveries(ctx, deliveries)
}

func (s *Store) newDelivery(event *Event, endpointID string) WebhookDelivery {
	now := s.now()
	return WebhookDelivery{
		ID: s.id("whd"), WorkspaceID: event.WorkspaceID, EndpointID: endpointID, EventID: event.ID, EventType: event.Type,
		Status: DeliveryPending, Scheduled: true, NextAttemptAt: &now, CreatedAt: now,
	}
}

func (s *Store) insertDeliveries(ctx context.Context, deliveries []WebhookDelivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	if err := s.with(ctx).Omit(clause.Associations).Create(&deliveries).Error; err != nil {
		return fmt.Errorf("insert webhook deliveries: %w", err)
	}
	*s.addedDue = true
	return nil
}

// WebhooksDue has something when a transaction of this Store has added deliveries. Other nodes
// find them by asking.
func (s *Store) WebhooksDue() <-chan struct{} { return s.webhooksWake }

func (s *Store) wakeWebhooks() {
	select {
	case s.webhooksWake <- struct{}{}:
	default: // it is awake already
	}
}

// WaitingEndpoint is an endpoint for which deliveries are due.
type WaitingEndpoint struct{ ID, WorkspaceID string }

// waitingEndpoints steps through the index from one endpoint to the next: it does not cost more
// where one of them has a long queue.
const waitingEndpoints = `
WITH RECURSIVE queued (endpoint_id) AS (
	SELECT min(endpoint_id) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM webhook_deliveries d WHERE d.next_attempt_at IS NOT NULL AND d.endpoint_id > queued.endpoint_id)
	FROM queued WHERE queued.endpoint_id IS NOT NULL
)
SELECT e.id, e.workspace_id FROM queued JOIN webhook_endpoints e ON e.id = queued.endpoint_id
WHERE e.disabled_at IS NULL AND EXISTS (
	SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at <= ?)`

// WaitingEndpoints are the endpoints for which deliveries are due, of every workspace.
func (s *Store) WaitingEndpoints(ctx context.Context) ([]WaitingEndpoint, error) {
	var waiting []WaitingEndpoint
	if err := s.with(ctx).Raw(waitingEndpoints, s.now()).Scan(&waiting).Error; err != nil {
		return nil, fmt.Errorf("look for due webhook deliveries: %w", err)
	}
	return waiting, nil
}

// DeliveryShare is how many deliveries to an endpoint somebody wants to claim.
type DeliveryShare struct {
	EndpointID string
	AtMost     int
}

// ClaimedDelivery is a delivery that is the caller's for WebhookClaim, with all that sending it
// takes.
type ClaimedDelivery struct {
	ID          string
	WorkspaceID string
	EndpointID  string
	Claim       string
	URL         string
	Secrets     []token.Secret // to sign with, the present one first
	EventID     string
	EventType   EventType
	Body        []byte
	Scheduled   bool
	Asked       bool      // somebody wants it attempted now
	Attempts    int       // before this one
	DueAt       time.Time // when it should have been attempted
}

// ClaimDeliveries gives the caller due deliveries, the longest due first, that no other node
// has. Those of an endpoint whose secrets cannot be read are left alone; the error says why,
// beside what could be claimed.
func (s *Store) ClaimDeliveries(ctx context.Context, shares []DeliveryShare) ([]ClaimedDelivery, error) {
	var (
		claimed []ClaimedDelivery
		unread  error
	)
	err := s.Tx(ctx, func(tx *Store) error {
		endpoints, err := tx.endpointsOf(ctx, shares)
		if err != nil {
			return err
		}
		var secrets map[string][]token.Secret
		if secrets, unread = tx.webhookSecretsOf(ctx, keysOf(endpoints)); secrets == nil {
			return unread
		}
		shares = slices.DeleteFunc(slices.Clone(shares), func(share DeliveryShare) bool {
			return secrets[share.EndpointID] == nil || endpoints[share.EndpointID].URL == ""
		})
		due, claim, err := tx.claimDue(ctx, shares)
		if err != nil {
			return err
		}
		for _, d := range due {
			claimed = append(claimed, d.claimed(claim, endpoints[d.EndpointID].URL, secrets[d.EndpointID]))
		}
		return tx.fillBodies(ctx, claimed)
	})
	if err != nil {
		return nil, err
	}
	return claimed, unread
}

// endpointsOf are the enabled endpoints of shares by id.
func (s *Store) endpointsOf(ctx context.Context, shares []DeliveryShare) (map[string]WebhookEndpoint, error) {
	ids := make([]string, len(shares))
	for i, share := range shares {
		ids[i] = share.EndpointID
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

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

// claimDue locks what is due and writes the claim. The rows are as they were before.
func (s *Store) claimDue(ctx context.Context, shares []DeliveryShare) (due []WebhookDelivery, claim string, err error) {
	for _, share := range shares {
		query := s.with(ctx).Where("endpoint_id = ? AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?", share.EndpointID, s.now()).
			Order("next_attempt_at").Limit(share.AtMost)
		if s.dialect.name == postgresql {
			query = query.Clauses(clause.Locking{Strength: "NO KEY UPDATE", Options: "SKIP LOCKED"})
		}
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
		EventID: d.EventID, EventType: d.EventType, Scheduled: d.Scheduled, Asked: d.Claim != nil && *d.Claim == askedFor,
		Attempts: d.Attempts, DueAt: *d.NextAttemptAt,
	}
}

// fillBodies reads the events of claimed deliveries.
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
			return errors.New("the event of a delivery is gone")
		}
		body, err := event.body()
		if err != nil {
			return fmt.Errorf("encode event %s: %w", event.ID, err)
		}
		claimed[i].Body = body
	}
	return nil
}

// WebhookBacklog is how many deliveries wait, and how many of them are due.
type WebhookBacklog struct{ Waiting, Due int64 }

// WebhookBacklog counts what waits for enabled endpoints.
func (s *Store) WebhookBacklog(ctx context.Context) (WebhookBacklog, error) {
	var backlog WebhookBacklog
	err := s.with(ctx).Raw(`SELECT count(*) AS waiting, count(CASE WHEN d.next_attempt_at <= ? THEN 1 END) AS due
		FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
		WHERE d.next_attempt_at IS NOT NULL AND e.disabled_at IS NULL`, s.now()).Scan(&backlog).Error
	if err != nil {
		return backlog, fmt.Errorf("count webhook deliveries: %w", err)
	}
	return backlog, nil
}
