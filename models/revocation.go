package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

// KeyState identifies a state of all keys.
type KeyState struct {
	Epoch int64 // number of the last change
	// ChangeID is the random ID of the last change. After a failover that lost commits, another change
	// may have the same epoch.
	ChangeID string
}

// UnknownKeys is the state that a node knows before it has read any changes. All changes since then are
// unknown.
var UnknownKeys = KeyState{Epoch: -1}

// KeyChanges are the changes to keys since an earlier state. Once a node has dropped those keys and
// acknowledged State, it may verify keys from memory for one lease, counted from the time before it
// read the changes.
type KeyChanges struct {
	State        KeyState
	Acknowledged bool // the node has already acknowledged State
	Lease        time.Duration
	Digests      []token.Digest // of the keys changed since the earlier state
	All          bool           // the changes are unknown or too many: drop all keys
	DatabaseTime time.Time      // zero on SQLite, which has no clock of its own
}

// revocation is the single row whose lock orders changes to keys.
type revocation struct {
	ID           int
	Epoch        int64
	ChangeID     string
	LeaseVersion int64
	NodeLeaseMS  int64
	NodeWaitMS   int64
	// Nodes of earlier versions don't register. While there may be any, all nodes use leases of this
	// length, and a change waits until they have ended. Both are 0 once there are none.
	LeaseMS, WaitMS int64
}

func (revocation) TableName() string { return "revocation" }

var revocationColumns = sync.OnceValue(func() string { return columnsOf(revocation{}, "revocation") })

// lease returns the length of new leases.
func (r revocation) lease() time.Duration {
	if r.LeaseMS > 0 {
		return milliseconds(r.LeaseMS)
	}
	return milliseconds(r.NodeLeaseMS)
}

// wait returns the longest lease that a registered node may hold.
func (r revocation) wait() time.Duration {
	if r.LeaseMS > 0 {
		return milliseconds(r.WaitMS)
	}
	return milliseconds(r.NodeWaitMS)
}

// unregisteredWait returns the longest lease that an unregistered node may hold.
func (r revocation) unregisteredWait() time.Duration { return milliseconds(r.WaitMS) }

func (r revocation) state() KeyState { return KeyState{r.Epoch, r.ChangeID} }

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// keyChange is a change to keys in the history of the database.
type keyChange struct {
	Epoch    int64 `gorm:"primaryKey"`
	ChangeID string
}

// maxChanges limits the changed keys that a node drops one by one. Dropping all keys is faster
// beyond that. A node that is further behind drops all keys too, so older changes can be purged.
const maxChanges = 10_000

// KeyChanges returns the changes since the state that a node knows. It returns ErrNodeRemoved if the
// node isn't registered, even if nothing has changed, and ErrOutdated if this program may no longer use
// the database. It uses connections of its own, so that a busy pool cannot keep a node from renewing its
// lease.
func (s *Store) KeyChanges(ctx context.Context, nodeID string, known KeyState) (KeyChanges, error) {
	var read struct {
		Current       revocation `gorm:"embedded"`
		AppliedEpoch  *int64     // nil if the node isn't registered
		Continues     bool       // known is part of the history
		ScopesChange  string     // the last change to the catalog of scopes
		OldestProgram int64
		DatabaseTime  time.Time
	}
	query := s.polls.WithContext(ctx).Table("revocation").
		Joins("CROSS JOIN scope_catalog").
		Joins("CROSS JOIN installation").
		Joins("LEFT JOIN nodes ON nodes.id = ? AND nodes.token_id = ?", nodeID, s.nodeToken.ID).
		Joins("LEFT JOIN key_changes ON key_changes.epoch = ? AND key_changes.change_id = ?", known.Epoch, known.ChangeID)
	columns := revocationColumns() + ", nodes.applied_epoch, key_changes.epoch IS NOT NULL AS continues, scope_catalog.change_id AS scopes_change, installation.oldest_program"
	if s.dialect.name == postgresql {
		columns += ", clock_timestamp() AS database_time"
	}
	if err := query.Select(columns).Take(&read).Error; err != nil {
		return KeyChanges{}, fmt.Errorf("read revocation: %w", err)
	}
	if isOutdated(read.OldestProgram) { // first, so that the node doesn't register again
		return KeyChanges{}, ErrOutdated
	}
	if read.AppliedEpoch == nil {
		return KeyChanges{}, ErrNodeRemoved
	}
	if read.ScopesChange != s.scopes.Load().changeID { // before the node acknowledges the change
		if err := s.loadScopes(s.polls.WithContext(ctx)); err != nil {
			return KeyChanges{}, err
		}
	}
	s.seen.set(read.Current.state())
	changes := KeyChanges{
		State: read.Current.state(), Acknowledged: *read.AppliedEpoch == read.Current.Epoch,
		Lease: read.Current.lease(), DatabaseTime: read.DatabaseTime,
	}
	switch {
	case changes.State == known:
		s.applied.add(known.Epoch, s.now())
		return changes, nil
	case !read.Continues, known.Epoch > changes.State.Epoch:
		s.applied.forget()
		changes.All = true
		return changes, nil
	}
	changed := s.polls.WithContext(ctx).Model(&APIKey{}).Where("changed_epoch > ?", known.Epoch)
	if s.nodeToken.WorkspaceID != nil {
		changed = changed.Where("workspace_id = ?", *s.nodeToken.WorkspaceID)
	}
	if err := changed.Limit(maxChanges+1).Pluck("digest", &changes.Digests).Error; err != nil {
		return KeyChanges{}, fmt.Errorf("read changed API keys: %w", err)
	}
	if len(changes.Digests) > maxChanges {
		changes.Digests, changes.All = nil, true
	}
	return changes, nil
}

// changeKeys runs fn in a transaction, at the next epoch. Fn returns the keys whose access it changes,
// whose rows it must have locked. Every change to what a key may do goes through changeKeys.
//
// It returns once the change is in effect on all nodes: each has acknowledged the epoch, or its lease
// has ended. It waits even if ctx is done, because the change has been made. If the disk is full, it
// uses the reserve and runs fn again, so that keys can still be deleted.
func (s *Store) changeKeys(ctx context.Context, fn func(tx *Store) ([]*APIKey, error)) (Effect, error) {
	if s.inTx() {
		panic("changeKeys in a transaction would wait before the commit")
	}
	var row revocation
	change := func(tx *Store) error {
		keys, err := fn(tx)
		if err != nil {
			return err
		}
		if err := tx.flush(ctx); err != nil {
			return err
		}
		row, err = tx.nextEpoch(ctx, keys)
		return err
	}
	err := s.Tx(ctx, change)
	if errors.Is(err, errNoSpace) && s.dialect.file.releaseReserve() {
		err = s.Tx(ctx, change) // nothing was changed
	}
	if err != nil {
		return Effect{}, err
	}
	committedAt, start := s.now(), time.Now()
	s.hintKeyChange()
	effect := s.awaitEffect(context.WithoutCancel(ctx), row)
	effect.CommittedAt, effect.EffectiveAt, effect.Took = committedAt, s.now(), time.Since(start)
	s.keyChanged(effect)
	return effect, nil
}

// nextEpoch increments the epoch, marks the keys as changed in it, and locks its row until the
// transaction ends. It must be the last step, because all other changes wait for the lock. On PostgreSQL,
// it takes one round trip, unless there are very many keys.
func (s *Store) nextEpoch(ctx context.Context, keys []*APIKey) (revocation, error) {
	next := "UPDATE revocation SET epoch = epoch + 1, change_id = @change WHERE id = 1 AND (SELECT oldest_program FROM installation) <= @known RETURNING " + revocationColumns()
	statement := next
	if s.dialect.name == postgresql {
		statement = "WITH next AS (" + next + "), marked AS (" +
			"UPDATE api_keys SET changed_epoch = next.epoch FROM next WHERE api_keys.id IN @ids) SELECT " + columnsOf(revocation{}, "next") + " FROM next"
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	var row revocation
	first, rest := ids[:min(len(ids), maxIDs)], ids[min(len(ids), maxIDs):]
	if s.dialect.name == sqlite {
		rest = ids
	}
	update := s.with(ctx).Raw(statement, map[string]any{"change": s.id("chg"), "known": LatestSchema(), "ids": first}).Scan(&row)
	if update.Error != nil {
		return row, fmt.Errorf("next epoch: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return row, ErrOutdated
	}
	for _, key := range keys {
		key.ChangedEpoch = row.Epoch
	}
	for some := range slices.Chunk(rest, maxIDs) {
		if err := s.with(ctx).Model(&APIKey{}).Where("id IN ?", some).UpdateColumn("changed_epoch", row.Epoch).Error; err != nil {
			return row, fmt.Errorf("mark API keys as changed: %w", err)
		}
	}
	return row, nil
}

// startHistory starts a new history of changes to keys in a database that was restored, with a change to
// some keys. A node that knows the earlier history then drops all keys from its memory, even if it has
// heard of nothing else. It must be the last step of a transaction.
func (s *Store) startHistory(ctx context.Context, keys []*APIKey) error {
	for _, table := range []string{"nodes", "key_changes"} {
		if err := s.with(ctx).Exec("DELETE FROM " + table).Error; err != nil {
			return fmt.Errorf("start a new history of changes: %w", err)
		}
	}
	_, err := s.nextEpoch(ctx, keys)
	return err
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
