package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// changeTime is how long a change waits for a node that doesn't confirm it: a lease and 5%.
const changeTime = modelstest.Lease + modelstest.Lease/20

// silentNode registers a node that confirms no change.
func (s fixture) silentNode(t *testing.T, name string) (id string) {
	t.Helper()
	id, err := s.RegisterNode(t.Context(), models.NewNode{Name: name, Version: "test", StartedAt: s.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s fixture) epoch(t *testing.T) int64 {
	t.Helper()
	lease, err := s.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lease.Epoch
}

// Only changes to what a key may do wait.
func TestChangeWaitsUntilItIsInEffect(t *testing.T) {
	tests := []struct {
		name  string
		do    func(s fixture, key *models.APIKey) error
		waits bool
	}{
		{"rename", func(s fixture, key *models.APIKey) error { return s.RenameAPIKey(s.ctx, s.id, key.ID, "Other") }, false},
		{"same access", func(s fixture, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), key.Access())
			return err
		}, false},
		{"more scopes", func(s fixture, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{Scopes: scope.All})
			return err
		}, true},
		{"fewer scopes", func(s fixture, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, models.KeyAccess{Scopes: scope.All}, models.KeyAccess{})
			return err
		}, true},
		{"deletion", func(s fixture, key *models.APIKey) error {
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		}, true},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for _, tt := range tests {
			s.silentNode(t, "silent")
			epoch, start := s.epoch(t), time.Now()
			if err := tt.do(s, key); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if took := time.Since(start); tt.waits && took < changeTime {
				t.Errorf("%s returned after %v, want at least %v", tt.name, took, changeTime)
			}
			want := epoch
			if tt.waits {
				want++
			}
			if got := s.epoch(t); got != want {
				t.Errorf("%s: epoch = %d, want %d", tt.name, got, want)
			}
		}
	})
}

func TestRejectedChangeKeepsTheEpoch(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, past := s.key(t, "CI"), s.Now()
		dead := s.key(t, "Dead")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, dead.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		wantUnchanged(t, s.Store, func() {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: &past})
			wantKind(t, err, models.Invalid)
			_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, models.KeyAccess{Scopes: scope.All}, models.KeyAccess{})
			wantKind(t, err, models.Conflict)
			_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, dead.ID, dead.Access(), models.KeyAccess{})
			wantKind(t, err, models.NotFound)
			_, err = s.ChangeAPIKeyAccess(s.ctx, "ws_other", key.ID, key.Access(), models.KeyAccess{})
			wantKind(t, err, models.NotFound)
			_, err = s.DeleteAPIKey(s.ctx, s.id, "key_1", models.NoConfirmation)
			wantKind(t, err, models.NotFound)
		})
	})
}

// Canceling the call does not undo the change.
func TestChangeWaitsAfterCancellation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET wait_ms = 1000")
		key := s.key(t, "CI")
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		go func() { // cancels during the wait, which follows the commit
			for ctx.Err() == nil {
				if stored, err := s.APIKey(s.ctx, s.id, key.ID); err == nil && stored.DeletedAt != nil {
					cancel()
				}
				time.Sleep(time.Millisecond)
			}
		}()
		start := time.Now()
		deleted, err := s.DeleteAPIKey(ctx, s.id, key.ID, models.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 1050*time.Millisecond {
			t.Errorf("the deletion returned after %v, want at least 1.05s", took)
		}
		if receipt, _ := deleted.DeletionReceipt(); receipt.EffectiveAt == nil || s.read(t, key).DeletionEffectiveAt == nil {
			t.Errorf("receipt = %+v, want one with the time of effect", receipt)
		}
	})
}

func TestChangeInATransactionPanics(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		defer func() {
			if recover() == nil {
				t.Error("a deletion in a transaction does not panic")
			}
		}()
		_ = s.Tx(s.ctx, func(tx *models.Store) error {
			_, err := tx.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		})
	})
}

func (s fixture) changes(t *testing.T, nodeID string, known models.KeyState) models.KeyChanges {
	t.Helper()
	changes, err := s.KeyChanges(t.Context(), nodeID, known)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestKeyChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_wait_ms = 60000") // so that no node is removed
		node := s.silentNode(t, "node")
		first := s.changes(t, node, models.KeyState{Epoch: 7, ChangeID: "of another database"})
		modelstest.Equal(t, "all at first", first.All, true)
		modelstest.Equal(t, "lease", first.Lease, modelstest.Lease)
		again := s.changes(t, node, first.State)
		modelstest.Equal(t, "all", again.All, false)
		modelstest.Equal(t, "digests", len(again.Digests), 0)
		modelstest.Equal(t, "state", again.State, first.State)
		one, two := s.key(t, "One"), s.key(t, "Two")
		if made := s.changes(t, node, first.State); len(made.Digests) != 0 {
			t.Errorf("poll after keys were created = %+v, want no changes", made)
		}
		if err := s.RemoveNode(s.ctx, node); err != nil { // so that no change waits for it
			t.Fatal(err)
		}
		var states []models.KeyState
		for _, key := range []*models.APIKey{one, two} {
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{}); err != nil {
				t.Fatal(err)
			}
			node = s.silentNode(t, "node")
			states = append(states, s.changes(t, node, models.UnknownKeys).State)
			if err := s.RemoveNode(s.ctx, node); err != nil {
				t.Fatal(err)
			}
		}
		node = s.silentNode(t, "node")
		both := s.changes(t, node, first.State)
		slices.SortFunc(both.Digests, func(a, b token.Digest) int { return slices.Compare(a[:], b[:]) })
		want := []token.Digest{one.Digest, two.Digest}
		slices.SortFunc(want, func(a, b token.Digest) int { return slices.Compare(a[:], b[:]) })
		modelstest.Equal(t, "all", both.All, false)
		modelstest.Equal(t, "state", both.State, states[1])
		modelstest.Equal(t, "digests", both.Digests, want)
		if last := s.changes(t, node, states[0]); len(last.Digests) != 1 || last.Digests[0] != two.Digest {
			t.Errorf("poll since the first change = %+v, want the second digest", last)
		}
	})
}

// A failover can lose commits. The next change then has the epoch of one that was lost.
func TestLostChangeIsNotMistakenForAnother(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 2 {
			if _, err := s.DeleteAPIKey(s.ctx, s.id, s.key(t, "CI").ID, models.NoConfirmation); err != nil {
				t.Fatal(err)
			}
		}
		node := s.silentNode(t, "node")
		current := s.changes(t, node, models.UnknownKeys).State
		for _, lost := range []int64{current.Epoch - 1, current.Epoch, current.Epoch + 1} {
			known := models.KeyState{Epoch: lost, ChangeID: "lost"}
			modelstest.Equal(t, fmt.Sprintf("all since lost epoch %d of %d", lost, current.Epoch), s.changes(t, node, known).All, true)
			if err := s.AcknowledgeKeyChanges(s.ctx, node, known); !errors.Is(err, models.ErrNodeRemoved) {
				t.Errorf("acknowledge lost epoch %d: error = %v, want %v", lost, err, models.ErrNodeRemoved)
			}
		}
	})
}

// A node that has read an epoch has read all changes up to it, even if they are concurrent.
func TestPollMissesNoCommittedChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		const keys = 12
		stop, seen := make(chan struct{}), map[token.Digest]bool{}
		var poller sync.WaitGroup
		s.Exec(t, "UPDATE revocation SET node_wait_ms = 60000") // so that the node isn't removed
		node := s.silentNode(t, "node")
		applied := s.changes(t, node, models.UnknownKeys).State
		poll := func() {
			changes := s.changes(t, node, applied)
			for _, digest := range changes.Digests {
				seen[digest] = true
			}
			applied = changes.State
			if err := s.AcknowledgeKeyChanges(s.ctx, node, applied); err != nil {
				t.Errorf("acknowledge: %v", err)
			}
		}
		poller.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					poll()
				}
			}
		})
		made := make([]*models.APIKey, keys)
		for i := range made {
			made[i] = s.key(t, "CI")
		}
		atOnce(keys, func(i int) error {
			_, err := s.DeleteAPIKey(s.ctx, s.id, made[i].ID, models.NoConfirmation)
			if err != nil {
				t.Errorf("delete: %v", err)
			}
			return err
		})
		close(stop)
		poller.Wait()
		poll()
		for i, key := range made {
			if !seen[key.Digest] {
				t.Errorf("no poll returned the change of key %d", i)
			}
		}
	})
}

// A node renews its lease even if all other connections are in use.
func TestPollHasItsOwnConnection(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	pool, err := s.DB().DB()
	if err != nil {
		t.Fatal(err)
	}
	for range pool.Stats().MaxOpenConnections {
		connection, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close() }()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.KeyChanges(ctx, "node_1", models.UnknownKeys); !errors.Is(err, models.ErrNodeRemoved) {
		t.Errorf("poll: %v", err)
	}
}

// Hosted databases become read-only when their disk is full. Keys must work all the same.
func TestReadOnlyPrimaryServesReads(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	readOnly, err := models.Open(s.URL+"&default_transaction_read_only=on", models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = readOnly.Close() }()
	if _, err := readOnly.APIKeyByDigest(s.ctx, key.Digest); err != nil {
		t.Errorf("read a key: %v", err)
	}
	_, err = readOnly.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
	if !models.IsUnavailable(err) {
		t.Errorf("delete a key: error = %v, want one that says that the database is unavailable", err)
	}
	modelstest.Equal(t, "cause", models.OutageCause(err), "The database is read-only.")
}

// The database may be configured to lose commits in a crash.
func TestChangeTurnsOnSynchronousCommit(t *testing.T) {
	t.Parallel()
	s := modelstest.NewPostgreSQL(t)
	lax, err := models.Open(s.URL+"&synchronous_commit=off", models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lax.Close() }()
	h := newFixture(t, s, "Acme", "ada@acme.test")
	s.Exec(t, `CREATE TABLE seen (setting text)`)
	s.Exec(t, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END'`)
	s.Exec(t, `CREATE TRIGGER note AFTER UPDATE ON revocation FOR EACH ROW EXECUTE FUNCTION note()`)
	if _, err := lax.DeleteAPIKey(h.ctx, h.id, h.key(t, "CI").ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	var setting string
	if err := s.DB().Raw("SELECT setting FROM seen").Scan(&setting).Error; err != nil || setting != "on" {
		t.Errorf("synchronous_commit = %q, %v, want on", setting, err)
	}
}
