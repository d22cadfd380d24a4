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

func (s fixture) memberList(t *testing.T, filter models.MemberListFilter) models.MemberList {
	t.Helper()
	filter.PageNumber, filter.PageSize = max(filter.PageNumber, 1), max(filter.PageSize, 50)
	list, err := s.MemberList(s.ctx, s.id, filter)
	if err != nil {
		t.Fatalf("member list %+v: %v", filter, err)
	}
	return list
}

func TestMemberList(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		s.add(t, models.NewMember{Email: "alan@acme.test", Name: "Alan T. Öz", Role: models.Admin})
		gone := s.joined(t, "gone@acme.test", models.Viewer)
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AssignSeat(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		newFixture(t, s.Store, "Rival", "rita@rival.test")
		for _, tt := range []struct {
			filter models.MemberListFilter
			want   string
		}{
			{models.MemberListFilter{}, "alan grace ada"},
			{models.MemberListFilter{State: models.MemberActive}, "grace ada"},
			{models.MemberListFilter{State: models.MemberPending}, "alan"},
			{models.MemberListFilter{State: models.MemberDeactivated}, "gone"},
			{models.MemberListFilter{State: "nonsense"}, "alan grace ada"},
			{models.MemberListFilter{Role: models.Admin}, "alan ada"},
			{models.MemberListFilter{Role: "owner\x00"}, ""},
			{models.MemberListFilter{Search: "ALAN t"}, "alan"},
			{models.MemberListFilter{Search: "Acme.Test", State: models.MemberDeactivated}, "gone"},
			{models.MemberListFilter{Search: "@ACME"}, "alan grace ada"},
			{models.MemberListFilter{Search: "T. ÖZ"}, "alan"},
			{models.MemberListFilter{Search: "%"}, ""},
			{models.MemberListFilter{Search: "\x00\xff"}, ""},
			{models.MemberListFilter{Search: strings.Repeat("x", 100_000)}, ""},
			{models.MemberListFilter{PageNumber: 2, PageSize: 50}, ""},
			{models.MemberListFilter{Search: strings.Repeat("é", 2000)}, ""},
			{models.MemberListFilter{PageNumber: 1 << 60}, ""},
		} {
			list := s.memberList(t, tt.filter)
			var got []string
			for _, m := range list.Members {
				got = append(got, strings.TrimSuffix(m.User.Email, "@acme.test"))
				if m.HasSeat != (m.ID == grace.ID) {
					t.Errorf("HasSeat of %s = %t, want %t", m.User.Email, m.HasSeat, m.ID == grace.ID)
				}
			}
			if joined := strings.Join(got, " "); joined != tt.want {
				t.Errorf("%+v: %q, want %q", tt.filter, joined, tt.want)
			}
			if diff := cmp.Diff(models.MemberCounts{Active: 3, Pending: 1, Deactivated: 1}, list.Counts); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestMemberListWithoutPageSize(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		list, err := s.MemberList(s.ctx, s.id, models.MemberListFilter{PageNumber: 1})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "matching", list.Matching, 1)
		modelstest.Equal(t, "members", len(list.Members), 0)
	})
}

func TestInvitationStatus(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		want := func(step string, want *models.InvitationStatus) {
			t.Helper()
			member, err := s.ListedMember(s.ctx, s.id, grace.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, member.Invitation); diff != "" {
				t.Errorf("%s: invitation status (-want +got):\n%s", step, diff)
			}
		}
		finish := func(failure models.EmailFailure) {
			t.Helper()
			s.finishEmail(t, s.wantInvitation(t, "next"), failure)
		}
		want("added without a mail server", nil)
		created, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		want("link created", &models.InvitationStatus{ExpiresAt: created.ExpiresAt})

		s.EnableEmail()
		if err := s.EmailInvitation(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		want("waiting to be sent", &models.InvitationStatus{ExpiresAt: created.ExpiresAt, Emailing: true})
		finish(models.EmailUnreachable)
		want("server unreachable", &models.InvitationStatus{ExpiresAt: created.ExpiresAt, Emailing: true, Failure: models.EmailUnreachable})
		s.Clock.Advance(time.Minute)
		finish(models.EmailRejected)
		want("rejected", &models.InvitationStatus{ExpiresAt: created.ExpiresAt, Failure: models.EmailRejected})
		s.Clock.Advance(24 * time.Hour)
		s.wantNoEmail(t, "after it was rejected")

		if err := s.EmailInvitation(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		finish("")
		now := s.Now()
		want("sent", &models.InvitationStatus{ExpiresAt: now.Add(models.InvitationLife), EmailedAt: &now})
		s.Clock.Advance(models.InvitationLife)
		want("expired", nil)
	})
}

func TestAcceptInvitationAs(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		rita := s.add(t, models.NewMember{Email: "rita@rival.test", Role: models.Admin})
		next := s.wantInvitation(t, "after adding a person with an account").Invitation
		if got := next.Member.ID; got != rita.ID {
			t.Fatalf("recipient = %s, want %s", got, rita.ID)
		}
		if next.NeedsAccount() {
			t.Error("NeedsAccount() = true, want false")
		}
		wantUnchanged(t, s.Store, func() {
			_, err := s.AcceptInvitation(s.ctx, next.Token, "Eve", "a long enough passphrase")
			wantKind(t, err, models.NotFound)
			_, err = s.AcceptInvitationAs(s.ctx, next.Token, s.admin.UserID)
			wantKind(t, err, models.Forbidden)
		})
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		link, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.AcceptInvitationAs(s.ctx, link.Token, grace.UserID)
		wantKind(t, err, models.Forbidden) // without a password no one is signed in
		if memberships, err := s.MembershipsOf(s.ctx, rita.UserID); err != nil || len(memberships) != 1 {
			t.Errorf("memberships before accepting = %d, error = %v; want 1", len(memberships), err)
		}
		errs := atOnce(4, func(int) error {
			_, err := s.AcceptInvitationAs(s.ctx, next.Token, elsewhere.admin.UserID)
			return err
		})
		wantOneWinner(t, errs, isNotFound)
		var left int64
		if err := s.DB().Table("invitations").Where("member_id = ?", rita.ID).Count(&left).Error; err != nil || left != 0 {
			t.Errorf("invitations after accepting = %d, error = %v; want 0", left, err)
		}
		if memberships, err := s.MembershipsOf(s.ctx, rita.UserID); err != nil || len(memberships) != 2 {
			t.Errorf("memberships after accepting = %d, error = %v; want 2", len(memberships), err)
		}
	})
}

// TestInvitationLinkGrantsOneWorkspace checks that someone who sets a person's password with the
// link of one workspace can't join another.
func TestInvitationLinkGrantsOneWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		before := s.add(t, models.NewMember{Email: "grace@acme.test", Role: models.Admin})
		link, err := s.InviteMember(s.ctx, s.id, before.ID)
		if err != nil {
			t.Fatal(err)
		}
		there := rival.joined(t, "grace@acme.test", models.Viewer)
		memberships, err := s.MembershipsOf(s.ctx, there.UserID)
		if err != nil {
			t.Fatal(err)
		}
		if len(memberships) != 1 {
			t.Fatalf("memberships = %+v, want 1", memberships)
		}
		modelstest.Equal(t, "memberships[0] workspace ID", memberships[0].WorkspaceID, rival.id)
		third := newFixture(t, s.Store, "Third", "tess@third.test")
		if after := third.add(t, models.NewMember{Email: "grace@acme.test"}); !after.Pending {
			t.Error("a member added later is not pending")
		}
		if _, err := s.Invitation(s.ctx, link.Token); err != nil {
			t.Errorf("invitation to the other workspace: %v", err)
		}
		_, err = s.DeactivateMember(s.ctx, s.id, s.admin.ID)
		wantKind(t, err, models.FailedPrecondition) // an admin who has not joined does not count
	})
}

// TestInvitationOfDeactivatedMember also covers an invitation created at the same time.
func TestInvitationOfDeactivatedMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		invited, err := s.InviteMember(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE id = $1", grace.ID)
		_, err = s.AcceptInvitation(s.ctx, invited.Token, "Grace", "a long enough passphrase")
		wantKind(t, err, models.NotFound)
	})
}

func TestSeatList(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		if _, err := s.AssignSeat(elsewhere.ctx, elsewhere.id, elsewhere.admin.ID); err != nil {
			t.Fatal(err)
		}
		var last *models.Seat
		for i := range 5 {
			member := s.add(t, models.NewMember{Email: fmt.Sprintf("p%d@acme.test", i)})
			var err error
			if last, err = s.AssignSeat(s.ctx, s.id, member.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			filter models.SeatListFilter
			want   string
			total  int64
		}{
			{models.SeatListFilter{PageNumber: 1, PageSize: 3}, "p4 p3 p2", 5},
			{models.SeatListFilter{PageNumber: 2, PageSize: 3}, "p1 p0", 5},
			{models.SeatListFilter{PageNumber: 1, PageSize: 3, Search: "P3@"}, "p3", 1},
			{models.SeatListFilter{PageNumber: 1, PageSize: 3, Search: "rita"}, "", 0},
			{models.SeatListFilter{PageNumber: 1 << 60, PageSize: 3}, "", 5},
		} {
			list, err := s.SeatList(s.ctx, s.id, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, seat := range list.Seats {
				got = append(got, strings.TrimSuffix(seat.Member.User.Email, "@acme.test"))
			}
			joined := strings.Join(got, " ")
			modelstest.Equal(t, "seats", joined, tt.want)
			modelstest.Equal(t, "list matching", list.Matching, tt.total)
			modelstest.Equal(t, "list usage", list.Usage, models.SeatUsage{Capacity: 10, Used: 5})
		}
		if seat, err := s.Seat(s.ctx, s.id, last.ID); err != nil || seat.Member.User.Email != "p4@acme.test" {
			t.Errorf("seat = %+v, error = %v", seat, err)
		}
		_, err := s.Seat(s.ctx, elsewhere.id, last.ID)
		wantKind(t, err, models.NotFound)
	})
}

func TestMembersWithoutSeat(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		seated := s.add(t, models.NewMember{Email: "seated@acme.test"})
		gone := s.add(t, models.NewMember{Email: "gone@acme.test"})
		bob := s.add(t, models.NewMember{Email: "x@acme.test", Name: "Bob"})
		if _, err := s.AssignSeat(s.ctx, s.id, seated.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			search, selected string
			limit            int
			want             string
			total            int64
		}{
			{"", "", 9, "Ada Admin, Bob", 2}, {"", "", 1, "Ada Admin", 2}, {"bO", "", 9, "Bob", 1}, {"rita", "", 9, "", 0}, {"seated", "", 9, "", 0},
			{"", bob.ID, 1, "Bob", 2}, {"bob", s.admin.ID, 9, "Ada Admin, Bob", 2}, {"bob", seated.ID, 9, "Bob", 1}, {"", "\x00", 9, "Ada Admin, Bob", 2},
		} {
			members, total, err := s.MembersWithoutSeat(s.ctx, s.id, tt.search, tt.selected, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range members {
				got = append(got, m.DisplayName())
			}
			if joined := strings.Join(got, ", "); joined != tt.want || total != tt.total {
				t.Errorf("%q with %q: %q of %d, want %q of %d", tt.search, tt.selected, joined, total, tt.want, tt.total)
			}
		}
		if members, _, err := s.MembersWithoutSeat(elsewhere.ctx, elsewhere.id, "", s.admin.ID, 9); err != nil || len(members) != 1 {
			t.Errorf("members of the other workspace = %+v, error = %v; want 1", members, err)
		}
	})
}
