package models

import (
	"context"
	"fmt"
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
}

// SuccessRate is the part of the deliveries that have arrived, from 0 to 1, and whether any is
// decided.
func (h WebhookHealth) SuccessRate() (rate float64, known bool) {
	decided := h.Succeeded + h.Failed
	if decided == 0 {
		return 0, false
	}
	return float64(h.Succeeded) / float64(decided), true
}

// WebhookHealth is the health of an endpoint of a workspace.
func (s *Store) WebhookHealth(ctx context.Context, workspaceID, endpointID string) (WebhookHealth, error) {
	var rows []WebhookDelivery
	err := s.with(ctx).Select("status", "failure", "last_attempted_at").
		Where("workspace_id = ? AND endpoint_id = ?", workspaceID, endpointID).Order("id DESC").Limit(healthOf).Find(&rows).Error
	if err != nil {
		return WebhookHealth{}, fmt.Errorf("read webhook deliveries: %w", err)
	}
	var health WebhookHealth
	for _, d := range rows {
		switch d.Status {
		case DeliverySuccess:
			health.Succeeded++
		case DeliveryFailed:
			health.Failed++
		default:
			health.Pending++
		}
		if at := d.LastAttemptedAt; at != nil && (health.LastAttemptedAt == nil || at.After(*health.LastAttemptedAt)) {
			health.LastAttemptedAt, health.LastFailure = at, d.Failure
		}
	}
	return health, nil
}
