package models

import (
	"context"
	"fmt"
	"time"
)

// Lease is how long a node may verify keys from memory after it has read the changes to keys, even if the
// database is unavailable. All nodes read the lease from the database together with the changes.
type Lease struct {
	Length time.Duration // of new leases
	Wait   time.Duration // how long a change waits for a node that doesn't confirm it, without the margin; longer than Length while longer leases may be held
	Epoch  int64         // number of changes to keys
	// Upgrading reports whether nodes of an earlier version may be running, which don't confirm changes.
	// Each change then waits for a lease. See FinishUpgrade.
	Upgrading bool
}

// ChangeTime returns the longest time until a change to a key is in effect on all nodes.
func (l Lease) ChangeTime() time.Duration { return withMargin(l.Wait) }

// Bounds of a lease. A shorter one would load the database for little gain. With a longer one, a change
// that waits for a failed node takes so long that people think it has failed, too.
const (
	MinLease = 100 * time.Millisecond
	MaxLease = time.Minute
)

// Lease returns the current lease.
func (s *Store) Lease(ctx context.Context) (Lease, error) {
	var row revocation
	if err := s.with(ctx).Take(&row).Error; err != nil {
		return Lease{}, fmt.Errorf("read lease: %w", err)
	}
	return Lease{Length: row.lease(), Wait: max(row.wait(), row.unregisteredWait()), Epoch: row.Epoch, Upgrading: row.WaitMS > 0}, nil
}

// SetLease changes the length of leases, in whole milliseconds, and returns once no node holds a
// longer one. Until then, changes to keys wait for the longer of the two if a node doesn't confirm them.
// If the call is interrupted, they do so until the lease is set again, which is slower but safe. It
// returns FailedPrecondition before FinishUpgrade.
func (s *Store) SetLease(ctx context.Context, length time.Duration) error {
	if length < MinLease || length > MaxLease || length != length.Truncate(time.Millisecond) {
		return Errorf(Invalid, "Enter a lease between %s and %s, in whole milliseconds.", MinLease, MaxLease)
	}
	var row revocation
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.audit(ctx, "", "lease.set", target{"lease", "1", "lease"}, map[string]string{"lease": length.String()}); err != nil {
			return err
		}
		if err := tx.flush(ctx); err != nil {
			return err
		}
		update := tx.with(ctx).Raw(`UPDATE revocation SET node_lease_ms = ?, lease_version = lease_version + 1,
			node_wait_ms = CASE WHEN node_wait_ms < ? THEN ? ELSE node_wait_ms END WHERE id = 1 AND lease_ms = 0 RETURNING `+revocationColumns(),
			length.Milliseconds(), length.Milliseconds(), length.Milliseconds()).Scan(&row)
		if update.Error != nil {
			return fmt.Errorf("set lease: %w", update.Error)
		}
		if update.RowsAffected == 0 {
			return Errorf(FailedPrecondition, "Nodes of an earlier version may be running. Upgrade all nodes and run \"skipup nodes finish-upgrade\" first.")
		}
		return nil
	})
	if err != nil || row.NodeWaitMS == row.NodeLeaseMS {
		return err
	}
	if err := sleep(ctx, withMargin(row.wait())); err != nil {
		return fmt.Errorf("wait for the longer lease: %w", err)
	}
	err = s.with(ctx).Exec("UPDATE revocation SET node_wait_ms = node_lease_ms WHERE id = 1 AND lease_version = ?", row.LeaseVersion).Error
	if err != nil {
		return fmt.Errorf("end the longer wait: %w", err)
	}
	return nil
}

// FinishUpgrade lets changes to keys wait for acknowledgments only. Call it when all nodes run this
// version. A node of an earlier version that is still running then reads each key from the database, is
// not ready, and can't change keys.
func (s *Store) FinishUpgrade(ctx context.Context) error {
	var row revocation
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.with(ctx).Take(&row).Error; err != nil {
			return fmt.Errorf("read lease: %w", err)
		}
		if row.LeaseMS == 0 {
			return nil
		}
		if err := tx.audit(ctx, "", "lease.upgraded", target{"lease", "1", "lease"}, map[string]string{"lease": milliseconds(row.NodeLeaseMS).String()}); err != nil {
			return err
		}
		if err := tx.flush(ctx); err != nil {
			return err
		}
		// From now on, no node of an earlier version gets a lease, but one may still hold the lease that was
		// set last. The new version of the lease keeps a SetLease of that node from ending the wait.
		return tx.with(ctx).Raw("UPDATE revocation SET lease_ms = 0, lease_version = lease_version + 1 WHERE id = 1 RETURNING " + revocationColumns()).Scan(&row).Error
	})
	if err != nil || row.WaitMS == 0 {
		return err
	}
	if err := sleep(ctx, withMargin(row.unregisteredWait())); err != nil {
		return fmt.Errorf("wait for leases of an earlier version: %w", err)
	}
	if err := s.with(ctx).Exec("UPDATE revocation SET wait_ms = 0 WHERE id = 1 AND lease_ms = 0").Error; err != nil {
		return fmt.Errorf("finish the upgrade: %w", err)
	}
	return nil
}
