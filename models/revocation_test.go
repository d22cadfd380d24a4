package models_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// inForce is how long a change waits in these tests: a lease and 5 %.
const inForce = modelstest.Lease + modelstest.Lease/20

func (s home) epoch(t *testing.T) int64 {
	t.Helper()
	lease, err := s.Lease(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lease.Epoch
}

// TestAChangeWaitsUntilItIsInForce, and what changes nothing of what a key may do does not.
func TestAChangeWaitsUntilItIsInForce(t *testing.T) {
	waits := []struct {
		name string
		do   func(s home, key *models.APIKey) error
		long bool
	}{
		{"a rename", func(s home, key *models.APIKey) error { return s.RenameAPIKey(s.ctx, s.id, key.ID, "Other") }, false},
		{"the same access", func(s home, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), key.Access())
			return err
		}, false},
		{"more scopes", func(s home, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{Scopes: scope.All})
			return err
		}, true},
		{"fewer scopes", func(s home, key *models.APIKey) error {
			_, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, models.KeyAccess{Scopes: scope.All}, models.KeyAccess{})
			return err
		}, true},
		{"a deletion", func(s home, key *models.APIKey) error {
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID)
			return err
		}, true},
	}
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		for _, tt := range waits {
			epoch, start := s.epoch(t), time.Now()
			if err := tt.do(s, key); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if took := time.Since(start); tt.long && took < inForce {
				t.Errorf("%s returned after %v, before it could be in force", tt.name, took)
			}
			if moved := s.epoch(t) - epoch; (moved == 1) != tt.long || moved > 1 {
				t.Errorf("%s moves the epoch by %d", tt.name, moved)
			}
		}
	})
}

func TestARefusedChangeMovesNoEpoch(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key, past := s.key(t, "CI"), s.Now()
		dead := s.key(t, "Dead")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, dead.ID); err != nil {
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
			_, err = s.DeleteAPIKey(s.ctx, s.id, "key_1")
			wantKind(t, err, models.NotFound)
		})
	})
}

// TestTheWaitGoesOnWithoutTheCaller: the change is made, whoever has gone.
func TestTheWaitGoesOnWithoutTheCaller(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Exec(t, "UPDATE revocation SET lease_ms = 300, wait_ms = 300")
		key := s.key(t, "CI")
		ctx, leave := context.WithCancel(s.ctx)
		time.AfterFunc(150*time.Millisecond, leave)
		start := time.Now()
		deleted, err := s.DeleteAPIKey(ctx, s.id, key.ID)
		if err != nil || time.Since(start) < 315*time.Millisecond {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		if receipt, _ := deleted.DeletionReceipt(); receipt.EffectiveAt == nil || s.read(t, key).DeletionEffectiveAt == nil {
			t.Errorf("no receipt: %+v", receipt)
		}
	})
}

func TestAChangeOfKeysHasATransactionOfItsOwn(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		defer func() {
			if recover() == nil {
				t.Error("it would wait before it is committed")
			}
		}()
		_ = s.Tx(s.ctx, func(tx *models.Store) error {
			_, err := tx.DeleteAPIKey(s.ctx, s.id, key.ID)
			return err
		})
	})
}

func (s home) changes(t *testing.T, after int64) models.KeyChanges {
	t.Helper()
	changes, err := s.KeyChanges(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestKeyChanges(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		first := s.changes(t, -1)
		if !first.All || first.Lease != modelstest.Lease {
			t.Errorf("the first time: %+v", first)
		}
		if again := s.changes(t, first.Epoch); again.All || len(again.Digests) != 0 || again.Epoch != first.Epoch {
			t.Errorf("nothing has changed: %+v", again)
		}
		one, two := s.key(t, "One"), s.key(t, "Two")
		if made := s.changes(t, first.Epoch); len(made.Digests) != 0 {
			t.Errorf("new keys are told as changed: %+v", made)
		}
		for _, key := range []*models.APIKey{one, two} {
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{}); err != nil {
				t.Fatal(err)
			}
		}
		both := s.changes(t, first.Epoch)
		slices.SortFunc(both.Digests, func(a, b token.Digest) int { return slices.Compare(a[:], b[:]) })
		want := []token.Digest{one.Digest, two.Digest}
		slices.SortFunc(want, func(a, b token.Digest) int { return slices.Compare(a[:], b[:]) })
		if both.All || both.Epoch != first.Epoch+2 || !slices.Equal(both.Digests, want) {
			t.Errorf("two changes: %+v", both)
		}
		if last := s.changes(t, first.Epoch+1); len(last.Digests) != 1 || last.Digests[0] != two.Digest {
			t.Errorf("since the first of them: %+v", last)
		}
		s.Exec(t, "UPDATE revocation SET epoch = 0")
		if back := s.changes(t, both.Epoch); !back.All || back.Epoch != 0 {
			t.Errorf("the database went back: %+v", back)
		}
	})
}

// TestNoCommittedChangeIsEverMissed, however many are made at once: who has heard of an epoch
// has heard of all changes up to it.
func TestNoCommittedChangeIsEverMissed(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Exec(t, "UPDATE revocation SET lease_ms = 1, wait_ms = 1")
		const keys = 24
		stop, told := make(chan struct{}), map[token.Digest]bool{}
		var poller sync.WaitGroup
		applied := s.changes(t, -1).Epoch
		poll := func() {
			changes := s.changes(t, applied)
			for _, digest := range changes.Digests {
				told[digest] = true
			}
			applied = changes.Epoch
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
			_, err := s.DeleteAPIKey(s.ctx, s.id, made[i].ID)
			if err != nil {
				t.Errorf("delete: %v", err)
			}
			return err
		})
		close(stop)
		poller.Wait()
		poll()
		for i, key := range made {
			if !told[key.Digest] {
				t.Errorf("the change of key %d was never told", i)
			}
		}
	})
}

// TestPollsDoNotWaitForOtherWork: with every other connection taken, a node still renews its lease.
func TestPollsDoNotWaitForOtherWork(t *testing.T) {
	t.Parallel()
	s := homeIn(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
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
	if _, err := s.KeyChanges(ctx, -1); err != nil {
		t.Errorf("poll: %v", err)
	}
}

// TestAReadOnlyServerIsRefused: it may be a standby, which is behind.
func TestAReadOnlyServerIsRefused(t *testing.T) {
	t.Parallel()
	s := modelstest.NewPostgreSQL(t)
	store, err := models.Open(s.URL+"&default_transaction_read_only=on", models.Options{})
	if err == nil {
		err = store.Ping(t.Context())
		_ = store.Close()
	}
	if err == nil {
		t.Error("it is used")
	}
}

// TestADeletionIsCommittedToTheDisk also where the database is set to forget commits in a crash.
func TestADeletionIsCommittedToTheDisk(t *testing.T) {
	t.Parallel()
	s := modelstest.NewPostgreSQL(t)
	lax, err := models.Open(s.URL+"&synchronous_commit=off", models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lax.Close() }()
	h := homeIn(t, s, "Acme", "ada@acme.test")
	s.Exec(t, `CREATE TABLE seen (setting text)`)
	s.Exec(t, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END'`)
	s.Exec(t, `CREATE TRIGGER note AFTER UPDATE ON revocation FOR EACH ROW EXECUTE FUNCTION note()`)
	if _, err := lax.DeleteAPIKey(h.ctx, h.id, h.key(t, "CI").ID); err != nil {
		t.Fatal(err)
	}
	var setting string
	if err := s.DB().Raw("SELECT setting FROM seen").Scan(&setting).Error; err != nil || setting != "on" {
		t.Errorf("synchronous_commit is %q, %v", setting, err)
	}
}
