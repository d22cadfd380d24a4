package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

// KeyChanges are the changes to keys since an epoch. Once a node has dropped those keys, it may verify
// keys from memory for one lease, counted from the time before it read the changes.
type KeyChanges struct {
	Epoch   int64
	Lease   time.Duration
	Digests []token.Digest // of the keys changed since that epoch
	All     bool           // the changes are unknown or too many: drop all keys
}

// revocation is the single row whose lock orders changes to keys.
type revocation struct {
	ID           int
	Epoch        int64
	LeaseMS      int64
	WaitMS       int64
	LeaseVersion int64
}

func (revocation) TableName() string { return "revocation" }

func (r revocation) lease() time.Duration { return time.Duration(r.LeaseMS) * time.Millisecond }
func (r revocation) wait() time.Duration  { return time.Duration(r.WaitMS) * time.Millisecond }

// maxChanges limits the changed keys that a node drops one by one. Dropping all keys is faster
// beyond that.
const maxChanges = 10_000

// KeyChanges returns the changes since an epoch, which is negative for the first call of a node. It
// uses a connection of its own, so that a busy pool cannot keep a node from renewing its lease.
func (s *Store) KeyChanges(ctx context.Context, after int64) (KeyChanges, error) {
	var current revocation
	if err := s.polls.WithContext(ctx).Take(&current).Error; err != nil {
		return KeyChanges{}, fmt.Errorf("read revocation: %w", err)
	}
	changes := KeyChanges{Epoch: current.Epoch, Lease: current.lease()}
	switch {
	case current.Epoch == after:
		return changes, nil
	case after < 0, current.Epoch < after: // a lower epoch comes from another or an older database
		changes.All = true
		return changes, nil
	}
	err := s.polls.WithContext(ctx).Model(&APIKey{}).
		Where("changed_epoch > ?", after).Limit(maxChanges+1).
		Pluck("digest", &changes.Digests).Error
	if err != nil {
		return KeyChanges{}, fmt.Errorf("read changed API keys: %w", err)
	}
	if len(changes.Digests) > maxChanges {
		changes.Digests, changes.All = nil, true
	}
	return changes, nil
}

// ForgetIdleConnections closes idle connections. Call it when the database doesn't respond, because
// they may be dead, and each would otherwise cost a timeout.
func (s *Store) ForgetIdleConnections() {
	if db, err := s.db.DB(); err == nil {
		db.SetMaxIdleConns(0)
		db.SetMaxIdleConns(s.dialect.connections())
	}
}

// changeKeys runs fn in a transaction at the next epoch, which fn must write into the keys it
// changes. Every change to what a key may do goes through it. It returns the time of the commit once
// the change is in effect on all nodes: one lease and 5% after the commit. It waits even if ctx is
// done, because the change has been made. If the disk is full, it uses the reserve, so that keys can
// still be deleted.
func (s *Store) changeKeys(ctx context.Context, fn func(tx *Store, epoch int64) error) (time.Time, error) {
	if s.inTx() {
		panic("changeKeys in a transaction would wait before the commit")
	}
	var row revocation
	change := func(tx *Store) (err error) {
		if row, err = tx.nextEpoch(ctx); err != nil {
			return err
		}
		return fn(tx, row.Epoch)
	}
	err := s.Tx(ctx, change)
	if errors.Is(err, errNoSpace) && s.dialect.file.releaseReserve() {
		err = s.Tx(ctx, change) // nothing was changed
	}
	if err != nil {
		return time.Time{}, err
	}
	committedAt, start := s.now(), time.Now()
	time.Sleep(withMargin(row.wait()))
	s.keyChanged(time.Since(start))
	return committedAt, nil
}

// nextEpoch increments the epoch and locks its row until the transaction ends. It turns
// synchronous_commit on where it is off, because a crash must not undo a change.
func (s *Store) nextEpoch(ctx context.Context) (revocation, error) {
	var row revocation
	if s.dialect.name == postgresql {
		err := s.with(ctx).Exec("SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'").Error
		if err != nil {
			return row, fmt.Errorf("turn on synchronous_commit: %w", err)
		}
	}
	update := s.with(ctx).Raw("UPDATE revocation SET epoch = epoch + 1 WHERE id = 1 RETURNING *").Scan(&row)
	if update.Error != nil || update.RowsAffected == 0 {
		return row, fmt.Errorf("next epoch: %w", orMissing(update.Error))
	}
	return row, nil
}

func orMissing(err error) error {
	if err == nil {
		return gorm.ErrRecordNotFound
	}
	return err
}

// withMargin returns how long to wait until a lease of length d has ended on every node, whose clocks
// run at the same rate to within 5%.
func withMargin(d time.Duration) time.Duration { return d + d/20 }
