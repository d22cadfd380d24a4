package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// deleteWorkspace deletes the fixture's workspace.
func (s fixture) deleteWorkspace(t *testing.T) {
	t.Helper()
	if err := s.DeleteWorkspace(s.ctx, s.id, models.Confirmation{Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		paused := s.key(t, "Paused")
		if _, err := s.PauseAPIKey(s.ctx, s.id, paused.ID, s.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		test := s.openTest(t, "Acme (test)")
		endpoint, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, models.NewWebhookEndpoint{URL: "https://hooks.example.com/", Events: []string{"api_key.created"}})
		if err != nil {
			t.Fatal(err)
		}
		invited, err := s.InviteMember(s.ctx, s.id, s.add(t, models.NewMember{Email: "pen@acme.test"}).ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteWorkspace(s.ctx, s.id, models.Confirmation{Name: "Ac"}); !models.IsKind(err, models.Invalid) {
			t.Errorf("deletion with the wrong name: %v, want Invalid", err)
		}
		s.deleteWorkspace(t)

		digest := secret.Digest()
		if _, err := s.APIKeyByDigest(s.ctx, digest); !models.IsKind(err, models.NotFound) {
			t.Errorf("key that a node looks up: %v, want NotFound", err)
		}
		s.Clock.Advance(2 * models.MaxPause)
		for _, id := range []string{key.ID, paused.ID} {
			stored, err := s.APIKey(s.ctx, s.id, id)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "status of "+stored.Name, stored.StatusAt(s.Now()), models.KeyPaused)
			if _, err := s.ResumeAPIKey(s.ctx, s.id, id); !models.IsKind(err, models.NotFound) {
				t.Errorf("resume %s: %v, want NotFound", stored.Name, err)
			}
		}
		for _, id := range []string{s.id, test.ID} {
			if _, err := s.Workspace(s.ctx, id); !models.IsKind(err, models.NotFound) {
				t.Errorf("deleted workspace: %v, want NotFound", err)
			}
		}
		memberships, err := s.MembershipsOf(s.ctx, s.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspaces that the admin sees", len(memberships), 0)
		stopped, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "webhook endpoint is enabled", stopped.Enabled(), false)
		if _, err := s.AcceptInvitation(s.ctx, invited.Token, "Pen", modelstest.Password); !models.IsKind(err, models.NotFound) {
			t.Errorf("invitation to a deleted workspace: %v, want NotFound", err)
		}
		if _, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Late"}); !models.IsKind(err, models.NotFound) {
			t.Errorf("key in a deleted workspace: %v, want NotFound", err)
		}
		if err := s.DeleteWorkspace(s.ctx, s.id, models.Confirmation{Name: "Acme"}); !models.IsKind(err, models.NotFound) {
			t.Errorf("second deletion: %v, want NotFound", err)
		}
	})
}

// A scheduled deletion of a key waits while its workspace is deleted, and so do reminders of expiry.
func TestDeletedWorkspaceHasNoScheduledWork(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		scheduled := s.key(t, "Scheduled")
		if _, err := s.ScheduleDeletion(s.ctx, s.id, scheduled.ID, models.Confirmation{}); err != nil {
			t.Fatal(err)
		}
		soon := s.Now().Add(60 * 24 * time.Hour)
		s.keyOf(t, models.NewAPIKey{Name: "Expiring", ExpiresAt: &soon})
		s.deleteWorkspace(t)
		s.Clock.Advance(50 * 24 * time.Hour)
		deleted, err := s.DeleteScheduledKeys(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "keys deleted", deleted, 0)
		reminded, err := s.RemindOfExpiry(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "reminders", reminded, 0)
	})
}

func TestRestoreWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		test := s.openTest(t, "Acme (test)")
		if _, err := s.RestoreWorkspace(s.ctx, s.id); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("restore a workspace that isn't deleted: %v, want FailedPrecondition", err)
		}
		s.deleteWorkspace(t)
		s.Clock.Advance(models.WorkspaceKept - time.Minute)
		if _, err := s.RestoreWorkspace(s.ctx, test.ID); err == nil || !strings.Contains(err.Error(), s.id) {
			t.Errorf("restore only the test workspace: %v, want an error that names the live one", err)
		}
		restored, err := s.RestoreWorkspace(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name", restored.Name, "Acme")
		if _, err := s.Workspace(s.ctx, test.ID); err != nil {
			t.Errorf("test workspace: %v", err)
		}
		found, err := s.APIKeyByDigest(s.ctx, secret.Digest())
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "status of the key", found.StatusAt(s.Now().Add(2*models.MaxPause)), models.KeyPaused)
		resumed, err := s.ResumeAPIKey(s.ctx, s.id, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "status once resumed", resumed.StatusAt(s.Now()), models.KeyActive)

		s.deleteWorkspace(t)
		s.Clock.Advance(models.WorkspaceKept)
		if _, err := s.RestoreWorkspace(s.ctx, s.id); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("restore after 30 days: %v, want FailedPrecondition", err)
		}
	})
}

// A live workspace can have another test workspace after its test one was deleted.
func TestDeleteTestWorkspaceAlone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		first := s.openTest(t, "First")
		if err := s.DeleteWorkspace(s.ctx, first.ID, models.Confirmation{Name: "First"}); err != nil {
			t.Fatal(err)
		}
		second := s.openTest(t, "Second")
		if second.ID == first.ID {
			t.Error("the deleted test workspace was opened")
		}
		if _, err := s.RestoreWorkspace(s.ctx, first.ID); err != nil {
			t.Errorf("restore the first test workspace: %v", err)
		}
	})
}

func TestPurgeDeletedWorkspaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillKeys(t, s.id, s.admin.ID, 3)
		s.FillUsage(t, s.id, 2, 3)
		old := s.key(t, "Old")
		if _, _, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{}); err != nil {
			t.Fatal(err)
		}
		test := s.openTest(t, "Acme (test)")
		if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, models.NewWebhookEndpoint{URL: "https://hooks.example.com/", Events: []string{"member.added"}}); err != nil {
			t.Fatal(err)
		}
		s.add(t, models.NewMember{Email: "pen@acme.test"})
		if _, err := s.AssignSeat(s.ctx, s.id, s.admin.ID); err != nil {
			t.Fatal(err)
		}
		other, _ := s.NewWorkspace(t, "Other", "grace@other.test")
		s.deleteWorkspace(t)
		s.Clock.Advance(models.WorkspaceKept - time.Minute)
		if err := s.PurgeDeletedWorkspaces(s.ctx); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s.Dump(t), "pen@acme.test") {
			t.Error("the workspace was removed early")
		}
		s.Clock.Advance(time.Minute)
		for range 2 {
			if err := s.PurgeDeletedWorkspaces(s.ctx); err != nil {
				t.Fatal(err)
			}
		}
		var left []string
		for line := range strings.Lines(s.Dump(t)) {
			gone := strings.Contains(line, s.id) || strings.Contains(line, test.ID) || strings.Contains(line, "pen@acme.test")
			if gone && !strings.Contains(line, "workspace.removed") {
				left = append(left, line)
			}
		}
		if diff := cmp.Diff([]string(nil), left); diff != "" {
			t.Errorf("rows left (-want +got):\n%s", diff)
		}
		if _, err := s.Workspace(s.ctx, other.ID); err != nil {
			t.Errorf("another workspace: %v", err)
		}
		verified, err := s.VerifyAudit(s.ctx, "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "audit log is intact", verified.Intact(), true)
	})
}

// Every table with rows of a workspace, a key, a member, or an endpoint is in workspaceTables.
func TestPurgeCoversEveryTable(t *testing.T) {
	s := modelstest.NewSQLite(t)
	var tables []string
	err := s.DB().Raw(`SELECT DISTINCT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND c.name IN ('workspace_id', 'api_key_id', 'member_id', 'endpoint_id') ORDER BY m.name`).Scan(&tables).Error
	if err != nil {
		t.Fatal(err)
	}
	purged := map[string]bool{"sessions": true} // whose workspace is cleared
	for _, name := range models.WorkspaceTables() {
		purged[name] = true
	}
	for _, table := range tables {
		if !purged[table] {
			t.Errorf("rows of a removed workspace stay in %s; add it to workspaceTables", table)
		}
	}
}

func TestAdminsAreEmailedAboutDeletedWorkspaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.joined(t, "stranger@acme.test", models.Admin) // whose email isn't proven
		s.joined(t, "vic@acme.test", models.Viewer)
		emailed := func(kind models.AccountEmailKind) map[string]string {
			t.Helper()
			by := map[string]string{}
			for range 2 {
				email := s.claimEmail(t)
				if email == nil || email.Kind != kind || email.Workspace.Name != "Acme" {
					t.Fatalf("email = %+v, want one of kind %s about Acme", email, kind)
				}
				by[email.To] = email.By
				s.finishEmail(t, email, "")
			}
			s.wantNoEmail(t, string(kind))
			return by
		}
		restore := func() {
			t.Helper()
			if _, err := s.RestoreWorkspace(s.ctx, s.id); err != nil {
				t.Fatal(err)
			}
		}
		s.deleteWorkspace(t)
		if diff := cmp.Diff(map[string]string{"ada@acme.test": s.admin.User.Name, "stranger@acme.test": ""}, emailed(models.WorkspaceDeletedEmail)); diff != "" {
			t.Errorf("who deleted it, by recipient (-want +got):\n%s", diff)
		}
		restore()
		emailed(models.WorkspaceRestoredEmail)
		s.deleteWorkspace(t)
		s.Clock.Advance(time.Minute)
		restore()
		for range 2 {
			s.wantNoEmail(t, "deletion that was undone")
		}
		emailed(models.WorkspaceRestoredEmail)
		s.deleteWorkspace(t)
		emailed(models.WorkspaceDeletedEmail)
		restore()
		for range 2 {
			s.wantNoEmail(t, "more than the limit")
		}
		s.Clock.Advance(time.Hour)
		emailed(models.WorkspaceRestoredEmail)
	})
}
