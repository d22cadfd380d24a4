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
	var rows []WebhookDelivery
	err := s.with(ctx).Select("status", "failure", "attempts", "last_attempted_at").
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
			if d.Attempts > 0 {
				health.Retrying++
			}
		}
		if at := d.LastAttemptedAt; at != nil && (health.LastAttemptedAt == nil || at.After(*health.LastAttemptedAt)) {
			health.LastAttemptedAt, health.LastFailure = at, d.Failure
		}
	}
	return health, nil
}
