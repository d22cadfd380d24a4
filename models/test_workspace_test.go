package models_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

// openTest opens the test workspace as the fixture's admin.
func (s fixture) openTest(t *testing.T, name string) *models.Workspace {
	t.Helper()
	workspace, err := s.OpenTestWorkspace(s.ctx, s.id, s.admin.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	return workspace
}

// adminEmails returns the emails of the admins of a workspace.
func (s fixture) adminEmails(t *testing.T, workspaceID string) string {
	t.Helper()
	admins, err := s.AdminsOf(s.ctx, workspaceID)
	if err != nil {
		t.Fatal(err)
	}
	var emails []string
	for _, admin := range admins {
		emails = append(emails, admin.User.Email)
	}
	return strings.Join(emails, " ")
}

func TestOpenTestWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "grace@acme.test", models.Admin)
		s.joined(t, "linus@acme.test", models.Viewer)
		s.add(t, models.NewMember{Email: "pending@acme.test", Role: models.Admin})
		s.deactivated(t, "gone@acme.test", models.Admin)
		if _, err := s.TestWorkspace(s.ctx, s.id); !models.IsKind(err, models.NotFound) {
			t.Fatalf("TestWorkspace before there is one = %v, want NotFound", err)
		}

		test := s.openTest(t, "  Acme  (test) ")
		modelstest.Equal(t, "name", test.Name, "Acme (test)")
		modelstest.Equal(t, "mode", test.Mode, token.Test)
		modelstest.Equal(t, "admins", s.adminEmails(t, test.ID), "ada@acme.test grace@acme.test")
		counts, err := s.MemberCounts(s.ctx, test.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "members", counts.Active, 2)
		key, secret, err := s.CreateAPIKey(s.ctx, test.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "prefix of a key", secret.Reveal()[:8], "sk_test_")
		modelstest.Equal(t, "stored prefix", key.KeyPrefix, secret.Reveal()[:12]+"....")

		later := s.joined(t, "alan@acme.test", models.Admin)
		joined, err := s.OpenTestWorkspace(s.ctx, s.id, later.ID, "ignored")
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspace of a later admin", joined.ID, test.ID)
		modelstest.Equal(t, "workspace when opened again", s.openTest(t, "ignored").ID, test.ID)
		modelstest.Equal(t, "admins with the later one", s.adminEmails(t, test.ID), "ada@acme.test grace@acme.test alan@acme.test")
		modelstest.Equal(t, "live admins", s.adminEmails(t, s.id), "ada@acme.test grace@acme.test alan@acme.test")
	})
}

func TestOpenTestWorkspaceIsLogged(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		test := s.openTest(t, "Acme (test)")
		for workspace, want := range map[string]struct {
			action  string
			actorID *string
		}{s.id: {"workspace.test_created", &s.admin.ID}, test.ID: {"workspace.created", nil}} {
			events, err := s.AuditEventsOf(s.ctx, workspace, test.ID, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 1 {
				t.Fatalf("%d events about the test workspace in %s, want 1: %+v", len(events), workspace, events)
			}
			modelstest.Equal(t, "action", events[0].Action, want.action)
			modelstest.Equal(t, "actor", events[0].ActorName, s.admin.User.Name)
			modelstest.Equal(t, "ID of the actor", events[0].ActorID, want.actorID)
			modelstest.Equal(t, "mode", events[0].Details["mode"], "test")
		}
	})
}

func TestOpenTestWorkspaceIsRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		member := s.joined(t, "linus@acme.test", models.Viewer)
		other := newFixture(t, s.Store, "Globex", "eve@globex.test")
		tests := []struct {
			name              string
			workspace, member string
			newName           string
			kind              models.Kind
		}{
			{"member who isn't an admin", s.id, member.ID, "Test", models.Forbidden},
			{"admin of another workspace", s.id, other.admin.ID, "Test", models.NotFound},
			{"no name", s.id, s.admin.ID, " ", models.Invalid},
			{"no such workspace", "ws_1", s.admin.ID, "Test", models.NotFound},
		}
		for _, tt := range tests {
			if _, err := s.OpenTestWorkspace(s.ctx, tt.workspace, tt.member, tt.newName); !models.IsKind(err, tt.kind) {
				t.Errorf("%s: error = %v, want kind %v", tt.name, err, tt.kind)
			}
		}
		if _, err := s.TestWorkspace(s.ctx, s.id); !models.IsKind(err, models.NotFound) {
			t.Errorf("TestWorkspace = %v, want NotFound", err)
		}

		test := s.openTest(t, "Acme (test)")
		admins, err := s.AdminsOf(s.ctx, test.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenTestWorkspace(s.ctx, test.ID, admins[0].ID, "Test of a test"); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("error of a test workspace = %v, want FailedPrecondition", err)
		}
		grace := s.joined(t, "grace@acme.test", models.Admin)
		if _, err := s.OpenTestWorkspace(s.ctx, s.id, grace.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeactivateMember(s.ctx, test.ID, admins[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenTestWorkspace(s.ctx, s.id, s.admin.ID, ""); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("error of a deactivated admin = %v, want FailedPrecondition", err)
		}
	})
}

// A form that is sent twice creates one test workspace.
func TestOpenTestWorkspaceAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		opened := atOnce(3, func(int) string {
			workspace, err := s.OpenTestWorkspace(s.ctx, s.id, s.admin.ID, "Acme (test)")
			if err != nil {
				return err.Error()
			}
			return workspace.ID
		})
		for _, id := range opened {
			modelstest.Equal(t, "workspace", id, opened[0])
		}
		modelstest.Equal(t, "admins", s.adminEmails(t, opened[0]), "ada@acme.test")
	})
}

// Earlier versions had one setting for all workspaces, which an operator may have changed.
func TestMigrationSetsModes(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			s := modelstest.Unmigrated(t, address(t))
			if err := s.MigrateTo(t.Context(), 30); err != nil {
				t.Fatal(err)
			}
			workspaces := []struct {
				live, test, deleted int // keys; the deleted ones are test keys
				want                token.Mode
			}{
				{0, 0, 0, token.Live}, {2, 0, 0, token.Live}, {0, 1, 0, token.Test}, {1, 1, 0, token.Live},
				{1, 2, 0, token.Test}, {2, 1, 0, token.Live}, {1, 0, 3, token.Live}, {0, 0, 3, token.Live},
			}
			insert := func(workspace, prefix string, keys int, deletedAt any) {
				for range keys {
					id := s.NewID("key")
					digest := sha256.Sum256([]byte(id))
					s.Exec(t, `INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, created_by_type, created_by_name, created_at, updated_at, deleted_at)
						VALUES ($1, $2, 'CI', $3, $4, '', 'member', 'Ada', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678', $5)`, id, workspace, prefix+"abc1....", digest[:], deletedAt)
				}
			}
			for i, w := range workspaces {
				id := fmt.Sprint("ws_", i)
				s.Exec(t, "INSERT INTO workspaces (id, name, seat_capacity, created_at, updated_at) VALUES ($1, 'Acme', 5, '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678')", id)
				insert(id, "sk_live_", w.live, nil)
				insert(id, "sk_test_", w.test, nil)
				insert(id, "sk_test_", w.deleted, "2026-01-02 03:04:05.678")
			}
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			migrated, err := s.Workspaces(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range workspaces {
				if got := migrated[i].Mode; got != w.want {
					t.Errorf("mode of a workspace with %d live, %d test, and %d deleted test keys = %s, want %s", w.live, w.test, w.deleted, got, w.want)
				}
			}
			modelstest.Equal(t, "prefix of new keys", s.KeyPrefix(), "sk")
		})
	}
}
