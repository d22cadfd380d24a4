package models

import (
	"cmp"
	"time"
)

// Retention is for how many days data is kept that operators may keep for a shorter or longer time. A field that is
// zero has its default. All nodes must have the same. Audit events aren't in it: each contains a hash of the one
// before, so that a deletion of the oldest can't be told from tampering.
type Retention struct {
	Usage         int // counts by day, callers, and uses of routes
	Deliveries    int // of webhooks
	FailedSignIns int
	Notifications int
}

// RetentionDays are the days for which one kind of data is kept.
type RetentionDays struct{ Least, Default int }

// MostRetentionDays is the longest time for which data is kept, in days.
const MostRetentionDays = 3650

var (
	// UsageRetention is at least as long as counts by hour are kept, which are part of those by day.
	UsageRetention = RetentionDays{int(UsageHoursKept / day), int(UsageDaysKept / day)}
	// DeliveryRetention exceeds the time until the last attempt of a delivery, which is 3 days.
	DeliveryRetention = RetentionDays{7, 30}
	// FailedSignInRetention leaves time to notice them.
	FailedSignInRetention = RetentionDays{7, 90}
	// NotificationRetention leaves time to read them.
	NotificationRetention = RetentionDays{30, 90}
)

const day = 24 * time.Hour

func (d RetentionDays) kept(days int) time.Duration {
	return time.Duration(max(d.Least, cmp.Or(days, d.Default))) * day
}

// UsageKept returns how long the counts by day, the callers, and the uses of routes are kept.
func (s *Store) UsageKept() time.Duration { return UsageRetention.kept(s.retention.Usage) }

func (s *Store) deliveriesKept() time.Duration { return DeliveryRetention.kept(s.retention.Deliveries) }

// eventsKept returns how long events are kept. That exceeds deliveriesKept, because a replay can create a
// delivery that much later than its event.
func (s *Store) eventsKept() time.Duration { return s.deliveriesKept() + ReplayableFor + day }

// FailedSignInsKept returns how long failed sign-ins are kept.
func (s *Store) FailedSignInsKept() time.Duration {
	return FailedSignInRetention.kept(s.retention.FailedSignIns)
}

// NotificationsKept returns how long notifications are kept.
func (s *Store) NotificationsKept() time.Duration {
	return NotificationRetention.kept(s.retention.Notifications)
}
