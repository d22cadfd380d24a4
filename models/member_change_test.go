package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestMemberChangesAreRecorded checks the audit log and webhook events.
func TestMemberChangesAreRecorded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		for _, change := range []func() (*models.Member, error){
			func() (*models.Member, error) { return s.ChangeMemberRole(s.ctx, s.id, grace.ID, models.Admin) },
			func() (*models.Member, error) { return s.ChangeMemberRole(s.ctx, s.id, grace.ID, models.Admin) }, // nothing is changed
			func() (*models.Member, error) { return s.DeactivateMember(s.ctx, s.id, grace.ID) },
			func() (*models.Member, error) { return s.ReactivateMember(s.ctx, s.id, grace.ID) },
		} {
			if _, err := change(); err != nil {
				t.Fatal(err)
			}
		}
		events := eventsOf(t, s, grace.ID)
		var got []string
		for i := len(events) - 1; i >= 0; i-- {
			got = append(got, fmt.Sprint(events[i].Action, " ", events[i].TargetName, " ", events[i].Details))
		}
		const name = "Person grace@acme.test"
		want := []string{
			"member.added grace@acme.test map[role:member]",
			"member.invited grace@acme.test map[by:link]",
			"member.joined " + name + " map[]",
			"member.role_changed " + name + " map[from:member to:admin]",
			"member.deactivated " + name + " map[]",
			"member.reactivated " + name + " map[role:admin]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("audit events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"member.added", "member.added", "member.deactivated", "member.reactivated"}, s.events(t)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestRejectedMemberChangesChangeNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		gone := s.joined(t, "gone@acme.test", models.Viewer)
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		other := newFixture(t, s.Store, "Rival", "rita@rival.test")
		wantUnchanged(t, s.Store, func() {
			wantKind(t, errOf(s.ChangeMemberRole(s.ctx, s.id, gone.ID, models.Admin)), models.FailedPrecondition)
			wantKind(t, errOf(s.DeactivateMember(s.ctx, s.id, gone.ID)), models.FailedPrecondition)
			wantKind(t, errOf(s.ReactivateMember(s.ctx, s.id, s.admin.ID)), models.FailedPrecondition)
			for name, change := range map[string]func() (*models.Member, error){
				"read":       func() (*models.Member, error) { return s.Member(other.ctx, other.id, gone.ID) },
				"role":       func() (*models.Member, error) { return s.ChangeMemberRole(other.ctx, other.id, gone.ID, models.Admin) },
				"deactivate": func() (*models.Member, error) { return s.DeactivateMember(other.ctx, other.id, gone.ID) },
				"reactivate": func() (*models.Member, error) { return s.ReactivateMember(other.ctx, other.id, gone.ID) },
			} {
				if _, err := change(); !isNotFound(err) {
					t.Errorf("%s from another workspace: %v, want NotFound", name, err)
				}
			}
		})
	})
}

func TestDeactivationSignsOutNoOneElse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		in, err := s.SignIn(s.ctx, "", models.Credentials{Email: "ada@acme.test", Password: modelstest.Password})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Session(s.ctx, in.SessionID); err != nil {
			t.Errorf("session of another member: %v", err)
		}
	})
}

// TestReactivatedPendingMemberIsInvitedAgain also checks that the old link stops working.
func TestReactivatedPendingMemberIsInvitedAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		before, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		back := func() {
			t.Helper()
			if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
				t.Fatal(err)
			}
			if member, err := s.ReactivateMember(s.ctx, s.id, grace.ID); err != nil || !member.Pending {
				t.Fatalf("reactivated member = %+v, error = %v; want a pending one", member, err)
			}
		}
		back()
		wantKind(t, errOf(s.Invitation(s.ctx, before.Token)), models.NotFound)
		s.wantNoEmail(t, "without a mail server")
		s.EnableEmail()
		back()
		if got := s.wantInvitation(t, "with a mail server").Member.ID; got != grace.ID {
			t.Errorf("recipient = %s, want %s", got, grace.ID)
		}
	})
}

func TestRestoreInvitation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		grace, gone := s.add(t, models.NewMember{Email: "grace@acme.test"}), s.joined(t, "gone@acme.test", models.Viewer)
		restore := func(id string) error { return errOf(s.RestoreInvitation(s.ctx, s.id, id)) }
		wantKind(t, restore(grace.ID), models.FailedPrecondition)
		deactivate := func(id string) {
			t.Helper()
			if _, err := s.DeactivateMember(s.ctx, s.id, id); err != nil {
				t.Fatal(err)
			}
		}
		deactivate(gone.ID)
		wantKind(t, restore(gone.ID), models.FailedPrecondition)

		deactivate(grace.ID)
		s.wantNoEmail(t, "for a revoked invitation")
		if err := restore(grace.ID); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "last action", eventsOf(t, s, grace.ID)[0].Action, "member.invitation_restored")
		token := s.wantInvitation(t, "for a restored invitation").Invitation.Token
		deactivate(grace.ID)
		wantKind(t, errOf(s.Invitation(s.ctx, token)), models.NotFound)
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		wantKind(t, errOf(s.RestoreInvitation(other.ctx, other.id, grace.ID)), models.NotFound)
		if err := restore(grace.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Invitation(s.ctx, token); err != nil {
			t.Errorf("restored link: %v", err)
		}
		deactivate(grace.ID)
		s.Clock.Advance(models.InvitationLife)
		wantKind(t, restore(grace.ID), models.FailedPrecondition)
	})
}

// TestConcurrentAddsCreateOneMember covers new and deactivated members.
func TestConcurrentAddsCreateOneMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		newFixture(t, s.Store, "Rival", "rita@rival.test") // she has an account
		before := s.joined(t, "grace@acme.test", models.Viewer)
		if _, err := s.DeactivateMember(s.ctx, s.id, before.ID); err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"rita@rival.test", "grace@acme.test"} {
			wantOneWinner(t, atOnce(16, func(int) error {
				_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: email})
				return err
			}), func(err error) bool { return models.IsKind(err, models.Invalid) })
		}
	})
}

func TestConcurrentDeactivationKeepsOneAdmin(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Admin)
		admins := []string{s.admin.ID, grace.ID}
		for range 20 {
			errs := atOnce(2, func(i int) error {
				_, err := s.ChangeMemberRole(s.ctx, s.id, admins[i], models.Viewer)
				return err
			})
			wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.FailedPrecondition) })
			for i, err := range errs {
				if err == nil {
					if _, err := s.ChangeMemberRole(s.ctx, s.id, admins[i], models.Admin); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func TestMembershipsOf(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		for _, there := range []fixture{newFixture(t, s.Store, "Third", "tess@third.test"), s} {
			there.add(t, models.NewMember{Email: "rita@rival.test"})
			link, err := there.InviteMember(there.ctx, there.id, member(t, there, "rita@rival.test").ID)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := there.AcceptInvitationAs(there.ctx, link.Token, rival.admin.UserID); err != nil {
				t.Fatal(err)
			}
		}
		memberships, err := s.MembershipsOf(s.ctx, rival.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range memberships {
			names = append(names, m.Workspace.Name+" "+m.User.Email)
		}
		if diff := cmp.Diff([]string{"Rival rita@rival.test", "Third rita@rival.test", "Acme rita@rival.test"}, names); diff != "" {
			t.Errorf("memberships (-want +got):\n%s", diff)
		}
	})
}

// member returns the member of a workspace with an email.
func member(t *testing.T, s fixture, email string) *models.Member {
	t.Helper()
	page, err := s.Members(s.ctx, s.id, models.MemberFilter{Email: email}, models.Page{})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("members with the email %s = %d, error = %v; want 1", email, len(page.Items), err)
	}
	return &page.Items[0]
}

// TestMember checks IsAdmin, DisplayName, and Wire.
func TestMember(t *testing.T) {
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	for _, tt := range []struct {
		member  models.Member
		isAdmin bool
		state   models.MemberState
	}{
		{models.Member{Role: models.Admin}, true, models.MemberActive},
		{models.Member{Role: models.Viewer}, false, models.MemberActive},
		{models.Member{Role: models.Admin, Pending: true}, false, models.MemberPending},
		{models.Member{Role: models.Admin, DeactivatedAt: &at}, false, models.MemberDeactivated},
		{models.Member{Role: models.Admin, Pending: true, DeactivatedAt: &at}, false, models.MemberDeactivated},
	} {
		if tt.member.IsAdmin() != tt.isAdmin || tt.member.State() != tt.state {
			t.Errorf("IsAdmin() = %t, State() = %s; want %t and %s for %+v", tt.member.IsAdmin(), tt.member.State(), tt.isAdmin, tt.state, tt.member)
		}
	}
	grace := models.Member{ID: "mem_1", Role: models.Admin, User: models.User{Email: "grace@acme.test"}, DeactivatedAt: &at, CreatedAt: at}
	shown := grace.Wire()
	modelstest.Equal(t, "grace display name", grace.DisplayName(), "grace@acme.test")
	modelstest.Equal(t, "shown name", shown.Name, nil)
	modelstest.Equal(t, "shown email", shown.Email, "grace@acme.test")
	modelstest.Equal(t, "shown role", shown.Role, "admin")
	if shown.DeactivatedAt == nil {
		t.Error("shown deactivated at = nil, want a value")
	}
	grace.User.Name, grace.DeactivatedAt = "Grace", nil
	shown = grace.Wire()
	modelstest.Equal(t, "grace display name", grace.DisplayName(), "Grace")
	modelstest.Equal(t, "shown name", shown.Name, new("Grace"))
	modelstest.Equal(t, "shown deactivated at", shown.DeactivatedAt, nil)
}
