package models

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// healthOf is how many of the newest deliveries the health of an endpoint is taken from: enough
// to tell, and as quick to read however much is sent.
const healthOf = 100

// WebhookHealth is how the newest deliveries to an endpoint have fared.
type WebhookHealth struct {
	LastAttemptedAt *time.Time // nil if there was no attempt
	LastFailure     DeliveryFailure
	Succeeded       int // of the newest deliveries
	Failed          int
	Pending         int // still to be attempted, or to be attempted again
	Retrying        int // of the pending ones, those that were attempted in vain
}

// SuccessRate is the part of the deliveries attempted that have arrived so far, from 0 to 1, and
// whether there is any.
func (h WebhookHealth) SuccessRate() (rate float64, known bool) {
	attempted := h.Succeeded + h.Failed + h.Retrying
	if attempted == 0 {
		return 0, false
	}
	return float64(h.Succeeded) / float64(attempted), true
}

// WebhookHealth is the health of an endpoint of a workspace.
func (s *Store) WebhookHealth(ctx context.Context, workspaceID, endpointID string) (WebhookHealth, error) {
	healths, err := s.WebhookHealths(ctx, workspaceID, []string{endpointID})
	return healths[endpointID], err
}

// newestDeliveries are those of one endpoint. Each endpoint has its own part of one statement, in
// which the index leads to the newest.
const newestDeliveries = `SELECT * FROM (
	SELECT endpoint_id, status, failure, attempts, last_attempted_at FROM webhook_deliveries
	WHERE endpoint_id = ? AND workspace_id = ? ORDER BY id DESC LIMIT ?) AS newest`

// WebhookHealths is the health of endpoints of a workspace by id; one without deliveries is left
// out.
func (s *Store) WebhookHealths(ctx context.Context, workspaceID string, endpointIDs []string) (map[string]WebhookHealth, error) {
	if len(endpointIDs) == 0 {
		return nil, nil
	}
	parts, args := make([]string, len(endpointIDs)), []any{}
	for i, id := range endpointIDs {
		parts[i], args = newestDeliveries, append(args, id, workspaceID, healthOf)
	}
	var rows []WebhookDelivery
	if err := s.with(ctx).Raw(strings.Join(parts, " UNION ALL "), args...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read webhook deliveries: %w", err)
	}
	healths := make(map[string]WebhookHealth, len(endpointIDs))
	for i := range rows {
		health := healths[rows[i].EndpointID]
		health.add(&rows[i])
		healths[rows[i].EndpointID] = health
	}
	return healths, nil
}

// add counts a delivery.
func (h *WebhookHealth) add(d *WebhookDelivery) {
	switch d.Status {
	case DeliverySuccess:
		h.Succeeded++
	case DeliveryFailed:
		h.Failed++
	default:
		h.Pending++
		if d.Attempts > 0 {
			h.Retrying++
		}
	}
	if at := d.LastAttemptedAt; at != nil && (h.LastAttemptedAt == nil || at.After(*h.LastAttemptedAt)) {
		h.LastAttemptedAt, h.LastFailure = at, d.Failure
	}
}
