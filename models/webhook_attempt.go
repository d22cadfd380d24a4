package models

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"
)

// retrySchedule is how long after the attempt before each attempt comes (API contract §9).
var retrySchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// MaxResponseExcerpt is how much of an answer is kept, in bytes.
	MaxResponseExcerpt = 1 << 10
	// maxRetryAfter bounds what a receiver can ask for with Retry-After.
	maxRetryAfter = 24 * time.Hour
	// retryJitter is the part of a delay by which it is longer at most, so that what failed
	// together is not tried again together.
	retryJitter = 0.1
)

// WebhookAttempt is what became of sending a claimed delivery.
type WebhookAttempt struct {
	Delivery     *ClaimedDelivery
	At           time.Time // when it began
	Took         time.Duration
	Failure      DeliveryFailure
	ResponseCode int           // 0 if nothing answered
	Response     string        // the beginning of the answer's body
	RetryAfter   time.Duration // that the receiver asks for; 0 for none
}

// isLast reports whether a is the last attempt if it has failed. One that somebody has asked for
// ahead of the schedule is not: the schedule goes on.
func (a *WebhookAttempt) isLast() bool {
	if !a.Delivery.Scheduled || a.Failure == FailedGone {
		return true
	}
	return !a.Delivery.Asked && a.Delivery.Attempts+1 >= len(retrySchedule)
}

// disables is the reason for which a disables its endpoint, if there is one. Pings and retries
// that somebody has asked for are no reason, unless the receiver says that it is gone.
func (a *WebhookAttempt) disables() (DisabledReason, bool) {
	switch {
	case a.Failure == FailedGone:
		return DisabledGone, true
	case a.Failure != Delivered && a.Delivery.Scheduled && a.isLast():
		return DisabledTooManyFailures, true
	}
	return "", false
}

// RecordAttempts writes down what became of claimed deliveries, and disables endpoints for it. Of a
// delivery that somebody else has claimed meanwhile, or that is written down already, nothing is.
func (s *Store) RecordAttempts(ctx context.Context, attempts []WebhookAttempt) error {
	if len(attempts) == 0 {
		return nil
	}
	attempts = slices.SortedFunc(slices.Values(attempts), func(a, b WebhookAttempt) int { return strings.Compare(a.Delivery.ID, b.Delivery.ID) })
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.lockToDisable(ctx, attempts); err != nil {
			return err
		}
		for i := range attempts {
			if err := tx.recordAttempt(ctx, &attempts[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockToDisable locks the endpoints that attempts may disable: before any delivery, as who deletes
// one locks them, and in one order on every node.
func (s *Store) lockToDisable(ctx context.Context, attempts []WebhookAttempt) error {
	if s.dialect.name != postgresql {
		return nil
	}
	var ids []string
	for i := range attempts {
		if _, disables := attempts[i].disables(); disables {
			ids = append(ids, attempts[i].Delivery.EndpointID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var locked []WebhookEndpoint
	err := s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("id").Where("id IN ?", ids).Order("id").Find(&locked).Error
	if err != nil {
		return fmt.Errorf("lock webhook endpoints: %w", err)
	}
	return nil
}

func (s *Store) recordAttempt(ctx context.Context, a *WebhookAttempt) error {
	changes := map[string]any{
		"claim": nil, "next_attempt_at": nil, "attempts": a.Delivery.Attempts + 1, "last_attempted_at": a.At,
		"response_code": nil, "response_excerpt": clip(a.Response, MaxResponseExcerpt), "failure": a.Failure, "duration_ms": a.Took.Milliseconds(),
	}
	if a.ResponseCode != 0 {
		changes["response_code"] = a.ResponseCode
	}
	switch {
	case a.Failure == Delivered:
		changes["status"], changes["delivered_at"] = DeliverySuccess, s.now()
	case a.isLast():
		changes["status"] = DeliveryFailed
	default:
		changes["next_attempt_at"] = s.now().Add(a.delay()).Truncate(time.Millisecond)
	}
	recorded := s.with(ctx).Model(&WebhookDelivery{}).Where("id = ? AND claim = ?", a.Delivery.ID, a.Delivery.Claim).UpdateColumns(changes)
	if recorded.Error != nil {
		return fmt.Errorf("update webhook delivery: %w", recorded.Error)
	}
	if reason, disables := a.disables(); disables && recorded.RowsAffected > 0 {
		return s.disableWebhookEndpoint(ctx, a.Delivery.WorkspaceID, a.Delivery.EndpointID, reason)
	}
	return nil
}

// delay is how long to wait after a for the next attempt.
func (a *WebhookAttempt) delay() time.Duration {
	delay := retrySchedule[min(a.Delivery.Attempts+1, len(retrySchedule)-1)]
	delay += time.Duration(rand.Float64() * retryJitter * float64(delay))
	return max(delay, min(a.RetryAfter, maxRetryAfter))
}

// ReleaseDeliveries gives claimed deliveries back that have not been attempted, to be attempted
// at once by whoever is there.
func (s *Store) ReleaseDeliveries(ctx context.Context, deliveries []*ClaimedDelivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	return s.Tx(ctx, func(tx *Store) error {
		for _, d := range deliveries {
			var claim *string
			if d.Asked {
				claim = new(askedFor)
			}
			err := tx.with(ctx).Model(&WebhookDelivery{}).Where("id = ? AND claim = ?", d.ID, d.Claim).
				UpdateColumns(map[string]any{"claim": claim, "next_attempt_at": d.DueAt}).Error
			if err != nil {
				return fmt.Errorf("release webhook delivery: %w", err)
			}
		}
		return nil
	})
}
