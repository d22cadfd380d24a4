package models

import (
	"context"
	"fmt"
	"time"
)

// Lease is how long a node may verify keys from memory after it has read the changes to keys. All nodes
// read the lease from the database together with the changes.
type Lease struct {
	Length time.Duration // of new leases
	Wait   time.Duration // how long a change waits, without the margin; longer than Length while longer leases may be held
	Epoch  int64         // number of changes to keys
}

// ChangeTime returns how long it takes until a change to a key is in effect on all nodes.
func (l Lease) ChangeTime() time.Duration { return withMargin(l.Wait) }

// Bounds of a lease. A shorter one would load the database for little gain. With a longer one, a
// deletion takes so long that people think it has failed.
const (
	MinLease = 100 * time.Millisecond
	MaxLease = 10 * time.Second
)

// Lease returns the current lease.
func (s *Store) Lease(ctx context.Context) (Lease, error) {
	var row revocation
	if err := s.with(ctx).Take(&row).Error; err != nil {
		return Lease{}, fmt.Errorf("read lease: %w", err)
	}
	return Lease{Length: row.lease(), Wait: row.wait(), Epoch: row.Epoch}, nil
}

// awaitLeases waits until the leases that nodes hold now have ended, or ctx is done.
func (s *Store) awaitLeases(ctx context.Context) error {
	lease, err := s.Lease(ctx)
	if err != nil {
		return err
	}
	return sleep(ctx, withMargin(lease.Wait))
}

// SetLease changes the length of leases, in whole milliseconds, and returns once no node holds a
// longer one. Until then, changes to keys wait for the longer of the two. If the call is interrupted,
// they do so until the lease is set again, which is slower but safe.
func (s *Store) SetLease(ctx context.Context, length time.Duration) error {
	if length < MinLease || length > MaxLease || length != length.Truncate(time.Millisecond) {
		return Errorf(Invalid, "Enter a lease between %s and %s, in whole milliseconds.", MinLease, MaxLease)
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
