package models

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"
)

// retrySchedule lists the wait before each attempt.
var retrySchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// MaxResponseExcerpt is how many bytes of a response body are kept.
	MaxResponseExcerpt = 1 << 10
	// maxRetryAfter limits the wait that a receiver can request with Retry-After.
	maxRetryAfter = 24 * time.Hour
	// retryJitter is the largest part of a wait that is added at random, so that deliveries that
	// failed together are spread out.
	retryJitter = 0.1
)

// WebhookAttempt is the result of sending a claimed delivery.
type WebhookAttempt struct {
	Delivery     *ClaimedDelivery
	At           time.Time // when it began
	Took         time.Duration
	Failure      DeliveryFailure
	ResponseCode int           // 0 if there was no response
	Response     string        // the beginning of the response body
	RetryAfter   time.Duration // requested by the receiver; 0 for none
}

// isLast reports whether no attempt follows if this one failed. Manual retries don't shorten the
// schedule.
func (a *WebhookAttempt) isLast() bool {
	if !a.Delivery.Scheduled || a.Failure == FailedGone {
		return true
	}
	return !a.Delivery.Manual && a.Delivery.Attempts+1 >= len(retrySchedule)
}

// disables returns the reason to disable the endpoint, if there is one. Pings and manual retries
// disable it only if the receiver returns 410 Gone.
func (a *WebhookAttempt) disables() (DisabledReason, bool) {
	switch {
	case a.Failure == FailedGone:
		return DisabledGone, true
	case a.Failure != Delivered && a.Delivery.Scheduled && a.isLast():
		return DisabledTooManyFailures, true
	}
	return "", false
}

// RecordAttempts records the results of claimed deliveries and disables endpoints where necessary.
// It ignores deliveries that are already recorded or that another node has claimed since.
func (s *Store) RecordAttempts(ctx context.Context, attempts []WebhookAttempt) error {
	if len(attempts) == 0 {
		return nil
	}
	attempts = slices.SortedFunc(slices.Values(attempts), func(a, b WebhookAttempt) int { return strings.Compare(a.Delivery.ID, b.Delivery.ID) })
	return s.queueTx(ctx, func(tx *Store) error {
		if err := tx.lockToDisable(ctx, attempts); err != nil {
			return err
		}
		recovered, err := tx.lastSuccesses(ctx, attempts)
		if err != nil {
			return err
		}
		for i := range attempts {
			if err := tx.recordAttempt(ctx, &attempts[i]); err != nil {
				return err
			}
		}
		return tx.wakeWaiting(ctx, recovered)
	})
}

// lastSuccesses returns, for each endpoint that attempts succeeded for, the newest delivery that succeeded
// before. It returns "" if there is none.
func (s *Store) lastSuccesses(ctx context.Context, attempts []WebhookAttempt) (map[string]string, error) {
	last := map[string]string{}
	for i := range attempts {
		endpointID := attempts[i].Delivery.EndpointID
		if _, known := last[endpointID]; known || attempts[i].Failure != Delivered {
			continue
		}
		var ids []string
		err := s.with(ctx).Model(&WebhookDelivery{}).Where("endpoint_id = ? AND status = ?", endpointID, DeliverySuccess).
			Order("id DESC").Limit(1).Pluck("id", &ids).Error
		if err != nil {
			return nil, fmt.Errorf("read last successful webhook delivery: %w", err)
		}
		last[endpointID] = strings.Join(ids, "")
	}
	return last, nil
}

// wakeWaiting makes deliveries due that wait for a retry, for endpoints that have just succeeded. It leaves out
// deliveries older than the newest that succeeded before, by endpoint: others succeeded while they failed, so
// that each is woken only once. It also leaves out those that the receiver rejected for its rate limit.
func (s *Store) wakeWaiting(ctx context.Context, lastSuccesses map[string]string) error {
	for _, endpointID := range slices.Sorted(maps.Keys(lastSuccesses)) {
		var ids []string
		err := s.with(ctx).Model(&WebhookDelivery{}).Clauses(clause.Locking{Strength: "NO KEY UPDATE", Options: "SKIP LOCKED"}).
			Where("endpoint_id = ? AND id > ? AND next_attempt_at > ? AND claim IS NULL", endpointID, lastSuccesses[endpointID], s.now()).
			Where("response_code IS NULL OR response_code <> ?", http.StatusTooManyRequests).Pluck("id", &ids).Error
		if err == nil && len(ids) > 0 {
			*s.addedDue = true
			err = s.with(ctx).Model(&WebhookDelivery{}).Where("id IN ?", ids).UpdateColumn("next_attempt_at", s.now()).Error
		}
		if err != nil {
			return fmt.Errorf("wake webhook deliveries: %w", err)
		}
	}
	return nil
}

// lockToDisable locks the endpoints that attempts may disable. To avoid deadlocks it locks them in
// order and before any delivery, as deleting an endpoint does.
func (s *Store) lockToDisable(ctx context.Context, attempts []WebhookAttempt) error {
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
	case a.Delivery.Delivered:
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

// delay returns the wait until the next attempt.
func (a *WebhookAttempt) delay() time.Duration {
	delay := retrySchedule[min(a.Delivery.Attempts+1, len(retrySchedule)-1)]
	delay += time.Duration(rand.Float64() * retryJitter * float64(delay))
	return max(delay, min(a.RetryAfter, maxRetryAfter))
}

// ReleaseDeliveries releases claimed deliveries that have not been attempted, so that any node can
// claim them at once.
func (s *Store) ReleaseDeliveries(ctx context.Context, deliveries []*ClaimedDelivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	return s.Tx(ctx, func(tx *Store) error {
		for _, d := range deliveries {
			var claim *string
			if d.Manual {
				claim = new(manualRetry)
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
