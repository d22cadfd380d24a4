package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// confirm makes a node confirm all changes until the test ends. It returns the number of confirmations.
func (s fixture) confirm(t *testing.T, node string) {
	t.Helper()
	confirmed := make(chan struct{})
	go func() {
		defer close(confirmed)
		for t.Context().Err() == nil {
			changes, err := s.KeyChanges(t.Context(), node, models.UnknownKeys)
			if err == nil && !changes.Acknowledged {
				_ = s.AcknowledgeKeyChanges(t.Context(), node, changes.State)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() { <-confirmed })
}

func TestChangeReturnsWhenEveryNodeHasConfirmedIt(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
		for range 3 {
			s.confirm(t, s.silentNode(t, "node"))
		}
		start := time.Now()
		receipt := s.delete(t, s.key(t, "CI"))
		if took := time.Since(start); took >= time.Minute {
			t.Errorf("the deletion took %v, want less than a lease", took)
		}
		modelstest.Equal(t, "nodes", receipt.Nodes, new(3))
		modelstest.Equal(t, "silent nodes", receipt.SilentNodes, nil)
	})
}

// The change waits for the lease of a node that doesn't confirm it, and removes the node, so that the
// next change needn't wait.
func TestSilentNodeDelaysOneChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 400, node_wait_ms = 400")
		node := s.silentNode(t, "web-1")
		s.confirm(t, node)
		silent := s.silentNode(t, "web-2")
		start := time.Now()
		receipt := s.delete(t, s.key(t, "CI"))
		if took := time.Since(start); took < 420*time.Millisecond {
			t.Errorf("the deletion took %v, want at least a lease and 5%%", took)
		}
		modelstest.Equal(t, "nodes", receipt.Nodes, new(2))
		modelstest.Equal(t, "silent nodes", receipt.SilentNodes, []string{"web-2"})
		nodes, err := s.Nodes(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "remaining nodes", len(nodes), 1)
		modelstest.Equal(t, "remaining node", nodes[0].ID, node)
		if _, err := s.KeyChanges(s.ctx, silent, models.UnknownKeys); !errors.Is(err, models.ErrNodeRemoved) {
			t.Errorf("poll of the removed node: error = %v, want %v", err, models.ErrNodeRemoved)
		}
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
		next := s.delete(t, s.key(t, "Next"))
		modelstest.Equal(t, "nodes at the next change", next.Nodes, new(1))
	})
}

// The caller may be gone before the lease of the node has ended.
func TestCanceledWaitRemovesNoNode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
		key := s.key(t, "CI")
		s.silentNode(t, "web-2")
		s.Exec(t, "UPDATE nodes SET applied_epoch = -1")
		ctx, cancel := context.WithTimeout(s.ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := s.ResumeAPIKey(ctx, s.id, key.ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
		}
		nodes, err := s.Nodes(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "nodes", len(nodes), 1)
	})
}

// A node that registers during a change doesn't delay it, because it starts with an empty cache.
func TestNodeRegistersWithTheCurrentEpoch(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.delete(t, s.key(t, "CI"))
		node := s.silentNode(t, "node")
		changes := s.changes(t, node, models.UnknownKeys)
		modelstest.Equal(t, "acknowledged", changes.Acknowledged, true)
		modelstest.Equal(t, "epoch", changes.State.Epoch, s.epoch(t))
	})
}

// A registration that is repeated doesn't succeed: the row may be of a node that changes no longer wait for.
func TestNodeIDIsUsedOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		first := models.NewNode{ID: models.NewNodeID(), Name: "node", Version: "test", StartedAt: s.Now()}
		id, err := s.RegisterNode(s.ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "ID", id, first.ID)
		_, err = s.RegisterNode(s.ctx, first)
		wantKind(t, err, models.Conflict)
		remote := s.NodeSource(s.nodeToken(t, "orders", ""))
		_, err = remote.RegisterNode(s.ctx, first)
		wantKind(t, err, models.Conflict)
		first.ID = "node_1"
		_, err = remote.RegisterNode(s.ctx, first)
		wantKind(t, err, models.Invalid)
	})
}

func TestNodeLag(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantLag := func(nodes int, lag int64) {
			t.Helper()
			gotNodes, gotLag, err := s.NodeLag(s.ctx)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "nodes", gotNodes, nodes)
			modelstest.Equal(t, "lag", gotLag, lag)
		}
		wantLag(0, 0)
		s.delete(t, s.key(t, "CI"))
		s.silentNode(t, "node")
		wantLag(1, 0)
		s.Exec(t, "UPDATE nodes SET applied_epoch = applied_epoch - 1")
		s.silentNode(t, "other")
		wantLag(2, 1)
	})
}

func TestCheckNodeName(t *testing.T) {
	for name, valid := range map[string]bool{
		"web-1.example.com:8080": true, "[::1]:80": true, "a_b": true,
		"": false, "web 1": false, "a,b": false, "web‑1": false, string(make([]byte, 101)): false,
	} {
		if err := models.CheckNodeName(name); (err == nil) != valid {
			t.Errorf("CheckNodeName(%q) = %v, want valid = %v", name, err, valid)
		}
	}
}

// While nodes of an earlier version may be running, changes wait for their leases, and other leases are
// no longer than theirs.
func TestFinishUpgrade(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		if s.DB().Name() == "sqlite" {
			t.Skip("on SQLite, the migration finishes the upgrade")
		}
		s.Exec(t, "ALTER TABLE revocation DISABLE TRIGGER revocation_checked")
		s.Exec(t, "UPDATE revocation SET lease_ms = 300, wait_ms = 300, node_lease_ms = 60000, node_wait_ms = 60000")
		s.Exec(t, "ALTER TABLE revocation ENABLE TRIGGER revocation_checked")
		modelstest.Equal(t, "upgrading", s.lease(t).Upgrading, true)
		modelstest.Equal(t, "lease during the upgrade", s.lease(t).Length, 300*time.Millisecond)
		wantKind(t, s.SetLease(s.ctx, time.Second), models.FailedPrecondition)
		start := time.Now()
		s.delete(t, s.key(t, "CI"))
		if took := time.Since(start); took < 315*time.Millisecond {
			t.Errorf("a deletion during the upgrade took %v, want at least 315ms", took)
		}
		start = time.Now()
		if err := s.FinishUpgrade(s.ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 315*time.Millisecond {
			t.Errorf("FinishUpgrade returned after %v, want at least 315ms: a node of an earlier version may hold a lease", took)
		}
		modelstest.Equal(t, "upgrading at the end", s.lease(t).Upgrading, false)
		modelstest.Equal(t, "lease at the end", s.lease(t).Length, time.Minute)
	})
}

// An earlier version increments the epoch without a new change ID.
func TestEarlierVersionCannotChangeKeysAfterTheUpgrade(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, statement := range []string{
			"UPDATE revocation SET epoch = epoch + 1 WHERE id = 1",
			"UPDATE revocation SET lease_ms = 500, wait_ms = 500 WHERE id = 1",
		} {
			if err := s.DB().Exec(statement).Error; err == nil {
				t.Errorf("%s succeeded, want an error", statement)
			}
		}
	})
}

// A connection may deliver an acknowledgment late, after the node has given up on it and acknowledged a
// later change. If that took back the later one, the node could be removed while it holds a lease.
func TestDelayedAcknowledgmentTakesNothingBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		node := s.silentNode(t, "node")
		earlier := s.changes(t, node, models.UnknownKeys).State
		s.Exec(t, "UPDATE revocation SET epoch = epoch + 1, change_id = 'chg_later'")
		later := s.changes(t, node, earlier).State
		for _, state := range []models.KeyState{later, earlier} {
			if err := s.AcknowledgeKeyChanges(s.ctx, node, state); err != nil {
				t.Fatal(err)
			}
		}
		modelstest.Equal(t, "acknowledged", s.changes(t, node, later).Acknowledged, true)
	})
}

// If a crash lost the row of a node or its acknowledgment, changes wouldn't wait for a node that holds a
// lease.
func TestNodesAreDurable(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	lax, err := models.Open(s.URL+"&synchronous_commit=off", models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lax.Close() }()
	s.Exec(t, `CREATE TABLE seen (setting text)`)
	s.Exec(t, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO seen VALUES (TG_OP || '' '' || current_setting(''synchronous_commit'')); RETURN NULL; END'`)
	s.Exec(t, `CREATE TRIGGER note AFTER INSERT OR UPDATE ON nodes FOR EACH ROW EXECUTE FUNCTION note()`)
	node, err := lax.RegisterNode(s.ctx, models.NewNode{Name: "node", Version: "test", StartedAt: s.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := lax.AcknowledgeKeyChanges(s.ctx, node, s.changes(t, node, models.UnknownKeys).State); err != nil {
		t.Fatal(err)
	}
	var settings []string
	if err := s.DB().Raw("SELECT setting FROM seen ORDER BY setting").Scan(&settings).Error; err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "synchronous_commit", settings, []string{"INSERT on", "UPDATE on"})
}

// A node of an earlier version may set a longer lease until the upgrade is finished.
func TestFinishUpgradeWaitsForTheLeaseThatIsSetLast(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	s.Exec(t, "ALTER TABLE revocation DISABLE TRIGGER revocation_checked")
	s.Exec(t, "UPDATE revocation SET lease_ms = 1, wait_ms = 1")
	s.Exec(t, "ALTER TABLE revocation ENABLE TRIGGER revocation_checked")
	commit := s.Begin(t, "UPDATE revocation SET lease_ms = 400, wait_ms = 400, lease_version = lease_version + 1")
	finished := make(chan error, 1)
	go func() { finished <- s.FinishUpgrade(s.ctx) }()
	s.awaitLockOn(t, "revocation")
	start := time.Now()
	commit()
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 420*time.Millisecond {
		t.Errorf("FinishUpgrade returned after %v, want at least 420ms", took)
	}
}
