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

// verified is what the check of the home's chain finds.
func verified(t *testing.T, s home, expected ...string) models.AuditReport {
	t.Helper()
	found, err := s.VerifyAudit(t.Context(), s.id, expected)
	if err != nil || len(found.Chains) != 1 {
		t.Fatalf("verify: %+v, %v", found, err)
	}
	return found.Chains[0]
}

func TestAuditEventsCannotBeChangedOrDeleted(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.key(t, "CI")
		s.Exec(t, "INSERT INTO audit_events SELECT 'aud_unchained', workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, hash FROM audit_events WHERE action = 'api_key.created'")
		statements := []string{
			"UPDATE audit_events SET actor_name = 'Nobody'",
			"UPDATE audit_events SET seq = seq + 1000",
			"UPDATE audit_events SET seq = 0",
			"DELETE FROM audit_events",
			"DELETE FROM audit_events WHERE action = 'api_key.created'",
		}
		if strings.HasPrefix(s.URL, "sqlite:") {
			statements = append(statements,
				"INSERT OR REPLACE INTO audit_events SELECT id, workspace_id, actor_type, actor_id, 'Nobody', action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, x'' FROM audit_events",
				"INSERT OR REPLACE INTO audit_events SELECT 'aud_other', workspace_id, actor_type, actor_id, 'Nobody', action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash FROM audit_events",
				"REPLACE INTO audit_events SELECT * FROM audit_events",
				"INSERT OR REPLACE INTO audit_events (rowid, id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) SELECT rowid, 'aud_' || rowid, workspace_id, actor_type, actor_id, 'Nobody', action, target_type, target_id, target_name, details, address, user_agent, created_at, 0, x'' FROM audit_events",
				"UPDATE OR REPLACE audit_events SET seq = 1 WHERE seq = 0")
		} else {
			statements = append(statements, "TRUNCATE audit_events", "TRUNCATE audit_events CASCADE",
				"INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor_name = 'Nobody'")
		}
		for _, statement := range statements {
			wantUnchanged(t, s.Store, func() {
				if err := s.DB().Exec(statement).Error; err == nil || !strings.Contains(err.Error(), "audit events are never changed or deleted") {
					t.Errorf("%s: %v", statement, err)
				}
			})
		}
	})
}

// Many changes at once, on two nodes and in two workspaces, take places one behind the other.
func TestChainUnderConcurrency(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		other := homeIn(t, s.Store, "Globex", "gil@globex.test")
		second := s.Another(t)
		const changes = 64
		errs := atOnce(changes, func(i int) error {
			home, store := s, s.Store
			if i%4 == 3 {
				home = other
			}
			if i%2 == 1 {
				store = second
			}
			switch i % 8 {
			case 6:
				stranger := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: fmt.Sprint("192.0.2.", i)})
				_, err := store.SignIn(stranger, "", models.Credentials{Email: fmt.Sprint("nobody", i, "@acme.test"), Password: "wrong"})
				if models.IsKind(err, models.Invalid) {
					err = nil
				}
				return err
			case 4:
				_, err := store.SignInNew(home.ctx, home.admin)
				return err
			}
			_, _, err := store.CreateAPIKey(home.ctx, home.id, models.NewAPIKey{Name: fmt.Sprint("CI ", i)})
			return err
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		found, err := s.VerifyAudit(t.Context(), "", nil)
		if err != nil || !found.Intact() {
			t.Fatalf("%+v, %v", found, err)
		}
		got := map[string]int64{}
		for _, chain := range found.Chains {
			got[chain.WorkspaceID] = chain.Events
			if len(chain.Head) != 64 || chain.Unchained != 0 {
				t.Errorf("%+v", chain)
			}
		}
		if diff := cmp.Diff(map[string]int64{"": 8, s.id: 2 + 40, other.id: 2 + 16}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// What is written by a version without the chain is chained by the next migration, and later
// changes of it are found like those of any other.
func TestEarlierEventsAreChained(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		early := func(n int, workspace string) {
			for i := range n {
				s.Exec(t, `INSERT INTO audit_events (id, workspace_id, actor_type, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at)
					VALUES ($1, `+workspace+`, 'member', 'Ada', 'api_key.created', 'api_key', 'key_1', 'CI', '{"key_prefix":"sk_live_abc1....","scopes":""}', '', '', '2026-01-02 03:04:05.678')`,
					fmt.Sprintf("aud_%s%04d", workspace[:3], i))
			}
		}
		early(1203, "'"+s.id+"'")
		early(2, "NULL")
		if report := verified(t, s); report.Broken != nil || report.Unchained != 1203 || report.Events != 2 {
			t.Fatalf("before: %+v", report)
		}
		for range 2 {
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.key(t, "CI")
		found, err := s.VerifyAudit(t.Context(), "", nil)
		if err != nil || !found.Intact() || found.Chains[0].Events != 2 || found.Chains[1].Events != 1206 || found.Chains[1].Unchained != 0 {
			t.Fatalf("after: %+v, %v", found, err)
		}
		wantBroken(t, s, "UPDATE audit_events SET created_at = '2026-01-02 03:04:05.679' WHERE seq = 7", models.AuditBreak{Fault: models.AuditChanged, Seq: 7})
	})
}

// TestEarlierEventsAreChainedInTheOrderOfTheirIDs, in whatever order they lie, and are not wrong before.
func TestEarlierEventsAreChainedInTheOrderOfTheirIDs(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		unguard(t, s.Store)
		for i := range 5 {
			s.key(t, fmt.Sprint("CI ", i))
		}
		s.Exec(t, "UPDATE audit_events SET seq = 0, hash = ''")
		s.Exec(t, "UPDATE audit_events SET id = 'aud_00000000000000000000000000' WHERE target_name = 'CI 4'")
		s.Exec(t, "DELETE FROM audit_chains")
		if report := verified(t, s); report.Broken != nil || report.Unchained != 7 || report.Events != 0 || report.Head != "" {
			t.Errorf("before: %+v", report)
		}
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ids, ordered []string
		if err := errors.Join(s.DB().Model(&models.AuditEvent{}).Order("seq").Pluck("id", &ids).Error, s.DB().Model(&models.AuditEvent{}).Order("id").Pluck("id", &ordered).Error); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ordered, ids); diff != "" || len(ids) != 7 {
			t.Errorf("by place (-by id +by place):\n%s", diff)
		}
		if report := verified(t, s); report.Broken != nil || report.Unchained != 0 || report.Events != 7 {
			t.Errorf("after: %+v", report)
		}
	})
}

// TestEveryChainIsVerified, though only its events, or only the note of its end, tell of it.
func TestEveryChainIsVerified(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		stranger := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: "192.0.2.1"})
		wantKind(t, errOf(s.SignIn(stranger, "", models.Credentials{Email: "nobody@acme.test", Password: "wrong"})), models.Invalid)
		unguard(t, s.Store)
		for _, tt := range []struct {
			statement string
			want      models.AuditFault
		}{
			{"CREATE TABLE kept AS SELECT * FROM audit_chains WHERE chain = ''", ""},
			{"DELETE FROM audit_chains WHERE chain = ''", models.AuditTooLong},
			{"INSERT INTO audit_chains SELECT * FROM kept", ""},
			{"DELETE FROM audit_events WHERE workspace_id IS NULL", models.AuditTruncated},
		} {
			s.Exec(t, tt.statement)
			found, err := s.VerifyAudit(t.Context(), "", nil)
			if err != nil || found.Intact() != (tt.want == "") || tt.want != "" && (found.Chains[0].WorkspaceID != "" || found.Chains[0].Broken == nil || found.Chains[0].Broken.Fault != tt.want) {
				t.Errorf("%s: %+v, %v; want %q", tt.statement, found, err, tt.want)
			}
		}
	})
}

// TestVerifyWhileOthersWrite sees the log as it is at one moment.
func TestVerifyWhileOthersWrite(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
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
				t.Fatalf("%+v, %v", found, err)
			}
		}
	})
}

// wantBroken changes the log behind the back of the database's guards, and checks that the first
// break is want; without an EventID in want, that of the event is not compared.
func wantBroken(t *testing.T, s home, statement string, want models.AuditBreak) {
	t.Helper()
	unguard(t, s.Store)
	s.Exec(t, statement)
	report := verified(t, s)
	if report.Broken == nil {
		t.Errorf("%s goes unseen", statement)
		return
	}
	if want.EventID == "" {
		report.Broken.EventID = ""
	}
	if diff := cmp.Diff(&want, report.Broken); diff != "" {
		t.Errorf("%s (-want +got):\n%s", statement, diff)
	}
}

// unguard takes the triggers away, as somebody who owns the tables can.
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

func TestVerifyFindsTheFirstBreak(t *testing.T) {
	digest := "decode('ab', 'hex')"
	tampering := map[string]struct {
		statement string
		want      models.AuditBreak
	}{
		"another name":    {"UPDATE audit_events SET actor_name = 'Eve' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"another address": {"UPDATE audit_events SET address = '203.0.113.1' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"another time":    {"UPDATE audit_events SET created_at = '2026-03-14 09:26:53.001' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"nobody":          {"UPDATE audit_events SET actor_id = NULL WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"another detail":  {"UPDATE audit_events SET details = '{}' WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"words that moved": {"UPDATE audit_events SET target_type = 'api', target_id = '_key' || target_id WHERE seq = 4",
			models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"another hash":     {"UPDATE audit_events SET hash = " + digest + " WHERE seq = 4", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"one taken out":    {"DELETE FROM audit_events WHERE seq = 4", models.AuditBreak{Fault: models.AuditMissing, Seq: 4}},
		"the first":        {"DELETE FROM audit_events WHERE seq = 1", models.AuditBreak{Fault: models.AuditMissing, Seq: 1}},
		"the last":         {"DELETE FROM audit_events WHERE seq = 8", models.AuditBreak{Fault: models.AuditTruncated, Seq: 8}},
		"all":              {"DELETE FROM audit_events", models.AuditBreak{Fault: models.AuditTruncated, Seq: 1}},
		"moved to the end": {"UPDATE audit_events SET seq = 9 WHERE seq = 4", models.AuditBreak{Fault: models.AuditReordered, Seq: 4, FoundAt: 9}},
		"two exchanged": {"UPDATE audit_events SET seq = CASE seq WHEN 4 THEN 106 ELSE 104 END WHERE seq IN (4, 6); UPDATE audit_events SET seq = seq - 100 WHERE seq > 100",
			models.AuditBreak{Fault: models.AuditReordered, Seq: 4, FoundAt: 6}},
		"closed up":       {"DELETE FROM audit_events WHERE seq = 4; UPDATE audit_events SET seq = 4 WHERE seq = 8", models.AuditBreak{Fault: models.AuditChanged, Seq: 4}},
		"a shorter end":   {"UPDATE audit_chains SET seq = 6", models.AuditBreak{Fault: models.AuditTooLong, Seq: 7}},
		"a forgotten end": {"DELETE FROM audit_chains", models.AuditBreak{Fault: models.AuditTooLong, Seq: 1}},
		"another head":    {"UPDATE audit_chains SET hash = " + digest, models.AuditBreak{Fault: models.AuditHead, Seq: 8}},
		"nothing left":    {"DELETE FROM audit_events; DELETE FROM audit_chains", models.AuditBreak{Fault: models.AuditTruncated, Seq: 1}},
		"given to nobody": {"UPDATE audit_events SET workspace_id = NULL WHERE seq = 4", models.AuditBreak{Fault: models.AuditMissing, Seq: 4}},
	}
	for name, tt := range tampering {
		t.Run(name, func(t *testing.T) {
			eachHome(t, func(t *testing.T, s home) {
				statement := tt.statement
				if strings.HasPrefix(s.URL, "sqlite:") {
					statement = strings.ReplaceAll(statement, digest, "x'ab'")
				}
				for i := range 6 {
					s.key(t, fmt.Sprint("CI ", i))
				}
				if report := verified(t, s); report.Broken != nil || report.Events != 8 {
					t.Fatalf("before: %+v", report)
				}
				wantBroken(t, s, statement, tt.want)
				if found, err := s.VerifyAudit(t.Context(), "", nil); err != nil || found.Intact() {
					t.Errorf("all chains: %+v, %v", found, err)
				}
			})
		})
	}
}

// An event that was changed together with its own hash no longer fits the one after it.
func TestARewrittenEventBreaksTheNext(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
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
			t.Errorf("the break (-want +got):\n%s", diff)
		}
	})
}

// Who cuts off the end and its note too is convicted by a head that was kept elsewhere, and
// only by that.
func TestAKeptHeadConvicts(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.key(t, "CI")
		before := verified(t, s)
		s.key(t, "Evil")
		after := verified(t, s)
		if before.Head == after.Head {
			t.Fatal("the head stays")
		}
		if found, err := s.VerifyAudit(t.Context(), "", []string{before.Head, after.Head}); err != nil || !found.Intact() {
			t.Fatalf("%+v, %v", found, err)
		}
		unguard(t, s.Store)
		s.Exec(t, "DELETE FROM audit_events WHERE seq = 4")
		s.Exec(t, "UPDATE audit_chains SET seq = 3, hash = (SELECT hash FROM audit_events WHERE seq = 3)")
		if found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head}); err != nil || !found.Intact() {
			t.Errorf("what cannot be seen: %+v, %v", found, err)
		}
		found, err := s.VerifyAudit(t.Context(), s.id, []string{before.Head, after.Head})
		if err != nil || found.Intact() || !cmp.Equal(found.Missing, []string{after.Head}) {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// A transaction that is rolled back leaves no gap.
func TestRefusedChangesLeaveNoGap(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
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
			t.Errorf("%+v", report)
		}
	})
}

func BenchmarkCreateAPIKey(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			s := open(b)
			workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
			b.Run("alone", func(b *testing.B) {
				for b.Loop() {
					if _, _, err := s.CreateAPIKey(b.Context(), workspace.ID, models.NewAPIKey{Name: "CI"}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("at once", func(b *testing.B) {
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
