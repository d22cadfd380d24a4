package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestRenameWorkspace(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
		if _, err := s.RenameWorkspace(t.Context(), workspace.ID, " "); !models.IsKind(err, models.Invalid) {
			t.Errorf("rename to a blank name: %v, want Invalid", err)
		}
		renamed, err := s.RenameWorkspace(t.Context(), workspace.ID, " Acme Corp ")
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name", renamed.Name, "Acme Corp")
		events, err := s.AuditEventsOf(t.Context(), workspace.ID, workspace.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "audit event", events[0].Action, "workspace.renamed")
		modelstest.Equal(t, "previous name", events[0].Details["from"], "Acme")
	})
}

func TestLeaveWorkspace(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		ctx := t.Context()
		workspace, ada := s.NewWorkspace(t, "Acme", "ada@acme.test")
		_, err := s.LeaveWorkspace(ctx, workspace.ID, ada.ID, "")
		if !models.IsKind(err, models.FailedPrecondition) {
			t.Fatalf("the last admin leaves: %v, want FailedPrecondition", err)
		}
		modelstest.Contains(t, "error", err.Error(), "You're the last admin", "delete the workspace")

		bob := s.AddMember(t, workspace, "bob@acme.test")
		session, _, err := s.CreateSession(ctx, bob.UserID, workspace.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.LeaveWorkspace(ctx, workspace.ID, bob.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.LeaveWorkspace(ctx, workspace.ID, bob.ID, ""); !models.IsKind(err, models.Conflict) {
			t.Errorf("leave again: %v, want Conflict", err)
		}
		memberships, err := s.MembershipsOf(ctx, bob.UserID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspaces after leaving", len(memberships), 0)
		if _, err := s.Session(ctx, session); err != nil {
			t.Errorf("session after leaving: %v, want the person to stay signed in", err)
		}
		if _, err := s.ReactivateMember(ctx, workspace.ID, bob.ID); err != nil {
			t.Fatal(err)
		}
		if memberships, err = s.MembershipsOf(ctx, bob.UserID); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspaces after a reactivation that isn't accepted", len(memberships), 0)
		invited, err := s.InviteMember(ctx, workspace.ID, bob.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AcceptInvitationAs(ctx, invited.Token, bob.UserID); err != nil {
			t.Fatal(err)
		}
		if memberships, err = s.MembershipsOf(ctx, bob.UserID); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspaces after accepting the invitation", len(memberships), 1)
	})
}

func TestCreateAnotherWorkspace(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		ctx := t.Context()
		acme, ada := s.NewWorkspace(t, "Acme", "ada@acme.test")
		bob := s.AddMember(t, acme, "bob@acme.test")
		if _, err := s.CreateAnotherWorkspace(ctx, acme.ID, bob.ID, "Mine"); !models.IsKind(err, models.Forbidden) {
			t.Errorf("a viewer creates a workspace: %v, want Forbidden", err)
		}
		created, err := s.CreateAnotherWorkspace(ctx, acme.ID, ada.ID, "Research")
		if err != nil {
			t.Fatal(err)
		}
		admins, err := s.AdminsOf(ctx, created.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "admins", len(admins), 1)
		modelstest.Equal(t, "admin", admins[0].UserID, ada.UserID)
		modelstest.Equal(t, "is a test workspace", created.IsTest(), false)
	})
}
