package models_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// verified returns the result of checking the chain of the workspace.
func verified(t *testing.T, s fixture, expected ...string) models.AuditReport {
	t.Helper()
	found, err := s.VerifyAudit(t.Context(), s.id, expected, nil)
	if err != nil || len(found.Chains) != 1 {
		t.Fatalf("verify audit log: %+v, error = %v", found, err)
	}
	return found.Chains[0]
}

func TestAuditEventsCannotBeChangedOrDeleted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "CI")
		statements := []string{
			"UPDATE audit_events SET actor_name = 'Eve'",
			"UPDATE audit_events SET seq = seq + 1000",
			"UPDATE audit_events SET seq = 0",
			"DELETE FROM audit_events",
			"DELETE FROM audit_events WHERE action = 'api_key.created'",
		}
		if strings.HasPrefix(s.URL, "sqlite:") {
			statements = append(statements,
				"INSERT OR REPLACE INTO audit_events SELECT id, workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, x'', proof FROM audit_events",
				"INSERT OR REPLACE INTO audit_events SELECT 'aud_other', workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash, proof FROM audit_events",
				"REPLACE INTO audit_events SELECT * FROM audit_events",
				"INSERT OR REPLACE INTO audit_events (rowid, id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) SELECT rowid, 'aud_' || rowid, workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, seq + 1000, x'' FROM audit_events",
				"UPDATE OR REPLACE audit_events SET seq = 1 WHERE seq = 2")
		} else {
			statements = append(statements, "TRUNCATE audit_events", "TRUNCATE audit_events CASCADE",
				"INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor_name = 'Eve'")
		}
		for _, statement := range statements {
			wantUnchanged(t, s.Store, func() {
				if err := s.DB().Exec(statement).Error; err == nil || !strings.Contains(err.Error(), "audit events are never changed or deleted") {
					t.Errorf("%s: error = %v, want it rejected", statement, err)
				}
			})
		}
	})
}

// Concurrent changes on two nodes and in two workspaces form one unbroken chain per workspace.
func TestAuditChainWithConcurrentChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		second := s.Another(t)
		const changes = 64
		errs := atOnce(changes, func(i int) error {
			from, store := s, s.Store
			if i%4 == 3 {
				from = other
			}
			if i%2 == 1 {
				store = second
			}
			switch i % 8 {
			case 6:
				return store.SetLease(t.Context(), models.MinLease)
			case 4:
				_, err := store.SignInNew(from.ctx, from.admin)
				return err
			}
			_, _, err := store.CreateAPIKey(from.ctx, from.id, models.NewAPIKey{Name: fmt.Sprint("CI ", i)})
			return err
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		found, err := s.VerifyAudit(t.Context(), "", nil, nil)
		if err != nil || !found.Intact() {
			t.Fatalf("verify audit log: %+v, error = %v", found, err)
		}
		got := map[string]int64{}
		for _, chain := range found.Chains {
			got[chain.WorkspaceID] = chain.Events
			if len(chain.Head) != 64 {
				t.Errorf("head = %q, want 64 digits", chain.Head)
			}
		}
		if diff := cmp.Diff(map[string]int64{"": 8, s.id: 2 + 40, other.id: 2 + 16}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A migration chains, in the order of their IDs, the events of versions that did not chain them.
func TestMigrateChainsEarlierEvents(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			s := modelstest.Unmigrated(t, address(t))
			if err := s.MigrateTo(t.Context(), 5); err != nil {
				t.Fatal(err)
			}
			s.Exec(t, "INSERT INTO workspaces (id, name, seat_capacity, created_at, updated_at) VALUES ('ws_1', 'Acme', 5, '2026-01-02', '2026-01-02')")
			early := func(n int, workspace string) {
				rows := make([]string, n)
				for i := range rows {
					rows[i] = fmt.Sprintf(`('aud_%s%04d', %s, 'member', 'Ada', 'api_key.created', 'api_key', 'key_1', 'CI', '{"key_prefix":"sk_live_abc1....","scopes":""}', '', '', '2026-01-02 03:04:05.678')`,
						strings.Trim(workspace, "'")[:2], n-i, workspace)
				}
				s.Exec(t, "INSERT INTO audit_events (id, workspace_id, actor_type, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at) VALUES "+strings.Join(rows, ", "))
			}
			early(1203, "'ws_1'")
			early(2, "NULL")
			for range 2 {
				if _, err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			found, err := s.VerifyAudit(t.Context(), "", nil, nil)
			if err != nil || !found.Intact() {
				t.Fatalf("verify audit log: %+v, error = %v", found, err)
			}
			for i, want := range []int64{2, 1203} {
				if got := found.Chains[i].Events; got != want {
					t.Errorf("events of chain %q = %d, want %d", found.Chains[i].WorkspaceID, got, want)
				}
			}
			var ids, ordered []string
			if err := errors.Join(s.DB().Model(&models.AuditEvent{}).Order("workspace_id, seq").Pluck("id", &ids).Error,
				s.DB().Model(&models.AuditEvent{}).Order("workspace_id, id").Pluck("id", &ordered).Error); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ordered, ids); diff != "" {
				t.Errorf("events (-by id +by seq):\n%s", diff)
			}
		})
	}
}

// insertEvent inserts a copy of an event at another position.
func insertEvent(id string, seq string) string {
	return "INSERT INTO audit_events (id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) " +
		"SELECT '" + id + "', workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, " + seq + ", hash FROM audit_events WHERE seq = 2"
}

func TestEventsOutsideChainsAreRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		positions := []string{"0", "-1", "-7"}
		if strings.HasPrefix(s.URL, "sqlite:") { // columns have no fixed type
			positions = append(positions, "1.5", "'text'")
		}
		for _, seq := range positions {
			wantUnchanged(t, s.Store, func() {
				if err := s.DB().Exec(insertEvent("aud_forged", seq)).Error; err == nil {
					t.Errorf("an event at position %s was inserted", seq)
				}
			})
		}
	})
}

// An event outside its chain is reported, never shown, and never added to the chain.
func TestEventsOutsideChainsAreFaults(t *testing.T) {
	for _, seq := range []string{"0", "-7"} {
		t.Run("position "+seq, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				head := verified(t, s).Head
				unguard(t, s.Store)
				s.Exec(t, insertEvent("aud_forged", seq))
				if err := s.PurgeExpired(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				found, err := s.VerifyAudit(t.Context(), "", []string{head}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if found.Intact() {
					t.Error("intact = true, want false")
				}
				if len(found.Missing) != 0 {
					t.Errorf("missing heads = %v, want none: the chain up to it is unchanged", found.Missing)
				}
				report := verified(t, s)
				want := &models.AuditBreak{Fault: models.AuditUnchained, Seq: map[string]int64{"0": 0, "-7": -7}[seq], EventID: "aud_forged"}
				if diff := cmp.Diff(want, report.Broken); diff != "" {
					t.Errorf("break (-want +got):\n%s", diff)
				}
				if report.Events != 2 {
					t.Errorf("intact events = %d, want 2", report.Events)
				}
				wantNotShown(t, s, s.id, "aud_forged")
			})
		})
	}
}

// wantNotShown fails the test if any list of events contains the one with an ID.
func wantNotShown(t *testing.T, s fixture, targetID, id string) {
	t.Helper()
	page, err := s.AuditEvents(t.Context(), s.id, models.AuditFilter{}, models.Page{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string][]models.AuditEvent{"page": page.Items, "history of the workspace": eventsOf(t, s, targetID)}
	err = s.EachAuditEvent(t.Context(), s.id, models.AuditFilter{}, func(e *models.AuditEvent) error {
		lists["download"] = append(lists["download"], *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, events := range lists {
		if len(events) == 0 {
			t.Errorf("the %s has no events", name)
		}
		for _, event := range events {
			if event.ID == id {
				t.Errorf("the %s shows %s", name, id)
			}
		}
	}
}

// Events that someone inserted before the upgrade keep it from neither running nor reporting them.
func TestMigrateKeepsForgedEvents(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			s := modelstest.Unmigrated(t, address(t))
			if err := s.MigrateTo(t.Context(), 13); err != nil {
				t.Fatal(err)
			}
			for _, seq := range []int{0, -7, -7} {
				s.Exec(t, fmt.Sprintf(`INSERT INTO audit_events (id, actor_type, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq)
					VALUES ('%s', 'member', 'Ada', 'api_key.created', 'api_key', 'key_1', 'CI', '{}', '', '', '2026-01-02 03:04:05.678', %d)`, s.NewID("aud"), seq))
			}
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			found, err := s.VerifyAudit(t.Context(), "", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Chains) != 1 {
				t.Fatalf("chains = %+v, want 1", found.Chains)
			}
			if found.Chains[0].Broken == nil {
				t.Fatal("no fault found")
			}
			if got := found.Chains[0].Broken.Fault; got != models.AuditUnchained {
				t.Errorf("fault = %s, want %s", got, models.AuditUnchained)
			}
			if got := found.Chains[0].Events; got != 1 {
				t.Errorf("intact events = %d, want the one at position 0, which the migration has chained", got)
			}
		})
	}
}

// A chain is checked even if only its events or only its head are left.
func TestVerifyAuditFindsEveryChain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		if err := s.SetLease(t.Context(), models.MinLease); err != nil {
			t.Fatal(err)
		}
		unguard(t, s.Store)
		for _, tt := range []struct {
			statement string
			want      models.AuditFault
		}{
			{"CREATE TABLE saved AS SELECT * FROM audit_chains WHERE chain = ''", ""},
			{"DELETE FROM audit_chains WHERE chain = ''", models.AuditTooLong},
			{"INSERT INTO audit_chains SELECT * FROM saved", ""},
			{"DELETE FROM audit_events WHERE workspace_id IS NULL", models.AuditTruncated},
		} {
			s.Exec(t, tt.statement)
			found, err := s.VerifyAudit(t.Context(), "", nil, nil)
			if err != nil {
				t.Fatalf("%s: %v", tt.statement, err)
			}
			modelstest.Equal(t, tt.statement+" intact", found.Intact(), tt.want == "")
			if tt.want == "" {
				continue
			}
			modelstest.Equal(t, tt.statement+" workspace ID", found.Chains[0].WorkspaceID, "")
			if found.Chains[0].Broken == nil {
				t.Fatalf("%s: fault = nil, want %q", tt.statement, tt.want)
			}
			modelstest.Equal(t, tt.statement+" fault", found.Chains[0].Broken.Fault, tt.want)
		}
	})
}

func TestVerifyAuditDuringChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			for i := range 60 {
				if _, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprint("CI ", i)}); err != nil {
					t.Error(err)
				}
			}
		}()
		defer func() { <-writing }()
		for done := false; !done; {
			select {
			case <-writing:
				done = true
			default:
			}
			if found, err := s.VerifyAudit(t.Context(), "", nil, nil); err != nil || !found.Intact() {
				t.Fatalf("verify audit log: %+v, error = %v", found, err)
			}
		}
	})
}

// wantBroken executes a statement without the database's guards and checks that the first break is
// want. It compares the EventID only if want has one.
func wantBroken(t *testing.T, s fixture, statement string, want models.AuditBreak) {
	t.Helper()
	unguard(t, s.Store)
	s.Exec(t, statement)
	report := verified(t, s)
	if report.Broken == nil {
		t.Errorf("%s: no break was found", statement)
		return
	}
	if want.EventID == "" {
		report.Broken.EventID = ""
	}
	if diff := cmp.Diff(&want, report.Broken); diff != "" {
		t.Errorf("%s (-want +got):\n%s", statement, diff)
	}
}

// unguard drops the triggers and constraints, as the owner of the tables can.
func unguard(t *testing.T, s *modelstest.Store) {
	t.Helper()
	triggers := []string{"audit_events_kept", "audit_events_not_emptied"}
	on := " ON audit_events"
	if strings.HasPrefix(s.URL, "sqlite:") {
		triggers, on = []string{"audit_events_kept", "audit_events_not_deleted", "audit_events_not_replaced", "audit_events_chained"}, ""
	} else {
		s.Exec(t, "ALTER TABLE audit_events DROP CONSTRAINT IF EXISTS audit_events_chained")
	}
	s.Exec(t, "DROP INDEX IF EXISTS audit_events_chain")
	for _, trigger := range triggers {
		s.Exec(t, "DROP TRIGGER IF EXISTS "+trigger+on)
	}
}

func TestVerifyAuditFindsFirstBreak(t *testing.T) {
	digest := "decode('ab', 'hex')"
	tampering := map[string]struct {
		statement string
		want      models.AuditBreak
	}{
		"actor name": {"UPDATE audit_events SET actor_name = 'Eve' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"address":    {"UPDATE audit_events SET address = '203.0.113.1' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"time":       {"UPDATE audit_events SET created_at = '2026-03-14 09:26:53.001' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"no actor":   {"UPDATE audit_events SET actor_id = NULL WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"details":    {"UPDATE audit_events SET details = '{}' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"text moved between fields": {"UPDATE audit_events SET target_type = 'api', target_id = '_key' || target_id WHERE seq = 4",
			models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"hash":             {"UPDATE audit_events SET hash = " + digest + " WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"one removed":      {"DELETE FROM audit_events WHERE seq = 4", models.AuditBreak{Fault: models.AuditMissing, Seq: 4}},
		"first removed":    {"DELETE FROM audit_events WHERE seq = 1", models.AuditBreak{Fault: models.AuditMissing, Seq: 1}},
		"last removed":     {"DELETE FROM audit_events WHERE seq = 8", models.AuditBreak{Fault: models.AuditTruncated, Seq: 8}},
		"all removed":      {"DELETE FROM audit_events", models.AuditBreak{Fault: models.AuditTruncated, Seq: 1}},
		"moved to the end": {"UPDATE audit_events SET seq = 9 WHERE seq = 4", models.AuditBreak{Fault: models.AuditReordered, Seq: 4, FoundAt: 9}},
		"two swapped": {"UPDATE audit_events SET seq = CASE seq WHEN 4 THEN 106 ELSE 104 END WHERE seq IN (4, 6); UPDATE audit_events SET seq = seq - 100 WHERE seq > 100",
			models.AuditBreak{Fault: models.AuditReordered, Seq: 4, FoundAt: 6}},
		"gap closed":         {"DELETE FROM audit_events WHERE seq = 4; UPDATE audit_events SET seq = 4 WHERE seq = 8", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"shorter head":       {"UPDATE audit_chains SET seq = 6", models.AuditBreak{Fault: models.AuditTooLong, Seq: 7}},
		"head removed":       {"DELETE FROM audit_chains", models.AuditBreak{Fault: models.AuditTooLong, Seq: 1}},
		"hash of the head":   {"UPDATE audit_chains SET hash = " + digest, models.AuditBreak{Fault: models.AuditHead, Seq: 8}},
		"everything removed": {"DELETE FROM audit_events; DELETE FROM audit_chains", models.AuditBreak{Fault: models.AuditTruncated, Seq: 1}},
		"position repeated":  {insertEvent("aud_forged", "8"), models.AuditBreak{Fault: models.AuditUnchained, Seq: 8}},
		"negative position":  {insertEvent("aud_forged", "-7"), models.AuditBreak{Fault: models.AuditUnchained, Seq: -7}},
		"position zero":      {insertEvent("aud_forged", "0"), models.AuditBreak{Fault: models.AuditUnchained}},
		"no workspace":       {"UPDATE audit_events SET workspace_id = NULL WHERE seq = 4", models.AuditBreak{Fault: models.AuditMissing, Seq: 4}},
	}
	for name, tt := range tampering {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				statement := tt.statement
				if strings.HasPrefix(s.URL, "sqlite:") {
					statement = strings.ReplaceAll(statement, digest, "x'ab'")
				}
				for i := range 6 {
					s.key(t, fmt.Sprint("CI ", i))
				}
				if report := verified(t, s); report.Broken != nil || report.Events != 8 {
					t.Fatalf("report before = %+v", report)
				}
				wantBroken(t, s, statement, tt.want)
				if found, err := s.VerifyAudit(t.Context(), "", nil, nil); err != nil || found.Intact() {
					t.Errorf("verify all chains: %+v, error = %v, want a fault", found, err)
				}
			})
		})
	}
}

// An event that was changed together with its hash no longer fits the next event.
func TestVerifyAuditFindsRewrittenEvent(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 4 {
			s.key(t, fmt.Sprint("CI ", i))
		}
		var events []models.AuditEvent
		if err := s.DB().Where("workspace_id = ?", s.id).Order("seq").Find(&events).Error; err != nil {
			t.Fatal(err)
		}
		forged := events[3]
		forged.ActorName = "Eve"
		unguard(t, s.Store)
		if err := s.DB().Model(&forged).Where("id = ?", forged.ID).
			Updates(map[string]any{"actor_name": "Eve", "hash": forged.HashAfter(events[2].Hash)}).Error; err != nil {
			t.Fatal(err)
		}
		report := verified(t, s)
		want := &models.AuditBreak{Fault: models.AuditChanged, Seq: 5, EventID: events[4].ID}
		if diff := cmp.Diff(want, report.Broken); diff != "" {
			t.Errorf("break (-want +got):\n%s", diff)
		}
	})
}

// Only a head that was kept elsewhere reveals a truncated chain whose head was changed too.
func TestExpectedHeadRevealsTruncation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "CI")
		before := verified(t, s)
		s.key(t, "Evil")
		after := verified(t, s)
		if before.Head == after.Head {
			t.Fatal("head did not change")
		}
		if found, err := s.VerifyAudit(t.Context(), "", []string{before.Head, after.Head}, nil); err != nil || !found.Intact() {
			t.Fatalf("verify audit log: %+v, error = %v", found, err)
		}
		unguard(t, s.Store)
		s.Exec(t, "DELETE FROM audit_events WHERE seq = 4")
		s.Exec(t, "UPDATE audit_chains SET seq = 3, hash = (SELECT hash FROM audit_events WHERE seq = 3)")
		if found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head}, nil); err != nil || !found.Intact() {
			t.Errorf("with the earlier head: %+v, error = %v, want no fault", found, err)
		}
		found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head, after.Head}, nil)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "intact", found.Intact(), false)
		modelstest.Equal(t, "missing", found.Missing, []string{after.Head})
	})
}

func TestRollbackLeavesNoGapInAuditChain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		err := s.Tx(s.ctx, func(tx *models.Store) error {
			if _, _, err := tx.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Lost", Scopes: scope.All}); err != nil {
				return err
			}
			return errStop
		})
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		s.key(t, "CI")
		if report := verified(t, s); report.Broken != nil || report.Events != 3 {
			t.Errorf("report = %+v, want 3 events and no break", report)
		}
	})
}

func BenchmarkCreateAPIKey(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			s := open(b)
			workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
			b.Run("sequential", func(b *testing.B) {
				for b.Loop() {
					if _, _, err := s.CreateAPIKey(b.Context(), workspace.ID, models.NewAPIKey{Name: "CI"}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("parallel", func(b *testing.B) {
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, _, err := s.CreateAPIKey(b.Context(), workspace.ID, models.NewAPIKey{Name: "CI"}); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		})
	}
}
