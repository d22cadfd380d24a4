package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func (s fixture) add(t *testing.T, n models.NewMember) *models.Member {
	t.Helper()
	member, err := s.Store.Store.AddMember(s.ctx, s.id, n)
	if err != nil {
		t.Fatalf("add %s: %v", n.Email, err)
	}
	return member
}

// joined adds a person who has set a password.
func (s fixture) joined(t *testing.T, email string, role models.Role) *models.Member {
	t.Helper()
	member := s.add(t, models.NewMember{Email: email, Role: role})
	invited, err := s.InviteMember(s.ctx, s.id, member.ID)
	if err != nil {
		t.Fatal(err)
	}
	member, err = s.AcceptInvitation(s.ctx, invited.Token, "Person "+email, "a long enough passphrase")
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// events lists the types of the events of the workspace, the oldest first.
func (s fixture) events(t *testing.T) []string {
	t.Helper()
	var types []string
	if err := s.DB().Model(&models.Event{}).Where("workspace_id = ?", s.id).Order("id").Pluck("type", &types).Error; err != nil {
		t.Fatal(err)
	}
	return types
}

func TestAddMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "Grace@Acme.Test", Name: "Grace"})
		modelstest.Equal(t, "role", grace.Role, models.Viewer)
		modelstest.Equal(t, "user email", grace.User.Email, "grace@acme.test")
		modelstest.Equal(t, "pending", grace.Pending, true)
		_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "grace@acme.test"})
		wantFields(t, err, "email")

		newFixture(t, s.Store, "Rival", "rita@rival.test")
		rita := s.add(t, models.NewMember{Email: "rita@rival.test", Name: "Another name", Role: models.Admin})
		modelstest.Equal(t, "pending", rita.Pending, true)
		modelstest.Equal(t, "name", rita.Name(), "Another name")
		modelstest.Equal(t, "role", rita.Role, models.Admin)
		if diff := cmp.Diff([]string{"member.added", "member.added", "member.added"}, s.events(t)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAddMemberRejectsInvalidValues(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for want, n := range map[string]models.NewMember{
			"email": {Email: "no address"},
			"name":  {Email: "a@acme.test", Name: strings.Repeat("x", 101)},
			"role":  {Email: "a@acme.test", Role: "owner"},
		} {
			wantUnchanged(t, s.Store, func() {
				_, err := s.Store.Store.AddMember(s.ctx, s.id, n)
				wantFields(t, err, want)
			})
		}
	})
}

func TestConcurrentAddsOfOnePerson(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		errs := atOnce(16, func(int) error {
			_, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "grace@acme.test"})
			return err
		})
		wantOneWinner(t, errs, func(err error) bool {
			return models.IsKind(err, models.Invalid) || models.IsKind(err, models.FailedPrecondition)
		})
	})
}

func TestDeactivateMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		in, err := s.SignIn(s.ctx, "", models.Credentials{Email: "grace@acme.test", Password: "a long enough passphrase"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AssignSeat(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		out, err := s.DeactivateMember(s.ctx, s.id, grace.ID)
		if err != nil || out.DeactivatedAt == nil {
			t.Fatalf("deactivated member = %+v, error = %v", out, err)
		}
		_, err = s.Session(s.ctx, in.SessionID)
		wantKind(t, err, models.NotFound)
		if usage, err := s.SeatUsage(s.ctx, s.id); err != nil || usage.Used != 0 {
			t.Errorf("used seats = %d, error = %v; want 0", usage.Used, err)
		}
		_, err = s.DeactivateMember(s.ctx, s.id, grace.ID)
		wantKind(t, err, models.FailedPrecondition)
		want := []string{"member.added", "member.added", "seat.assigned", "seat.released", "member.deactivated"}
		if diff := cmp.Diff(want, s.events(t)); diff != "" {
			t.Error(diff)
		}

		back, err := s.ReactivateMember(s.ctx, s.id, grace.ID)
		if err != nil || back.DeactivatedAt != nil {
			t.Fatalf("reactivated member = %+v, error = %v", back, err)
		}
		_, err = s.ReactivateMember(s.ctx, s.id, grace.ID)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestDeactivationKeepsSessionsInOtherWorkspaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		rita := s.add(t, models.NewMember{Email: "rita@rival.test"})
		here, _, err := s.CreateSession(s.ctx, rita.UserID, s.id)
		if err != nil {
			t.Fatal(err)
		}
		there, _, err := s.CreateSession(s.ctx, rita.UserID, elsewhere.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeactivateMember(s.ctx, s.id, rita.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.Session(s.ctx, here)
		wantKind(t, err, models.NotFound)
		if _, err := s.Session(s.ctx, there); err != nil {
			t.Errorf("session in the other workspace: %v", err)
		}
	})
}

func TestAddMemberReactivates(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		back := s.add(t, models.NewMember{Email: "grace@acme.test"})
		modelstest.Equal(t, "ID", back.ID, grace.ID)
		modelstest.Equal(t, "deactivated at", back.DeactivatedAt, nil)
		modelstest.Equal(t, "role", back.Role, models.Viewer)
		modelstest.Equal(t, "pending", back.Pending, false)
	})
}

// TestLastAdminStays covers concurrent changes.
func TestLastAdminStays(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.add(t, models.NewMember{Email: "pending@acme.test", Role: models.Admin})
		_, err := s.DeactivateMember(s.ctx, s.id, s.admin.ID)
		wantKind(t, err, models.FailedPrecondition)
		_, err = s.ChangeMemberRole(s.ctx, s.id, s.admin.ID, models.Viewer)
		wantKind(t, err, models.FailedPrecondition)

		grace := s.joined(t, "grace@acme.test", models.Admin)
		admins := []string{s.admin.ID, grace.ID}
		errs := atOnce(2, func(i int) error {
			_, err := s.DeactivateMember(s.ctx, s.id, admins[i])
			return err
		})
		wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.FailedPrecondition) })
	})
}

func TestChangeMemberRole(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		_, err := s.ChangeMemberRole(s.ctx, s.id, grace.ID, "owner")
		wantFields(t, err, "role")
		if made, err := s.ChangeMemberRole(s.ctx, s.id, grace.ID, models.Admin); err != nil || !made.IsAdmin() {
			t.Errorf("member = %+v, error = %v; want an admin", made, err)
		}
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		_, err = s.ChangeMemberRole(elsewhere.ctx, elsewhere.id, grace.ID, models.Viewer)
		wantKind(t, err, models.NotFound)
	})
}

func TestMembersFilter(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.add(t, models.NewMember{Email: "grace@acme.test", Name: "Grace H. (Ärztin)"})
		s.add(t, models.NewMember{Email: "alan@acme.test", Name: "Alan", Role: models.Admin})
		gone := s.add(t, models.NewMember{Email: "gone@acme.test"})
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		newFixture(t, s.Store, "Rival", "rita@rival.test")
		for _, tt := range []struct {
			filter models.MemberFilter
			want   string
		}{
			{models.MemberFilter{}, "alan grace ada"},
			{models.MemberFilter{Email: "Grace@ACME.test"}, "grace"},
			{models.MemberFilter{Email: "grac_@acme.test"}, ""},
			{models.MemberFilter{Email: "gone@acme.test"}, ""},
			{models.MemberFilter{Role: models.Admin}, "alan ada"},
			{models.MemberFilter{Role: models.Viewer}, "grace"},
			{models.MemberFilter{Search: "GRACE h"}, "grace"},
			{models.MemberFilter{Search: "@ACME"}, "alan grace ada"},
			{models.MemberFilter{Search: "ÄRZTIN"}, "grace"},
			{models.MemberFilter{Search: "%"}, ""},
			{models.MemberFilter{Search: "\x00\xff"}, ""},
			{models.MemberFilter{Search: strings.Repeat("x", 100_000)}, ""},
			{models.MemberFilter{Deactivated: true}, "gone"},
		} {
			page, err := s.Members(s.ctx, s.id, tt.filter, models.Page{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range page.Items {
				got = append(got, strings.TrimSuffix(m.User.Email, "@acme.test"))
			}
			if joined := strings.Join(got, " "); joined != tt.want {
				t.Errorf("%+v: %q, want %q", tt.filter, joined, tt.want)
			}
		}
		_, err := s.Members(s.ctx, s.id, models.MemberFilter{Email: "nobody", Role: "owner"}, models.Page{})
		wantFields(t, err, "email", "role")
		first, err := s.Members(s.ctx, s.id, models.MemberFilter{}, models.Page{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, filter := range []models.MemberFilter{{Email: "ada@acme.test"}, {Role: models.Admin}, {Search: "a"}, {Deactivated: true}} {
			_, err := s.Members(s.ctx, s.id, filter, models.Page{Cursor: first.NextCursor})
			wantFields(t, err, "cursor")
		}
		counts, err := s.MemberCounts(s.ctx, s.id)
		if diff := cmp.Diff(models.MemberCounts{Active: 3, Pending: 2, Deactivated: 1}, counts); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

func TestInvitation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: "grace@acme.test", Password: ""}); err == nil {
			t.Error("SignIn with an empty password succeeded before the invitation was accepted")
		}
		first, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.AcceptInvitation(s.ctx, first.Token, "Grace", "a long enough passphrase")
		wantKind(t, err, models.NotFound)
		_, err = s.AcceptInvitation(s.ctx, second.Token, "", "short")
		wantFields(t, err, "name", "password")

		errs := atOnce(8, func(int) error {
			_, err := s.AcceptInvitation(s.ctx, second.Token, "Grace", "a long enough passphrase")
			return err
		})
		wantOneWinner(t, errs, isNotFound)
		if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: "grace@acme.test", Password: "a long enough passphrase"}); err != nil {
			t.Errorf("sign in with the new password: %v", err)
		}
		_, err = s.InviteMember(s.ctx, s.id, grace.ID)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestInvitationStopsWorking(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		invited, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(models.InvitationLife - time.Millisecond)
		if _, err := s.Invitation(s.ctx, invited.Token); err != nil {
			t.Errorf("invitation a millisecond before it expires: %v", err)
		}
		s.Clock.Advance(time.Millisecond)
		_, err = s.Invitation(s.ctx, invited.Token)
		wantKind(t, err, models.NotFound)

		again, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.Invitation(s.ctx, again.Token)
		wantKind(t, err, models.NotFound)
		_, err = s.InviteMember(s.ctx, s.id, grace.ID)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestConcurrentSeatsStayWithinCapacity(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		const people, capacity = 64, 7
		ids := make([]string, people)
		for i := range ids {
			ids[i] = s.add(t, models.NewMember{Email: fmt.Sprintf("p%d@acme.test", i)}).ID
		}
		if _, err := s.SetSeatCapacity(s.ctx, s.id, capacity); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, err := range atOnce(people, func(i int) error {
			_, err := s.AssignSeat(s.ctx, s.id, ids[i])
			return err
		}) {
			if err == nil {
				got++
			} else if !models.IsKind(err, models.FailedPrecondition) {
				t.Errorf("assign seat: %v, want nil or FailedPrecondition", err)
			}
		}
		usage, err := s.SeatUsage(s.ctx, s.id)
		diff := cmp.Diff(models.SeatUsage{Capacity: capacity, Used: capacity}, usage)
		if diff != "" {
			t.Errorf("usage (-want +got):\n%s", diff)
		}
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "assigned seats", got, capacity)
		_, err = s.SetSeatCapacity(s.ctx, s.id, capacity-1)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestSeatRejections(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		seat, err := s.AssignSeat(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		wantUnchanged(t, s.Store, func() {
			_, err := s.AssignSeat(s.ctx, s.id, grace.ID)
			wantKind(t, err, models.FailedPrecondition)
			_, err = s.AssignSeat(s.ctx, s.id, elsewhere.admin.ID)
			wantFields(t, err, "member_id")
			_, err = s.AssignSeat(s.ctx, s.id, "")
			wantFields(t, err, "member_id")
			wantKind(t, s.ReleaseSeat(s.ctx, elsewhere.id, seat.ID), models.NotFound)
			for _, capacity := range []int{-1, models.MaxSeatCapacity + 1} {
				_, err = s.SetSeatCapacity(s.ctx, s.id, capacity)
				wantFields(t, err, "capacity")
			}
		})
		if err := s.ReleaseSeat(s.ctx, s.id, seat.ID); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.ReleaseSeat(s.ctx, s.id, seat.ID), models.NotFound)
		if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.AssignSeat(s.ctx, s.id, grace.ID)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestDeactivationWhileSeatIsReleased(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 30 {
			grace := s.add(t, models.NewMember{Email: fmt.Sprintf("grace%d@acme.test", i)})
			seat, err := s.AssignSeat(s.ctx, s.id, grace.ID)
			if err != nil {
				t.Fatal(err)
			}
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return s.ReleaseSeat(s.ctx, s.id, seat.ID)
				}
				return errOf(s.DeactivateMember(s.ctx, s.id, grace.ID))
			})
			if errs[1] != nil || errs[0] != nil && !isNotFound(errs[0]) {
				t.Fatalf("release: %v; deactivate: %v", errs[0], errs[1])
			}
		}
	})
}

func TestDeactivationWhileMemberJoins(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 30 {
			grace := s.add(t, models.NewMember{Email: fmt.Sprintf("grace%d@acme.test", i)})
			invited, err := s.InviteMember(s.ctx, s.id, grace.ID)
			if err != nil {
				t.Fatal(err)
			}
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return errOf(s.AcceptInvitation(s.ctx, invited.Token, "Grace", "a long enough passphrase"))
				}
				return errOf(s.DeactivateMember(s.ctx, s.id, grace.ID))
			})
			now, err := s.Member(s.ctx, s.id, grace.ID)
			if err != nil {
				t.Fatal(err)
			}
			events := eventsOf(t, s, grace.ID)
			last := events[0].Action
			if errs[1] != nil {
				t.Fatalf("deactivate: %v", errs[1])
			}
			modelstest.Equal(t, "last event", last, "member.deactivated")
			modelstest.Equal(t, "now pending", now.Pending, isNotFound(errs[0]))
		}
	})
}

func TestDeactivationWhileMemberIsInvited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i := range 30 {
			grace := s.add(t, models.NewMember{Email: fmt.Sprintf("grace%d@acme.test", i)})
			var invited *models.Invitation
			errs := atOnce(2, func(i int) (err error) {
				if i == 0 {
					invited, err = s.InviteMember(s.ctx, s.id, grace.ID)
					return err
				}
				return errOf(s.DeactivateMember(s.ctx, s.id, grace.ID))
			})
			if errs[1] != nil || errs[0] != nil && !models.IsKind(errs[0], models.FailedPrecondition) {
				t.Fatalf("invite: %v; deactivate: %v", errs[0], errs[1])
			}
			if errs[0] == nil {
				wantKind(t, errOf(s.Invitation(s.ctx, invited.Token)), models.NotFound)
			}
		}
	})
}
