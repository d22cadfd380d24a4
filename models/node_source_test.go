package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
)

// nodeToken creates a credential for the nodes of a workspace, or of all if it is empty.
func (s fixture) nodeToken(t *testing.T, name, workspace string) *models.NodeToken {
	t.Helper()
	created, _, err := s.CreateNodeToken(s.ctx, name, workspace)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// remoteNode registers a node with a credential.
func (s fixture) remoteNode(t *testing.T, of models.NodeSource, name string) (id string) {
	t.Helper()
	id, err := of.RegisterNode(t.Context(), models.NewNode{Name: name, Version: "test", StartedAt: s.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s fixture) wantKind(t *testing.T, what string, err error, kind models.Kind) {
	t.Helper()
	if !models.IsKind(err, kind) {
		t.Errorf("%s: error = %v, want kind %d", what, err, kind)
	}
}

func TestNodeTokens(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		created, secret, err := s.CreateNodeToken(s.ctx, "orders", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.CreateNodeToken(s.ctx, "orders", s.id)
		s.wantKind(t, "second credential of the same name", err, models.FailedPrecondition)
		_, _, err = s.CreateNodeToken(s.ctx, "two words", "")
		s.wantKind(t, "invalid name", err, models.Invalid)
		digest, err := token.ParseNodeToken(secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.NodeTokenByDigest(s.ctx, digest)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "ID", found.ID, created.ID)
		if _, err := s.RevokeNodeToken(s.ctx, "orders"); err != nil {
			t.Fatal(err)
		}
		_, err = s.NodeTokenByDigest(s.ctx, digest)
		s.wantKind(t, "revoked credential", err, models.NotFound)
		_, err = s.RevokeNodeToken(s.ctx, "orders")
		s.wantKind(t, "second revocation", err, models.NotFound)
		s.nodeToken(t, "orders", s.id) // the name is free again
		tokens, err := s.NodeTokens(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "credentials", len(tokens), 2)
		modelstest.Equal(t, "first is revoked", tokens[0].RevokedAt != nil, true)
		modelstest.Equal(t, "workspace of the second", tokens[1].WorkspaceID, &s.id)
	})
}

// The nodes can't confirm the revocation, so it waits until their leases have ended.
func TestRevocationOfNodeTokenWaitsForItsNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 400, node_wait_ms = 400")
		s.remoteNode(t, s.NodeSource(s.nodeToken(t, "orders", "")), "orders-1")
		start := time.Now()
		effect, err := s.RevokeNodeToken(s.ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 420*time.Millisecond {
			t.Errorf("the revocation took %v, want at least a lease and 5%%", took)
		}
		modelstest.Equal(t, "silent nodes", effect.SilentNodes, []string{"orders-1"})
		nodes, err := s.Nodes(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "nodes", len(nodes), 0)
	})
}

// A server may have authenticated a request of a node just before it hears of the revocation.
func TestRevokedNodeTokenConfirmsNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 2000, node_wait_ms = 2000")
		source := s.NodeSource(s.nodeToken(t, "orders", ""))
		id := s.remoteNode(t, source, "orders-1")
		before, err := source.AwaitKeyChanges(s.ctx, id, models.UnknownKeys, 0)
		if err != nil {
			t.Fatal(err)
		}
		revoked := make(chan error, 1)
		go func() {
			_, err := s.RevokeNodeToken(s.ctx, "orders")
			revoked <- err
		}()
		state := before.State
		for state == before.State {
			changes, err := source.AwaitKeyChanges(s.ctx, id, before.State, 0)
			if err != nil {
				t.Fatal(err)
			}
			state = changes.State
		}
		if err := source.AcknowledgeKeyChanges(s.ctx, id, state); !errors.Is(err, models.ErrNodeRemoved) {
			t.Errorf("acknowledgment: error = %v, want %v", err, models.ErrNodeRemoved)
		}
		_, err = source.RegisterNode(s.ctx, models.NewNode{Name: "orders-2", Version: "test", StartedAt: s.Now()})
		s.wantKind(t, "registration", err, models.Forbidden)
		if err := <-revoked; err != nil {
			t.Fatal(err)
		}
	})
}

// A stolen credential must not be able to confirm changes for other nodes, or to remove them.
func TestNodeSourceActsOnlyForItsOwnNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		thief := s.NodeSource(s.nodeToken(t, "thief", ""))
		others := map[string]string{
			"a server":                       s.silentNode(t, "web-1"),
			"the node of another credential": s.remoteNode(t, s.NodeSource(s.nodeToken(t, "orders", "")), "orders-1"),
		}
		state := s.changes(t, others["a server"], models.UnknownKeys).State
		for whose, id := range others {
			if _, err := thief.AwaitKeyChanges(s.ctx, id, models.UnknownKeys, 0); !errors.Is(err, models.ErrNodeRemoved) {
				t.Errorf("poll for %s: error = %v, want %v", whose, err, models.ErrNodeRemoved)
			}
			if err := thief.AcknowledgeKeyChanges(s.ctx, id, state); !errors.Is(err, models.ErrNodeRemoved) {
				t.Errorf("acknowledgment for %s: error = %v, want %v", whose, err, models.ErrNodeRemoved)
			}
			if err := thief.RemoveNode(s.ctx, id); err != nil {
				t.Errorf("removal of %s: %v", whose, err)
			}
		}
		nodes, err := s.Nodes(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "nodes", len(nodes), 2)
		modelstest.Equal(t, "credential of the first", nodes[0].Token, "orders")
		modelstest.Equal(t, "credential of the server", nodes[1].Token, "")
	})
}

func TestNodeSourceSeesOnlyItsWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		own, foreign := s.key(t, "CI"), other.key(t, "CI")
		limited, all := s.NodeSource(s.nodeToken(t, "limited", s.id)), s.NodeSource(s.nodeToken(t, "all", ""))
		node := s.remoteNode(t, limited, "limited-1")
		before := s.changesOf(t, limited, node, models.UnknownKeys).State
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 100, node_wait_ms = 100")
		for _, pause := range []func() error{
			func() error { _, err := s.PauseAPIKey(s.ctx, s.id, own.ID, s.Now().Add(time.Hour)); return err },
			func() error {
				_, err := other.PauseAPIKey(other.ctx, other.id, foreign.ID, s.Now().Add(time.Hour))
				return err
			},
		} {
			if err := pause(); err != nil {
				t.Fatal(err)
			}
		}
		node = s.remoteNode(t, limited, "limited-2")
		wide := s.remoteNode(t, all, "all-1")
		modelstest.Equal(t, "changes in the workspace", s.changesOf(t, limited, node, before).Digests, []token.Digest{own.Digest})
		modelstest.Equal(t, "changes in all workspaces", len(s.changesOf(t, all, wide, before).Digests), 2)
		if _, err := limited.APIKeyByDigest(s.ctx, own.Digest); err != nil {
			t.Errorf("own key: %v", err)
		}
		_, err := limited.APIKeyByDigest(s.ctx, foreign.Digest)
		s.wantKind(t, "key of another workspace", err, models.NotFound)
		if _, err := all.APIKeyByDigest(s.ctx, foreign.Digest); err != nil {
			t.Errorf("key of another workspace with a credential for all: %v", err)
		}
	})
}

func (s fixture) changesOf(t *testing.T, source models.NodeSource, node string, known models.KeyState) models.KeyChanges {
	t.Helper()
	changes, err := source.AwaitKeyChanges(s.ctx, node, known, 0)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// A poll with a wait returns as soon as the node in the same process has read a change.
func TestAwaitKeyChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
		source := s.NodeSource(s.nodeToken(t, "orders", ""))
		node, server := s.remoteNode(t, source, "orders-1"), s.silentNode(t, "web-1")
		known := s.changesOf(t, source, node, models.UnknownKeys).State
		key := s.key(t, "CI")
		type result struct {
			changes models.KeyChanges
			err     error
		}
		results := make(chan result)
		go func() {
			changes, err := source.AwaitKeyChanges(s.ctx, node, known, time.Minute)
			results <- result{changes, err}
		}()
		s.confirm(t, server)
		deleted := make(chan struct{})
		go func() {
			defer close(deleted)
			s.delete(t, key)
		}()
		got := <-results
		if got.err != nil {
			t.Fatal(got.err)
		}
		modelstest.Equal(t, "changed keys", got.changes.Digests, []token.Digest{key.Digest})
		select {
		case <-deleted:
			t.Error("the deletion returned before the node had confirmed it")
		case <-time.After(20 * time.Millisecond):
		}
		if err := source.AcknowledgeKeyChanges(s.ctx, node, got.changes.State); err != nil {
			t.Fatal(err)
		}
		<-deleted
	})
}

func TestAwaitKeyChangesReturnsAfterAQuarterOfTheLease(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		source := s.NodeSource(s.nodeToken(t, "orders", ""))
		node := s.remoteNode(t, source, "orders-1")
		known := s.changesOf(t, source, node, models.UnknownKeys).State
		changes, err := source.AwaitKeyChanges(s.ctx, node, known, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "state", changes.State, known)
		modelstest.Equal(t, "lease", changes.Lease, modelstest.Lease)
	})
}

func TestRegisteredNodesAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		created := s.nodeToken(t, "orders", "")
		source := s.NodeSource(created)
		for i := range models.MaxNodesPerToken {
			s.Exec(t, fmt.Sprintf("INSERT INTO nodes (id, token_id, name, version, started_at, applied_epoch, acknowledged_at) "+
				"SELECT 'node_%d', '%s', 'n', '', created_at, %d, created_at FROM workspaces", i, created.ID, 1<<40))
		}
		_, err := source.RegisterNode(s.ctx, models.NewNode{Name: "one-more", Version: "test", StartedAt: s.Now()})
		s.wantKind(t, "one node too many", err, models.FailedPrecondition)
		s.Exec(t, "UPDATE nodes SET applied_epoch = 0")
		if _, err := source.RegisterNode(s.ctx, models.NewNode{Name: "one-more", Version: "test", StartedAt: s.Now()}); err != nil {
			t.Errorf("after the other nodes failed: %v", err)
		}
	})
}

func TestNodeSourceChecksUsage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		own, foreign := s.key(t, "CI"), other.key(t, "CI")
		source := s.NodeSource(s.nodeToken(t, "limited", s.id))
		now := s.Now()
		count := func(key string, last time.Time) usage.Count {
			return usage.Count{APIKeyID: key, WorkspaceID: s.id, Route: "GET /\x00\xff" + strings.Repeat("o", 300), Scope: "\x00", StatusClass: 2, Requests: 3, First: now.Add(-time.Minute), Last: last}
		}
		send := func(id string, rows ...usage.Count) error {
			return source.AddUsage(s.ctx, usage.Counts{ID: id, Rows: rows})
		}
		for range 2 { // the second time, as after a lost response
			if err := send("batch", count(own.ID, now.Add(time.Hour)), count(foreign.ID, now), count("key_unknown", now)); err != nil {
				t.Fatal(err)
			}
		}
		report, err := s.UsageReport(s.ctx, s.id, own.ID, usage.LastHours(now, 24))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "requests", report.Ever(), 3)
		row, err := s.APIKey(s.ctx, s.id, own.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "last use in the future", row.LastUsedAt, &now)
		row, err = other.APIKey(s.ctx, other.id, foreign.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "last use of a foreign key", row.LastUsedAt, nil)
		for what, change := range map[string]func(c *usage.Count){
			"requests":  func(c *usage.Count) { c.Requests = -1 },
			"status":    func(c *usage.Count) { c.StatusClass = 7 },
			"rejection": func(c *usage.Count) { c.Rejection = "boredom" },
		} {
			wrong := count(own.ID, now)
			change(&wrong)
			s.wantKind(t, what, send("wrong", wrong), models.Invalid)
		}
	})
}

// Routes beyond the first 500 of a workspace are counted together, also if each report has only a few.
func TestReportedRoutesAreLimited(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	source, key := s.NodeSource(s.nodeToken(t, "orders", "")), s.key(t, "CI")
	report := func(key *models.APIKey, routes ...string) {
		t.Helper()
		var uses []use
		for _, route := range routes {
			uses = append(uses, use{key: key, at: s.Now(), route: route})
		}
		if err := source.AddUsage(t.Context(), countsOf(uses...)); err != nil {
			t.Fatal(err)
		}
	}
	var invented []string
	for n := range usage.MaxRoutes + 100 {
		invented = append(invented, fmt.Sprint("GET /", n))
	}
	for routes := range slices.Chunk(invented, 200) {
		report(key, routes...)
	}
	report(key, "GET /0", "", usage.OtherRoutes)
	counts := map[string]int64{}
	for _, route := range s.routes(t, key) {
		counts[route.Route] = route.Requests
	}
	modelstest.Equal(t, "routes, with others and none", len(counts), usage.MaxRoutes+2)
	modelstest.Equal(t, "requests to a known route", counts["GET /0"], 2)
	modelstest.Equal(t, "requests to other routes", counts[usage.OtherRoutes], 101)
	modelstest.Equal(t, "requests", s.requests(t, key), int64(len(invented)+3))

	other := newFixture(t, s.Store, "Globex", "grace@globex.test")
	theirs := other.key(t, "CI")
	report(theirs, "GET /599")
	modelstest.Equal(t, "route of another workspace", other.routes(t, theirs)[0].Route, "GET /599")
}
