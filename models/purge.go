package models

import (
	"context"
	"fmt"
	"time"
)

// deviceMemory is how long an unused device stays known.
const deviceMemory = 180 * 24 * time.Hour

// PurgeExpired deletes what no longer means anything: sessions that are over, set-up links
// that have expired, sign-in attempts too old to count and devices not used for half a year.
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
	} {
		if err := s.with(ctx).Where(expired.where, expired.args...).Delete(expired.row).Error; err != nil {
			return fmt.Errorf("purge %T: %w", expired.row, err)
		}
	}
	if s.dialect.name == sqlite {
		if err := s.with(ctx).Exec("PRAGMA optimize").Error; err != nil {
			return fmt.Errorf("optimize: %w", err)
		}
	}
	return nil
}
