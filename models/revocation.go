package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/defect"
	"github.com/skipup/keys/models/token"
)

// KeyChanges is what a node learns when it asks what has happened to the keys. Once it has
// dropped what it holds of them it may answer from memory for one lease, counted from the
// moment before it asked.
type KeyChanges struct {
	Epoch   int64
	Lease   time.Duration
	Digests []token.Digest // of the keys changed since the epoch asked for
	All     bool           // what changed cannot be told: everything held has to go
}

// revocation is the one row that orders the changes of keys.
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

// maxChanges is how many changed keys a node is told one by one: a node that has missed more
// starts anew sooner than it drops them.
const maxChanges = 10_000

// KeyChanges reads what has changed since epoch after; a negative one is a node's first. It
// has a connection of its own, so that a busy pool cannot keep a node from renewing its lease.
func (s *Store) KeyChanges(ctx context.Context, after int64) (KeyChanges, error) {
	var now revocation
	if err := s.polls.WithContext(ctx).Take(&now).Error; err != nil {
		return KeyChanges{}, fmt.Errorf("read revocation: %w", err)
	}
	changes := KeyChanges{Epoch: now.Epoch, Lease: now.lease()}
	switch {
	case now.Epoch == after:
		return changes, nil
	case after < 0, now.Epoch < after: // an epoch that went back is another database, or an older one
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

// ForgetIdleConnections closes the connections that wait for work. Call it when the database
// does not answer: they may lead nowhere, and each would have to find that out by itself.
func (s *Store) ForgetIdleConnections() {
	if db, err := s.db.DB(); err == nil {
		db.SetMaxIdleConns(0)
		db.SetMaxIdleConns(s.dialect.connections())
	}
}

// changeKeys is the one way to change what a key may do, to less or to more. It runs fn in a
// transaction at the next epoch, which fn writes into the keys it changes, and returns when no
// node can answer by the old state any more: one lease after the commit. The wait goes on
// although ctx is done, because the change is made. It returns the time of the commit.
func (s *Store) changeKeys(ctx context.Context, fn func(tx *Store, epoch int64) error) (time.Time, error) {
	if s.inTx() {
		panic("a change of keys within another transaction would wait before it is committed")
	}
	var row revocation
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if row, err = tx.nextEpoch(ctx); err != nil {
			return err
		}
		return fn(tx, row.Epoch)
	})
	if err != nil {
		return time.Time{}, err
	}
	committedAt, start := s.now(), time.Now()
	defect.NoteOwn(row.Epoch)
	if !defect.Seeded(defect.DeleteUnwaited) {
		time.Sleep(withMargin(row.wait()))
	}
	s.waited(time.Since(start))
	return committedAt, nil
}

// nextEpoch moves the epoch on, under the row's lock until the transaction ends. A change must
// not be forgotten in a crash, even where the database is set to do so.
func (s *Store) nextEpoch(ctx context.Context) (revocation, error) {
	var row revocation
	if s.dialect.name == postgresql {
		err := s.with(ctx).Exec("SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'").Error
		if err != nil {
			return row, fmt.Errorf("ask for a lasting commit: %w", err)
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

// withMargin is how long to wait for a lease of d to have run out on every node: their clocks do
// not run at the same speed, but within 5 %.
func withMargin(d time.Duration) time.Duration { return d + d/20 }
