package models

import (
	"context"
	"fmt"
	"time"
)

const (
	// deviceMemory is how long an unused device is remembered.
	deviceMemory = 180 * 24 * time.Hour
	// UsageHoursKept is how long the counts by hour are kept.
	UsageHoursKept = 90 * 24 * time.Hour
	// UsageDaysKept is how long the counts by day, the callers, and the uses of routes are kept by
	// default.
	UsageDaysKept = 730 * 24 * time.Hour
	// flushMemory is how long the IDs of stored counts are kept. A node sends counts again every
	// second until it gets a response.
	flushMemory = 7 * 24 * time.Hour
	// ofAnyWorkspace matches all rows, and makes the planner use the index by workspace.
	ofAnyWorkspace = "workspace_id IN (SELECT id FROM workspaces) AND "
)

// PurgeExpired deletes rows that have expired or are older than they are kept: sessions, pending sign-ins, round trips to the
// provider of single sign-on, logout tokens, setup links, links and emails about accounts, invitations, stored responses, devices not used for 180 days, usage by
// hour after 90 days, and the rest of it, webhook deliveries, events, failed sign-ins, and notifications as the
// Retention says. It sets the owners of keys that earlier programs created. On SQLite, it then updates the planner's statistics, as PostgreSQL does on its own.
func (s *Store) PurgeExpired(ctx context.Context) error {
	now := s.now()
	for _, expired := range []struct {
		row   any
		where string
		args  []any
	}{
		{&Session{}, "expires_at <= ? OR last_seen_at <= ?", []any{now, now.Add(-SessionIdle)}},
		{&pendingSignIn{}, "expires_at <= ?", []any{now}},
		{&passkeyChallenge{}, "expires_at <= ?", []any{now}},
		{&roundTrip{}, "expires_at <= ?", []any{now}},
		{&usedLogoutToken{}, "expires_at <= ?", []any{now}},
		{&setupLink{}, "expires_at <= ?", []any{now}},
		{&accountLink{}, "expires_at <= ?", []any{now}},
		{&accountEmail{}, "expires_at <= ?", []any{now}},
		{&signInThrottle{}, "updated_at <= ?", []any{now.Add(-throttleMemory)}},
		{&FailedSignIn{}, "last_at <= ?", []any{now.Add(-s.FailedSignInsKept())}},
		{&emailLimit{}, "resets_at <= ?", []any{now}},
		{&knownDevice{}, "last_used_at <= ?", []any{now.Add(-deviceMemory)}},
		{&usageBatch{}, "created_at <= ?", []any{now.Add(-flushMemory)}},
		{&usageFlush{}, "created_at <= ?", []any{now.Add(-flushMemory)}},
		{&invitation{}, "expires_at <= ?", []any{now}},
		{&expiryReminder{}, "expires_at <= ?", []any{now}},
		{&expiryEmail{}, "expires_at <= ?", []any{now}},
		{&idempotentResponse{}, "created_at <= ?", []any{now.Add(-IdempotencyLife)}},
		{&webhookSecret{}, "expires_at <= ?", []any{now}},
		{&WebhookDelivery{}, "id < ?", []any{firstID("whd", now.Add(-s.deliveriesKept()))}},
		{&notificationEmail{}, "notification_id < ?", []any{firstID("ntf", now.Add(-s.NotificationsKept()))}},
		{&notification{}, "id < ?", []any{firstID("ntf", now.Add(-s.NotificationsKept()))}},
		{&Event{}, "created_at <= ?", []any{now.Add(-s.eventsKept())}},
		{&newCaller{}, "first_at <= ?", []any{now.Add(-newCallerMemory)}},
		{&keyChange{}, "epoch < (SELECT epoch - ? FROM revocation)", []any{maxChanges}},
		{&usageHour{}, ofAnyWorkspace + "starts_at <= ?", []any{now.Add(-UsageHoursKept)}},
		{&usageDay{}, ofAnyWorkspace + "starts_at <= ?", []any{now.Add(-s.UsageKept())}},
		{&APIKeyRouteUse{}, "last_at <= ?", []any{now.Add(-s.UsageKept())}},
		{&APIKeyCaller{}, "last_seen_at <= ?", []any{now.Add(-s.UsageKept())}},
	} {
		if err := s.purge(ctx, expired.row, expired.where, expired.args); err != nil {
			return fmt.Errorf("purge %T: %w", expired.row, err)
		}
	}
	if err := s.adoptKeys(ctx); err != nil {
		return err
	}
	if s.dialect.name == sqlite {
		if err := s.with(ctx).Exec("PRAGMA optimize").Error; err != nil {
			return fmt.Errorf("optimize: %w", err)
		}
	}
	return nil
}

// On SQLite, a purge deletes this many rows at a time and pauses in between, because other writers have
// to wait while it deletes. There are millions of rows if the server was stopped for long.
const (
	purgeBatchSize = 5000
	purgePause     = 50 * time.Millisecond
)

// purge deletes the rows of a table that match a condition.
func (s *Store) purge(ctx context.Context, row any, where string, args []any) error {
	if s.dialect.name == postgresql {
		return s.with(ctx).Where(where, args...).Delete(row).Error
	}
	for {
		some := s.with(ctx).Model(row).Select("rowid").Where(where, args...).Limit(purgeBatchSize)
		deleted := s.with(ctx).Where("rowid IN (?)", some).Delete(row)
		if deleted.Error != nil || deleted.RowsAffected < purgeBatchSize {
			return deleted.Error
		}
		if err := sleep(ctx, purgePause); err != nil {
			return err
		}
	}
}
