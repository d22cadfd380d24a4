package models

import (
	"context"
	"fmt"
	"time"
)

// Lease is how long nodes answer from memory after they have asked what has changed. It is the
// same for all of them, because it is read from the database with the changes.
type Lease struct {
	Length time.Duration // of the leases that nodes take now
	Wait   time.Duration // what a deletion waits for, without the margin; longer while leases of another length may be held
	Epoch  int64         // changes of keys so far
}

// Takes is how long a change of what a key may do takes until it is in force.
func (l Lease) Takes() time.Duration { return withMargin(l.Wait) }

// Bounds of a lease. A shorter one asks more of the database than it gains; a longer one makes
// people wait for a deletion until they think that it has failed.
const (
	MinLease = 100 * time.Millisecond
	MaxLease = 10 * time.Second
)

// Lease returns the present lease.
func (s *Store) Lease(ctx context.Context) (Lease, error) {
	var row revocation
	if err := s.with(ctx).Take(&row).Error; err != nil {
		return Lease{}, fmt.Errorf("read lease: %w", err)
	}
	return Lease{Length: row.lease(), Wait: row.wait(), Epoch: row.Epoch}, nil
}

// awaitLeases waits until the leases that nodes hold now have run out, or ctx is done.
func (s *Store) awaitLeases(ctx context.Context) error {
	lease, err := s.Lease(ctx)
	if err != nil {
		return err
	}
	return sleep(ctx, withMargin(lease.Wait))
}

// SetLease changes the length of leases, in whole milliseconds, and returns when no node holds
// a longer one. Until then changes of keys wait for the longer of the two, also if this call
// is broken off: then they go on doing so until the lease is set again, which is slower and
// never wrong.
func (s *Store) SetLease(ctx context.Context, length time.Duration) error {
	if length < MinLease || length > MaxLease || length != length.Truncate(time.Millisecond) {
		return Errorf(Invalid, "A lease must be whole milliseconds between %s and %s.", MinLease, MaxLease)
	}
	var row revocation
	err := s.Tx(ctx, func(tx *Store) error {
		err := tx.with(ctx).Raw(`UPDATE revocation SET lease_ms = ?, lease_version = lease_version + 1,
			wait_ms = CASE WHEN wait_ms < ? THEN ? ELSE wait_ms END WHERE id = 1 RETURNING *`,
			length.Milliseconds(), length.Milliseconds(), length.Milliseconds()).Scan(&row).Error
		if err != nil {
			return fmt.Errorf("set lease: %w", err)
		}
		return tx.audit(ctx, "", "lease.set", target{"lease", "1", "lease"}, map[string]string{"lease": length.String()})
	})
	if err != nil || row.WaitMS == row.LeaseMS {
		return err
	}
	if err := sleep(ctx, withMargin(row.wait())); err != nil {
		return fmt.Errorf("wait for the longer lease: %w", err)
	}
	err = s.with(ctx).Exec("UPDATE revocation SET wait_ms = lease_ms WHERE id = 1 AND lease_version = ?", row.LeaseVersion).Error
	if err != nil {
		return fmt.Errorf("end the longer wait: %w", err)
	}
	return nil
}
