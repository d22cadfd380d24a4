package models

import (
	"context"
	"fmt"
	"time"
)

const (
	// deviceMemory is how long an unused device stays known.
	deviceMemory = 180 * 24 * time.Hour
	// UsageHoursKept and UsageDaysKept are how long counts stay, and with the days the callers
	// and the uses of routes.
	UsageHoursKept = 90 * 24 * time.Hour
	UsageDaysKept  = 730 * 24 * time.Hour
	// flushMemory is how long the IDs of stored counts are kept. A node sends counts again every
	// second until it gets a response.
	flushMemory = 7 * 24 * time.Hour
	// ofAnyWorkspace leads through the index of counts, which is by workspace.
	ofAnyWorkspace = "workspace_id IN (SELECT id FROM workspaces) AND "
)

// PurgeExpired deletes what no longer means anything: sessions that are over, set-up links
// and invitations that have expired, answers too old to be given again, sign-in attempts too old
// to count, devices not used for half a year, usage by hour after 90 days, the rest of it after
// two years, deliveries after 30 days, and events a day later.
// The audit log is kept; what a node of an earlier version has added to it is chained.
// On SQLite it then brings the planner's statistics up to date, which PostgreSQL does itself.
func (s *Store) PurgeExpired(ctx context.Context) error {
	now := s.now()
	for _, expired := range []struct {
		row   any
		where string
		args  []any
	}{
		{&Session{}, "expires_at <= ? OR last_seen_at <= ?", []any{now, now.Add(-SessionIdle)}},
		{&setupLink{}, "expires_at <= ?", []any{now}},
		{&signInThrottle{}, "updated_at <= ?", []any{now.Add(-throttleMemory)}},
		{&knownDevice{}, "last_used_at <= ?", []any{now.Add(-deviceMemory)}},
		{&usageBatch{}, "created_at <= ?", []any{now.Add(-flushMemory)}},
		{&usageFlush{}, "created_at <= ?", []any{now.Add(-flushMemory)}},
		{&invitation{}, "expires_at <= ?", []any{now}},
		{&expiryReminder{}, "expires_at <= ?", []any{now}},
		{&expiryEmail{}, "expires_at <= ?", []any{now}},
		{&idempotentResponse{}, "created_at <= ?", []any{now.Add(-IdempotencyLife)}},
		{&webhookSecret{}, "expires_at <= ?", []any{now}},
		{&WebhookDelivery{}, "id < ?", []any{firstID("whd", now.Add(-deliveryMemory))}},
		{&Event{}, "created_at <= ?", []any{now.Add(-eventMemory)}},
		{&usageHour{}, ofAnyWorkspace + "starts_at <= ?", []any{now.Add(-UsageHoursKept)}},
		{&usageDay{}, ofAnyWorkspace + "starts_at <= ?", []any{now.Add(-UsageDaysKept)}},
		{&APIKeyRouteUse{}, "last_at <= ?", []any{now.Add(-UsageDaysKept)}},
		{&APIKeyCaller{}, "last_seen_at <= ?", []any{now.Add(-UsageDaysKept)}},
	} {
		if err := s.purge(ctx, expired.row, expired.where, expired.args); err != nil {
			return fmt.Errorf("purge %T: %w", expired.row, err)
		}
	}
	if err := s.chainEarlierEvents(ctx); err != nil {
		return err
	}
	if s.dialect.name == sqlite {
		if err := s.with(ctx).Exec("PRAGMA optimize").Error; err != nil {
			return fmt.Errorf("optimize: %w", err)
		}
	}
	return nil
}

// purgeBatchSize is how many rows are deleted at once on SQLite, where nobody else writes meanwhile:
// a node that has been stopped for long finds millions, and a deletion would wait for all of them.
const (
	purgeBatchSize = 5000
	purgePause     = 50 * time.Millisecond
)

// purge deletes the rows of a table that a condition is true of.
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
