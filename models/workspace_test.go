package models_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestCreateWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		workspace, err := s.Workspace(s.ctx, s.id)
		if err != nil || workspace.Name != "Acme" || !strings.HasPrefix(workspace.ID, "ws_") {
			t.Errorf("workspace = %+v, error = %v", workspace, err)
		}
		user, err := s.User(s.ctx, s.admin.UserID)
		if err != nil || user.Email != "ada@acme.test" || user.Name != "Ada Admin" || !strings.HasPrefix(user.ID, "usr_") {
			t.Errorf("user = %+v, error = %v", user, err)
		}
		if members := membershipsOf(t, s, s.admin.UserID); len(members) != 1 || !members[0].IsAdmin() ||
			members[0].Workspace.Name != "Acme" || members[0].User.Email != "ada@acme.test" || !strings.HasPrefix(members[0].ID, "mem_") {
			t.Errorf("memberships = %+v", members)
		}
		for _, id := range []string{"", "ws_nope", "WS" + s.id[2:], s.id + " ", "\x00", "\xff", s.admin.ID} {
			_, err := s.Workspace(s.ctx, id)
			wantKind(t, err, models.NotFound)
			_, err = s.User(s.ctx, id)
			wantKind(t, err, models.NotFound)
		}
	})
}

// TestCreateWorkspaceForInvitedPerson checks that a person who was invited elsewhere gets an
// account and keeps the invitation.
func TestCreateWorkspaceForInvitedPerson(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test", Name: "G."})
		invited, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		if has, err := s.HasAccount(s.ctx, "Grace@acme.test"); err != nil || has {
			t.Errorf("HasAccount = %v, error = %v; want false", has, err)
		}
		n := models.NewWorkspace{Name: "Second", AdminEmail: "Grace@acme.test", AdminName: "Grace Hopper"}
		wantUnchanged(t, s.Store, func() {
			_, _, err := s.CreateWorkspace(s.ctx, n)
			wantFields(t, err, "password")
		})
		n.Password = "a long enough passphrase"
		second, admin, err := s.CreateWorkspace(s.ctx, n)
		if err != nil || admin.UserID != grace.UserID || admin.User.Name != "Grace Hopper" || !admin.IsAdmin() {
			t.Fatalf("admin = %+v, error = %v", admin, err)
		}
		if in := signIn(t, s, models.Credentials{Email: "grace@acme.test", Password: n.Password}); in.WorkspaceID != second.ID {
			t.Errorf("the sign-in lands in %s, want %s", in.WorkspaceID, second.ID)
		}
		if members := membershipsOf(t, s, grace.UserID); len(members) != 1 {
			t.Errorf("memberships before accepting the invitation = %d, want 1", len(members))
		}
		if _, err := s.AcceptInvitationAs(s.ctx, invited.Token, grace.UserID); err != nil {
			t.Errorf("accept invitation with the account: %v", err)
		}
	})
}

func TestCreateWorkspaceForExistingAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		before, err := s.User(s.ctx, s.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(time.Hour)
		second, admin, err := s.CreateWorkspace(s.ctx, models.NewWorkspace{
			Name: "Second", AdminEmail: "ADA@Acme.test", AdminName: "Another Name", Password: "",
		})
		if err != nil {
			t.Fatal(err)
		}
		if admin.UserID != before.ID || !admin.IsAdmin() || admin.WorkspaceID != second.ID {
			t.Errorf("admin of the second workspace = %+v", admin)
		}
		after, err := s.User(s.ctx, before.ID)
		if err != nil || *after != *before {
			t.Errorf("user = %+v, error = %v; want %+v", after, err, before)
		}
		var names []string
		for _, member := range membershipsOf(t, s, before.ID) {
			names = append(names, member.Workspace.Name)
		}
		if want := []string{"Acme", "Second"}; !slices.Equal(names, want) {
			t.Errorf("the workspaces are %q, want %q", names, want)
		}
		if in := signIn(t, s, models.Credentials{Email: "ada@acme.test", Password: modelstest.Password}); in.WorkspaceID != s.id {
			t.Errorf("workspace after sign-in = %s, want the oldest, %s", in.WorkspaceID, s.id)
		}
	})
}

func TestDeactivatedMembershipIsNotListed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		err := s.DB().Model(&models.Member{}).Where("id = ?", s.admin.ID).UpdateColumn("deactivated_at", s.Now()).Error
		if err != nil {
			t.Fatal(err)
		}
		if members := membershipsOf(t, s, s.admin.UserID); len(members) != 0 {
			t.Errorf("memberships = %+v, want none", members)
		}
		if in := signIn(t, s, models.Credentials{Email: "ada@acme.test", Password: modelstest.Password}); in.WorkspaceID != "" {
			t.Errorf("workspace after sign-in = %q, want none", in.WorkspaceID)
		}
	})
}

func TestCreateWorkspaceRejects(t *testing.T) {
	change := func(fn func(n *models.NewWorkspace)) models.NewWorkspace {
		n := models.NewWorkspace{Name: "Nimbus", AdminEmail: "grace@nimbus.test", AdminName: "Grace", Password: modelstest.Password}
		fn(&n)
		return n
	}
	tests := []struct {
		name  string
		n     models.NewWorkspace
		field string
	}{
		{"no name", change(func(n *models.NewWorkspace) { n.Name = "" }), "workspace"},
		{"long name", change(func(n *models.NewWorkspace) { n.Name = strings.Repeat("é", 101) }), "workspace"},
		{"name with NUL", change(func(n *models.NewWorkspace) { n.Name = "a\x00b" }), "workspace"},
		{"name that is not UTF-8", change(func(n *models.NewWorkspace) { n.Name = "a\xffb" }), "workspace"},
		{"no admin name", change(func(n *models.NewWorkspace) { n.AdminName = "\u2003" }), "name"},
		{"admin name of two lines", change(func(n *models.NewWorkspace) { n.AdminName = "a\nb" }), "name"},
		{"no password", change(func(n *models.NewWorkspace) { n.Password = "" }), "password"},
		{"no address", change(func(n *models.NewWorkspace) { n.AdminEmail = "" }), "email"},
		{"no at", change(func(n *models.NewWorkspace) { n.AdminEmail = "grace" }), "email"},
		{"two addresses", change(func(n *models.NewWorkspace) { n.AdminEmail = "a@nimbus.test, b@nimbus.test" }), "email"},
		{"with a name", change(func(n *models.NewWorkspace) { n.AdminEmail = "Grace <grace@nimbus.test>" }), "email"},
		{"in brackets", change(func(n *models.NewWorkspace) { n.AdminEmail = "<grace@nimbus.test>" }), "email"},
		{"with a space", change(func(n *models.NewWorkspace) { n.AdminEmail = " grace@nimbus.test" }), "email"},
		{"with a line", change(func(n *models.NewWorkspace) { n.AdminEmail = "grace@nimbus.test\nBcc: eve@nimbus.test" }), "email"},
		{"with NUL", change(func(n *models.NewWorkspace) { n.AdminEmail = "gra\x00ce@nimbus.test" }), "email"},
		{"not UTF-8", change(func(n *models.NewWorkspace) { n.AdminEmail = "gra\xffce@nimbus.test" }), "email"},
		{"long address", change(func(n *models.NewWorkspace) { n.AdminEmail = strings.Repeat("a", 243) + "@nimbus.test" }), "email"},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			wantUnchanged(t, s.Store, func() {
				_, _, err := s.CreateWorkspace(s.ctx, tt.n)
				if wantFields(t, err, tt.field); t.Failed() {
					t.Fatal(tt.name)
				}
			})
		}
	})
}

func TestNamesAreStoredUnchanged(t *testing.T) {
	names := []string{
		"O'Brien & Söhne <b>GmbH</b>", `"; DROP TABLE workspaces; --`, "${7*7} {{7*7}} %s%n", "日本語", "مرحبا", "é", "👩🏽‍🚀",
		"null", "0", "../../etc/passwd", strings.Repeat("🔑", 100),
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, name := range names {
			workspace, _, err := s.CreateWorkspace(s.ctx, models.NewWorkspace{Name: name, AdminEmail: "ada@acme.test", AdminName: name})
			if err != nil {
				t.Errorf("name %q is rejected: %v", name, err)
				continue
			}
			if stored, err := s.Workspace(s.ctx, workspace.ID); err != nil || stored.Name != name {
				t.Errorf("stored name = %q, error = %v; want %q", stored.Name, err, name)
			}
		}
	})
}

func membershipsOf(t *testing.T, s fixture, userID string) []models.Member {
	t.Helper()
	members, err := s.MembershipsOf(s.ctx, userID)
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func TestConcurrentWorkspacesForOnePerson(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		s.NewWorkspace(t, "First", "first@acme.test") // the first workspace is created under a lock
		made := int64(1)
		for round := range 20 {
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					_, _, errs[i] = s.CreateWorkspace(t.Context(), models.NewWorkspace{
						Name: "Team", AdminEmail: fmt.Sprintf("ada%d@acme.test", round), AdminName: "Ada Admin", Password: modelstest.Password,
					})
				})
			}
			wg.Wait()
			for _, err := range errs {
				if err == nil {
					made++
				} else {
					wantKind(t, err, models.FailedPrecondition)
				}
			}
		}
		wantCount(t, s, "users", 21)
		wantCount(t, s, "workspaces", made)
	})
}
