package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// healthSample is the number of recent deliveries that the health of an endpoint is based on.
const healthSample = 100

// WebhookHealth summarizes the most recent deliveries to an endpoint.
type WebhookHealth struct {
	LastAttemptedAt *time.Time // nil if there was no attempt
	LastFailure     DeliveryFailure
	Succeeded       int
	Failed          int
	Pending         int // waiting for an attempt
	Retrying        int // pending after at least one failed attempt
	// Unreadable is set if this node can't decrypt the signing secret, so that it sends nothing.
	Unreadable bool
}

// SuccessRate returns the share of finished deliveries that have succeeded, from 0 to 1. It is
// unknown if none has finished.
func (h WebhookHealth) SuccessRate() (rate float64, known bool) {
	finished := h.Succeeded + h.Failed
	if finished == 0 {
		return 0, false
	}
	return float64(h.Succeeded) / float64(finished), true
}

// WebhookHealth returns the health of an endpoint.
func (s *Store) WebhookHealth(ctx context.Context, workspaceID, endpointID string) (WebhookHealth, error) {
	byID, err := s.WebhookHealths(ctx, workspaceID, []string{endpointID})
	return byID[endpointID], err
}

// newestDeliveries selects the most recent deliveries to one endpoint, by index.
const newestDeliveries = `SELECT endpoint_id, status, failure, attempts, last_attempted_at FROM (
	SELECT endpoint_id, status, failure, attempts, last_attempted_at FROM webhook_deliveries
	WHERE endpoint_id = ? AND workspace_id = ? ORDER BY id DESC LIMIT ?) AS newest`

// WebhookHealths returns the health of endpoints by ID. Endpoints without
// deliveries are omitted if they have nothing else to report.
func (s *Store) WebhookHealths(ctx context.Context, workspaceID string, endpointIDs []string) (map[string]WebhookHealth, error) {
	if len(endpointIDs) == 0 {
		return nil, nil
	}
	parts, args := make([]string, len(endpointIDs)), []any{}
	for i, id := range endpointIDs {
		parts[i], args = newestDeliveries, append(args, id, workspaceID, healthSample)
	}
	var rows []WebhookDelivery
	if err := s.with(ctx).Raw(strings.Join(parts, " UNION ALL "), args...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read webhook deliveries: %w", err)
	}
	byID := make(map[string]WebhookHealth, len(endpointIDs))
	for i := range rows {
		health := byID[rows[i].EndpointID]
		health.add(&rows[i])
		byID[rows[i].EndpointID] = health
	}
	unreadable, err := s.unreadableSecrets(s.with(ctx).Where("endpoint_id IN (?)", s.endpointsIn(ctx, workspaceID, endpointIDs)))
	if err != nil {
		return nil, err
	}
	for _, id := range unreadable.Endpoints {
		health := byID[id]
		health.Unreadable = true
		byID[id] = health
	}
	return byID, nil
}

// endpointsIn selects the IDs among endpointIDs that belong to a workspace.
func (s *Store) endpointsIn(ctx context.Context, workspaceID string, endpointIDs []string) *gorm.DB {
	return s.with(ctx).Model(&WebhookEndpoint{}).Select("id").Where("workspace_id = ? AND id IN ?", workspaceID, endpointIDs)
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
