package models_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const (
	erasedName  = "Grace Hopperton"
	erasedEmail = "grace.hopperton@acme.test"
)

// withGrace adds an admin named erasedName to the fixture's workspace, who has done and is named in many things,
// and returns the member.
func (s fixture) withGrace(t *testing.T) *models.Member {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	grace := s.joined(t, "earlier@acme.test", models.Viewer)
	must(s.ChangeName(s.ctx, grace.UserID, erasedName))
	_, err := s.ChangeEmailAsOperator(s.ctx, "earlier@acme.test", erasedEmail)
	must(err)
	_, err = s.ChangeMemberRole(s.ctx, s.id, grace.ID, models.Admin)
	must(err)
	as := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: grace.ID, Name: erasedName, Role: models.Admin, Address: "198.51.100.77", UserAgent: "Grace/1.0"})
	_, err = s.SignIn(as, "", models.Credentials{Email: erasedEmail, Password: "a long enough passphrase"})
	must(err)
	key, _, err := s.CreateAPIKey(as, s.id, models.NewAPIKey{Name: "CI"})
	must(err)
	_, err = s.ScheduleDeletion(as, s.id, key.ID, models.Confirmation{})
	must(err)
	_, err = s.CancelDeletion(s.ctx, s.id, key.ID)
	must(err)
	deleted, _, err := s.CreateAPIKey(as, s.id, models.NewAPIKey{Name: "Old"})
	must(err)
	_, err = s.DeleteAPIKey(as, s.id, deleted.ID, models.Confirmation{})
	must(err)
	_, err = s.AssignSeat(s.ctx, s.id, grace.ID)
	must(err)
	_, err = s.OpenTestWorkspace(as, s.id, grace.ID, "Acme (test)")
	must(err)
	_, err = s.CreateResetLinkAsOperator(s.ctx, erasedEmail)
	must(err)
	return grace
}

func (s fixture) wantIntact(t *testing.T) {
	t.Helper()
	verified, err := s.VerifyAudit(s.ctx, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, chain := range verified.Chains {
		if chain.Broken != nil {
			t.Errorf("chain %q is broken: %+v", chain.WorkspaceID, *chain.Broken)
		}
	}
}

// wantNoTrace checks that no table has a text.
func (s fixture) wantNoTrace(t *testing.T, texts ...string) {
	t.Helper()
	for line := range strings.Lines(s.Dump(t)) {
		for _, text := range texts {
			if strings.Contains(strings.ToLower(line), strings.ToLower(text)) {
				t.Errorf("%q is left in %s", text, line)
			}
		}
	}
}

func TestEraseUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.withGrace(t)
		events, err := s.AuditEventsOf(s.ctx, s.id, grace.ID, 100)
		if err != nil {
			t.Fatal(err)
		}
		pseudonym, err := s.EraseUserAsOperator(s.ctx, erasedEmail)
		if err != nil {
			t.Fatal(err)
		}
		s.wantNoTrace(t, erasedName, erasedEmail, "earlier@acme.test", "198.51.100.77", "Grace/1.0")
		s.wantIntact(t)
		left, err := s.AuditEventsOf(s.ctx, s.id, grace.ID, 100)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events about the member", len(left), len(events))
		modelstest.Equal(t, "name in the audit log", left[0].TargetName, pseudonym)
		if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: erasedEmail, Password: "a long enough passphrase"}); err == nil {
			t.Error("the person can still sign in")
		}
		if _, err := s.ReactivateMember(s.ctx, s.id, grace.ID); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("reactivation: %v, want FailedPrecondition", err)
		}
		if _, err := s.EraseUserAsOperator(s.ctx, erasedEmail); !models.IsKind(err, models.NotFound) {
			t.Errorf("second erasure: %v, want NotFound", err)
		}
		if _, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: erasedEmail}); err != nil {
			t.Errorf("invite the email again: %v", err)
		}
	})
}

// Ada's erasure comes after Grace's, and some events name both.
func TestEraseTwoPeople(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.withGrace(t)
		s.ctx = t.Context() // Ada does nothing more
		if _, err := s.EraseUserAsOperator(s.ctx, "ada@acme.test"); err != nil {
			t.Fatal(err)
		}
		s.wantIntact(t)
		_, err := s.EraseUserAsOperator(s.ctx, erasedEmail)
		if !models.IsKind(err, models.FailedPrecondition) {
			t.Fatalf("erase the last admin: %v, want FailedPrecondition", err)
		}
		modelstest.Contains(t, "error", err.Error(), "the last admin of")
		s.joined(t, "new@acme.test", models.Admin)
		test, err := s.TestWorkspace(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteWorkspace(s.ctx, test.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		if _, err := s.EraseUserAsOperator(s.ctx, erasedEmail); err != nil {
			t.Fatal(err)
		}
		s.wantNoTrace(t, erasedName, erasedEmail, "ada@acme.test", "Ada Admin")
		s.wantIntact(t)
	})
}

// Events of earlier versions have no proof; their hashes cover the texts.
func TestEraseUserFromEarlierEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.withGrace(t)
		s.rewriteAsEarlier(t)
		s.wantIntact(t)
		if _, err := s.EraseUserAsOperator(s.ctx, erasedEmail); err != nil {
			t.Fatal(err)
		}
		s.wantNoTrace(t, erasedName, erasedEmail)
		s.wantIntact(t)
		s.unprotected(t, "UPDATE audit_events SET target_name = 'Eve' WHERE seq = (SELECT min(seq) FROM audit_events WHERE proof IS NOT NULL AND target_name LIKE 'Erased person%')")
		s.wantBroken(t)
	})
}

func TestTamperingAfterErasure(t *testing.T) {
	for name, statement := range map[string]string{
		"a pseudonym":       "UPDATE audit_events SET actor_name = 'Eve' WHERE actor_name LIKE 'Erased person%' AND action = 'api_key.created'",
		"an erased address": "UPDATE audit_events SET address = '198.51.100.9' WHERE actor_name LIKE 'Erased person%' AND action = 'api_key.created'",
		"a text that stays": "UPDATE audit_events SET target_name = 'Eve' WHERE actor_name LIKE 'Erased person%' AND action = 'api_key.created'",
		"the action":        "UPDATE audit_events SET action = 'api_key.deleted' WHERE actor_name LIKE 'Erased person%' AND action = 'api_key.created'",
		"another erasure":   "UPDATE audit_events SET target_name = 'Erased person 01234567' WHERE action = 'user.erased'",
		"an earlier event":  "UPDATE audit_events SET actor_name = 'Erased person 01234567', proof = '{\"earlier\":true}' WHERE action = 'workspace.created'",
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				s.withGrace(t)
				if _, err := s.EraseUserAsOperator(s.ctx, erasedEmail); err != nil {
					t.Fatal(err)
				}
				s.wantIntact(t)
				s.unprotected(t, statement)
				s.wantBroken(t)
			})
		})
	}
}

func (s fixture) wantBroken(t *testing.T) {
	t.Helper()
	verified, err := s.VerifyAudit(s.ctx, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "audit log is intact", verified.Intact(), false)
}

// unprotected executes a statement as someone who owns the database.
func (s fixture) unprotected(t *testing.T, statement string) {
	t.Helper()
	unguard(t, s.Store)
	s.Exec(t, statement)
}

// rewriteAsEarlier turns the audit log into one of a version without proofs.
func (s fixture) rewriteAsEarlier(t *testing.T) {
	t.Helper()
	unguard(t, s.Store)
	if err := s.ChainAsEarlier(s.ctx); err != nil {
		t.Fatal(err)
	}
}

// Every table with rows of a person is cleared when the person is erased.
func TestEraseCoversEveryTable(t *testing.T) {
	s := modelstest.NewSQLite(t)
	var tables []string
	err := s.DB().Raw(`SELECT DISTINCT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND c.name = 'user_id' AND m.name <> 'members' ORDER BY m.name`).Scan(&tables).Error
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if !slices.Contains(models.UserTables, table) {
			t.Errorf("rows of an erased person stay in %s; add it to userTables", table)
		}
	}
}
