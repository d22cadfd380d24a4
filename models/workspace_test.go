package models_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestCreateWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		workspace, err := s.Workspace(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name", workspace.Name, "Acme")
		if !strings.HasPrefix(workspace.ID, "ws_") {
			t.Errorf("ID = %q, want prefix ws_", workspace.ID)
		}
		user, err := s.User(s.ctx, s.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "email", user.Email, "ada@acme.test")
		modelstest.Equal(t, "name", user.Name, "Ada Admin")
		if !strings.HasPrefix(user.ID, "usr_") {
			t.Errorf("ID = %q, want prefix usr_", user.ID)
		}
		members := membershipsOf(t, s, s.admin.UserID)
		if len(members) != 1 {
			t.Fatalf("members = %+v, want 1", members)
		}
		modelstest.Equal(t, "members[0] is admin", members[0].IsAdmin(), true)
		modelstest.Equal(t, "members[0] workspace name", members[0].Workspace.Name, "Acme")
		modelstest.Equal(t, "members[0] user email", members[0].User.Email, "ada@acme.test")
		if !strings.HasPrefix(members[0].ID, "mem_") {
			t.Errorf("members[0] ID = %q, want prefix mem_", members[0].ID)
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
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "user ID", admin.UserID, grace.UserID)
		modelstest.Equal(t, "user name", admin.User.Name, "Grace Hopper")
		modelstest.Equal(t, "is admin", admin.IsAdmin(), true)
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
		modelstest.Equal(t, "user ID", admin.UserID, before.ID)
		modelstest.Equal(t, "is admin", admin.IsAdmin(), true)
		modelstest.Equal(t, "workspace ID", admin.WorkspaceID, second.ID)
		after, err := s.User(s.ctx, before.ID)
		if err != nil || !cmp.Equal(after, before) {
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
				} else if !models.IsKind(err, models.FailedPrecondition) {
					wantFields(t, err, "password") // the account was created before the call
				}
			}
		}
		wantCount(t, s, "users", 21)
		wantCount(t, s, "workspaces", made)
	})
}

// squat adds a person to the workspace of s, and accepts the invitation with the copied link.
func squat(t *testing.T, s fixture, email string) *models.Member {
	t.Helper()
	invited, err := s.InviteMember(s.ctx, s.id, s.add(t, models.NewMember{Email: email}).ID)
	if err != nil {
		t.Fatal(err)
	}
	member, err := s.AcceptInvitation(t.Context(), invited.Token, "Squatter", "the squatter's passphrase")
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// Someone who created an account with a copied link doesn't become the admin of another workspace.
func TestCreateWorkspaceForUnverifiedAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		squatter := squat(t, s, "cfo@acme.test")
		n := models.NewWorkspace{Name: "Finance", AdminEmail: "cfo@acme.test", AdminName: "The CFO"}
		workspace, admin, err := s.CreateWorkspace(s.ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		if !admin.Pending {
			t.Error("pending = false, want true")
		}
		if got := len(membershipsOf(t, s, squatter.UserID)); got != 1 {
			t.Errorf("memberships of the squatter = %d, want 1", got)
		}
		invited, err := s.InviteMember(s.ctx, workspace.ID, admin.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AcceptInvitationAs(s.ctx, invited.Token, squatter.UserID); err != nil {
			t.Errorf("accept with the operator's link: %v", err)
		}
		n.Name, n.ExistingAccount = "Confirmed", true
		if _, admin, err = s.CreateWorkspace(s.ctx, n); err != nil || admin.Pending {
			t.Errorf("with ExistingAccount: admin = %+v, error = %v, want one who isn't pending", admin, err)
		}
	})
}

func TestWhichAccountsAreVerified(t *testing.T) {
	accept := func(t *testing.T, s fixture, token string) {
		t.Helper()
		if _, err := s.AcceptInvitation(t.Context(), token, "Grace", "another long enough passphrase"); err != nil {
			t.Fatal(err)
		}
	}
	emailed := func(t *testing.T, s fixture) string {
		t.Helper()
		email, err := s.ClaimEmail(t.Context())
		if err != nil || email == nil {
			t.Fatalf("claim email: %+v, %v", email, err)
		}
		return email.Invitation.Token
	}
	tests := []struct {
		name     string
		join     func(t *testing.T, s fixture)
		verified bool
	}{
		{"copied link", func(t *testing.T, s fixture) { squat(t, s, "grace@acme.test") }, false},
		{"email", func(t *testing.T, s fixture) {
			s.add(t, models.NewMember{Email: "grace@acme.test"})
			accept(t, s, emailed(t, s))
		}, true},
		{"link copied after the email", func(t *testing.T, s fixture) {
			member := s.add(t, models.NewMember{Email: "grace@acme.test"})
			emailed(t, s)
			invited, err := s.InviteMember(s.ctx, s.id, member.ID)
			if err != nil {
				t.Fatal(err)
			}
			accept(t, s, invited.Token)
		}, false},
		{"email to another workspace later", func(t *testing.T, s fixture) {
			member := squat(t, s, "grace@acme.test")
			emails := func() *models.Email {
				email, err := s.ClaimEmail(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return email
			}
			for emails() != nil { // of the first workspace
			}
			s.Clock.Advance(time.Hour)
			newFixture(t, s.Store, "Second", "second@acme.test").add(t, models.NewMember{Email: "grace@acme.test"})
			if _, err := s.AcceptInvitationAs(s.ctx, emailed(t, s), member.UserID); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"new account from the operator", func(t *testing.T, s fixture) { s.NewWorkspace(t, "Second", "grace@acme.test") }, true},
		{"invited account from the operator", func(t *testing.T, s fixture) {
			s.add(t, models.NewMember{Email: "grace@acme.test"})
			s.NewWorkspace(t, "Second", "grace@acme.test")
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				s.EnableEmail()
				tt.join(t, s)
				var user models.User
				if err := s.DB().Where("email = 'grace@acme.test'").Take(&user).Error; err != nil {
					t.Fatal(err)
				}
				if got := user.VerifiedAt != nil; got != tt.verified {
					t.Errorf("verified = %t, want %t", got, tt.verified)
				}
				workspace := models.NewWorkspace{Name: "Third", AdminEmail: "grace@acme.test", AdminName: "Grace"}
				_, admin, err := s.CreateWorkspace(s.ctx, workspace)
				if err != nil {
					t.Fatal(err)
				}
				if admin.Pending == tt.verified {
					t.Errorf("pending admin of a new workspace = %t, want %t", admin.Pending, !tt.verified)
				}
			})
		})
	}
}

func TestCreateWorkspaceRejectsWhatItWouldIgnore(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantUnchanged(t, s.Store, func() {
			n := models.NewWorkspace{Name: "Second", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password}
			_, _, err := s.CreateWorkspace(s.ctx, n)
			wantFields(t, err, "password")
			n.AdminEmail, n.ExistingAccount = "new@acme.test", true
			_, _, err = s.CreateWorkspace(s.ctx, n)
			wantFields(t, err, "email")
		})
	})
}
