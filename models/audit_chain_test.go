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
	found, err := s.VerifyAudit(t.Context(), s.id, expected)
	if err != nil || len(found.Chains) != 1 {
		t.Fatalf("verify audit log: %+v, error = %v", found, err)
	}
	return found.Chains[0]
}

func TestAuditEventsCannotBeChangedOrDeleted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "CI")
		s.Exec(t, "INSERT INTO audit_events SELECT 'aud_unchained', workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, hash FROM audit_events WHERE action = 'api_key.created'")
		statements := []string{
			"UPDATE audit_events SET actor_name = 'Eve'",
			"UPDATE audit_events SET seq = seq + 1000",
			"UPDATE audit_events SET seq = 0",
			"DELETE FROM audit_events",
			"DELETE FROM audit_events WHERE action = 'api_key.created'",
		}
		if strings.HasPrefix(s.URL, "sqlite:") {
			statements = append(statements,
				"INSERT OR REPLACE INTO audit_events SELECT id, workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, x'' FROM audit_events",
				"INSERT OR REPLACE INTO audit_events SELECT 'aud_other', workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash FROM audit_events",
				"REPLACE INTO audit_events SELECT * FROM audit_events",
				"INSERT OR REPLACE INTO audit_events (rowid, id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) SELECT rowid, 'aud_' || rowid, workspace_id, actor_type, actor_id, 'Eve', action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, x'' FROM audit_events",
				"UPDATE OR REPLACE audit_events SET seq = 1 WHERE seq = 0")
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
				stranger := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: fmt.Sprint("192.0.2.", i)})
				_, err := store.SignIn(stranger, "", models.Credentials{Email: fmt.Sprint("unknown", i, "@acme.test"), Password: "wrong"})
				if models.IsKind(err, models.Invalid) {
					err = nil
				}
				return err
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
		found, err := s.VerifyAudit(t.Context(), "", nil)
		if err != nil || !found.Intact() {
			t.Fatalf("verify audit log: %+v, error = %v", found, err)
		}
		got := map[string]int64{}
		for _, chain := range found.Chains {
			got[chain.WorkspaceID] = chain.Events
			if len(chain.Head) != 64 {
				t.Errorf("head = %q, want 64 digits", chain.Head)
			}
			if chain.Unchained != 0 {
				t.Errorf("unchained events = %d, want 0", chain.Unchained)
			}
		}
		if diff := cmp.Diff(map[string]int64{"": 8, s.id: 2 + 40, other.id: 2 + 16}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A migration chains the events of versions that did not chain them.
func TestMigrateChainsEarlierEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		early := func(n int, workspace string) {
			rows := make([]string, n)
			for i := range rows {
				rows[i] = fmt.Sprintf(`('aud_%s%04d', %s, 'member', 'Ada', 'api_key.created', 'api_key', 'key_1', 'CI', '{"key_prefix":"sk_live_abc1....","scopes":""}', '', '', '2026-01-02 03:04:05.678')`,
					strings.Trim(workspace, "'")[:2], i, workspace)
			}
			s.Exec(t, "INSERT INTO audit_events (id, workspace_id, actor_type, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at) VALUES "+strings.Join(rows, ", "))
		}
		early(1203, "'"+s.id+"'")
		early(2, "NULL")
		if report := verified(t, s); report.Broken != nil || report.Unchained != 1203 || report.Events != 2 {
			t.Fatalf("report before = %+v", report)
		}
		for range 2 {
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.key(t, "CI")
		found, err := s.VerifyAudit(t.Context(), "", nil)
		if err != nil || !found.Intact() || found.Chains[0].Events != 2 || found.Chains[1].Events != 1206 || found.Chains[1].Unchained != 0 {
			t.Fatalf("report after = %+v, error = %v", found, err)
		}
		wantBroken(t, s, "UPDATE audit_events SET created_at = '2026-01-02 03:04:05.679' WHERE seq = 7", models.AuditBreak{Fault: models.AuditChanged, Seq: 7})
	})
}

func TestEarlierEventsAreChainedByID(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		unguard(t, s.Store)
		for i := range 5 {
			s.key(t, fmt.Sprint("CI ", i))
		}
		s.Exec(t, "UPDATE audit_events SET seq = 0, hash = ''")
		s.Exec(t, "UPDATE audit_events SET id = 'aud_00000000000000000000000000' WHERE target_name = 'CI 4'")
		s.Exec(t, "DELETE FROM audit_chains")
		if report := verified(t, s); report.Broken != nil || report.Unchained != 7 || report.Events != 0 || report.Head != "" {
			t.Errorf("report before = %+v", report)
		}
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ids, ordered []string
		if err := errors.Join(s.DB().Model(&models.AuditEvent{}).Order("seq").Pluck("id", &ids).Error, s.DB().Model(&models.AuditEvent{}).Order("id").Pluck("id", &ordered).Error); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ordered, ids); diff != "" || len(ids) != 7 {
			t.Errorf("%d events (-by id +by seq):\n%s", len(ids), diff)
		}
		if report := verified(t, s); report.Broken != nil || report.Unchained != 0 || report.Events != 7 {
			t.Errorf("report after = %+v", report)
		}
	})
}

// A chain is checked even if only its events or only its head are left.
func TestVerifyAuditFindsEveryChain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		stranger := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: "192.0.2.1"})
		wantKind(t, errOf(s.SignIn(stranger, "", models.Credentials{Email: "unknown@acme.test", Password: "wrong"})), models.Invalid)
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
			found, err := s.VerifyAudit(t.Context(), "", nil)
			if err != nil || found.Intact() != (tt.want == "") || tt.want != "" && (found.Chains[0].WorkspaceID != "" || found.Chains[0].Broken == nil || found.Chains[0].Broken.Fault != tt.want) {
				t.Errorf("%s: result = %+v, error = %v, want fault %q", tt.statement, found, err, tt.want)
			}
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
			if found, err := s.VerifyAudit(t.Context(), "", nil); err != nil || !found.Intact() {
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

// unguard drops the triggers, as the owner of the tables can.
func unguard(t *testing.T, s *modelstest.Store) {
	t.Helper()
	triggers := []string{"audit_events_kept", "audit_events_not_emptied"}
	on := " ON audit_events"
	if strings.HasPrefix(s.URL, "sqlite:") {
		triggers, on = []string{"audit_events_kept", "audit_events_not_deleted", "audit_events_not_replaced"}, ""
	}
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
				if found, err := s.VerifyAudit(t.Context(), "", nil); err != nil || found.Intact() {
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
		if found, err := s.VerifyAudit(t.Context(), "", []string{before.Head, after.Head}); err != nil || !found.Intact() {
			t.Fatalf("verify audit log: %+v, error = %v", found, err)
		}
		unguard(t, s.Store)
		s.Exec(t, "DELETE FROM audit_events WHERE seq = 4")
		s.Exec(t, "UPDATE audit_chains SET seq = 3, hash = (SELECT hash FROM audit_events WHERE seq = 3)")
		if found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head}); err != nil || !found.Intact() {
			t.Errorf("with the earlier head: %+v, error = %v, want no fault", found, err)
		}
		found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head, after.Head})
		if err != nil || found.Intact() || !cmp.Equal(found.Missing, []string{after.Head}) {
			t.Errorf("with the later head: %+v, error = %v, want it missing", found, err)
		}
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
