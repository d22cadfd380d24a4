package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const newPassword = "nine patient gardeners"

// wantAccountEmail claims the next email and fails unless it is about an account, to the recipient.
func (s fixture) wantAccountEmail(t *testing.T, kind models.AccountEmailKind, to string) *models.Email {
	t.Helper()
	email := s.claimEmail(t)
	if email == nil || email.Kind != kind || email.To != to {
		t.Fatalf("email = %+v, want one of kind %s to %s", email, kind, to)
	}
	s.finishEmail(t, email, "")
	return email
}

// resetToken requests a reset email and returns the token of its link.
func (s fixture) resetToken(t *testing.T, to string) string {
	t.Helper()
	if err := s.RequestPasswordReset(from(t, "203.0.113.5"), to); err != nil {
		t.Fatal(err)
	}
	return s.wantAccountEmail(t, models.ResetEmail, to).Link.Token
}

func TestResetPassword(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Rival", "rita@rival.test")
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		there := other.alsoIn(t, other.id, grace, models.Viewer)
		s.EnableEmail()
		in := graceSignsIn(t, s)
		first := s.resetToken(t, "grace@acme.test")
		s.Clock.Advance(10 * time.Minute)
		second := s.resetToken(t, "grace@acme.test")
		wantFields(t, s.ResetPassword(s.ctx, second, "short"), "password")
		wantLiving(t, s, in.SessionID)

		if err := s.ResetPassword(from(t, "203.0.113.5"), second, newPassword); err != nil {
			t.Fatal(err)
		}
		wantOver(t, s, in.SessionID)
		wantCount(t, s.Store, "account_links", 0)
		for _, used := range []string{first, second} {
			wantKind(t, s.ResetPassword(s.ctx, used, "yet another long passphrase"), models.NotFound)
		}
		if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: "grace@acme.test", Password: "a long enough passphrase"}); err == nil {
			t.Error("signed in with the old password")
		}
		signIn(t, s, models.Credentials{Email: "grace@acme.test", Password: newPassword})
		s.wantAccountEmail(t, models.PasswordChangedEmail, "grace@acme.test")
		for workspaceID, actor := range map[string]string{s.id: grace.ID, other.id: there.ID} {
			wantEvents(t, s, workspaceID, grace.UserID, "user.password_reset", 1)
			events, err := s.AuditEventsOf(t.Context(), workspaceID, grace.UserID, 2)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "actor", *events[1].ActorID, actor)
			modelstest.Equal(t, "address", events[1].Address, "203.0.113.5")
		}
		user, err := s.User(t.Context(), grace.UserID)
		if err != nil || user.VerifiedAt == nil {
			t.Errorf("user = %+v, error = %v, want the email verified", user, err)
		}
	})
}

// TestResetRemovesPasskeysOfAStranger resets the password of an account that someone may have created with a copied
// link, and that of the same account once its email is verified.
func TestResetRemovesPasskeysOfAStranger(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		reset := func() {
			t.Helper()
			s.AddPasskeyOf(t, grace.UserID, "Laptop")
			s.AddSecondFactor(t, grace.UserID)
			s.Exec(t, "DELETE FROM account_emails")
			s.Clock.Advance(10 * time.Minute)
			if err := s.ResetPassword(s.ctx, s.resetToken(t, "grace@acme.test"), newPassword); err != nil {
				t.Fatal(err)
			}
		}
		reset()
		for _, table := range []string{"passkeys", "second_factors", "recovery_codes"} {
			wantCount(t, s.Store, table, 0)
		}
		signIn(t, s, models.Credentials{Email: "grace@acme.test", Password: newPassword})
		s.wantAccountEmail(t, models.SecondFactorRemovedEmail, "grace@acme.test")
		wantEvents(t, s, s.id, grace.UserID, "user.second_factor_removed", 1)
		reset()
		for table, count := range map[string]int64{"passkeys": 1, "second_factors": 1, "recovery_codes": 10} {
			wantCount(t, s.Store, table, count)
		}
	})
}

func TestResetLinkExpires(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		token := s.resetToken(t, "ada@acme.test")
		s.Clock.Advance(models.AccountLinkLife - time.Millisecond)
		if _, err := s.ResetLink(t.Context(), token); err != nil {
			t.Errorf("link before it expires: %v", err)
		}
		s.Clock.Advance(time.Millisecond)
		wantKind(t, s.ResetPassword(s.ctx, token, newPassword), models.NotFound)
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "account_links", 0)
	})
}

// TestResetLinksWorkOnce uses two links of a person concurrently, each of them twice.
func TestResetLinksWorkOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		first := s.resetToken(t, "ada@acme.test")
		s.Clock.Advance(10 * time.Minute)
		tokens := []string{first, s.resetToken(t, "ada@acme.test")}
		errs := atOnce(4, func(i int) error { return s.ResetPassword(t.Context(), tokens[i%2], newPassword) })
		wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.NotFound) })
		wantEvents(t, s, s.id, s.admin.UserID, "user.password_reset", 1)
	})
}

// TestPasswordChangeEndsResetLinks checks that links that someone else may have asked for stop working, and
// that the owner learns of the change.
func TestPasswordChangeEndsResetLinks(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		token := s.resetToken(t, "ada@acme.test")
		if err := s.changePassword("", modelstest.Password, newPassword); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.ResetPassword(s.ctx, token, "yet another long passphrase"), models.NotFound)
		s.wantAccountEmail(t, models.PasswordChangedEmail, "ada@acme.test")
	})
}

// TestResetEmailNeedsAccount requests links for people who can't use one. None gets an email, and the
// requests don't differ.
func TestResetEmailNeedsAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.add(t, models.NewMember{Email: "pending@acme.test"})
		s.EnableEmail()
		for _, email := range []string{"pending@acme.test", "unknown@acme.test"} {
			if err := s.RequestPasswordReset(s.ctx, email); err != nil {
				t.Errorf("%s: %v", email, err)
			}
			s.wantNoEmail(t, email)
		}
		wantCount(t, s.Store, "account_emails", 0)
		wantCount(t, s.Store, "account_links", 0)
		wantFields(t, s.RequestPasswordReset(s.ctx, "no email"), "email")
	})
}

// TestResetEmailsAreLimited checks the limits of a recipient, which no one can observe, and those of an IP
// address.
func TestResetEmailsAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		sent := 0
		for i := range 24 * 60 / 5 { // every 5 minutes, each time from another network
			if err := s.RequestPasswordReset(from(t, fmt.Sprintf("10.%d.%d.1", i/256, i%256)), "ada@acme.test"); err != nil {
				t.Fatal(err)
			}
			if email := s.claimEmail(t); email != nil {
				s.finishEmail(t, email, "")
				sent++
			}
			if i == 5 {
				modelstest.Equal(t, "emails in half an hour", sent, 3)
			}
			s.Clock.Advance(5 * time.Minute)
		}
		modelstest.Equal(t, "emails in a day", sent, 10)

		for range 20 {
			if err := s.RequestPasswordReset(from(t, "203.0.113.5"), "unknown@acme.test"); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the attempt that begins the wait, and one that comes too early
			err := s.RequestPasswordReset(from(t, "203.0.113.5"), "unknown@acme.test")
			if err != nil {
				wantKind(t, err, models.RateLimited)
				return
			}
		}
		t.Error("22 requests at once weren't limited")
	})
}

func TestAdminCreatesResetLink(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		in := graceSignsIn(t, s)
		create := func(member *models.Member) (string, error) {
			link, err := s.CreateResetLink(s.ctx, s.admin.UserID, s.id, member.ID)
			if err != nil {
				return "", err
			}
			return link.Token, nil
		}
		replaced, err := create(grace)
		if err != nil {
			t.Fatal(err)
		}
		token, err := create(grace)
		if err != nil {
			t.Fatal(err)
		}
		wantEvents(t, s, s.id, grace.UserID, "user.reset_link_created", 2)
		wantKind(t, s.ResetPassword(t.Context(), replaced, newPassword), models.NotFound)
		if err := s.ResetPassword(t.Context(), token, newPassword); err != nil {
			t.Fatal(err)
		}
		wantOver(t, s, in.SessionID)
		user, err := s.User(t.Context(), grace.UserID)
		if err != nil || user.VerifiedAt != nil {
			t.Errorf("user = %+v, error = %v: a copied link proves no email", user, err)
		}

		_, err = create(s.admin) // for themselves
		wantKind(t, err, models.FailedPrecondition)
		_, err = create(s.add(t, models.NewMember{Email: "pending@acme.test"}))
		wantKind(t, err, models.Forbidden)
		s.EnableEmail()
		_, err = create(grace)
		wantKind(t, err, models.FailedPrecondition)
	})
}

// TestResetLinkGivesNoAccessToOtherWorkspaces checks that the admin of one workspace can't take over an
// account that belongs to another one too: neither create a link, nor use one created before.
func TestResetLinkGivesNoAccessToOtherWorkspaces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		link, err := s.CreateResetLink(s.ctx, s.admin.UserID, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		rival.alsoIn(t, rival.id, grace, models.Viewer)
		wantKind(t, s.ResetPassword(t.Context(), link.Token, newPassword), models.NotFound)
		_, err = s.CreateResetLink(s.ctx, s.admin.UserID, s.id, grace.ID)
		wantKind(t, err, models.Forbidden)
		if may, err := s.MayCreateResetLink(t.Context(), s.admin.UserID, grace); may || err != nil {
			t.Errorf("may create a link = %t, error = %v, want false", may, err)
		}
		graceSignsIn(t, s)

		operators, err := s.CreateResetLinkAsOperator(t.Context(), "grace@acme.test")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ResetPassword(t.Context(), operators.Token, newPassword); err != nil {
			t.Errorf("use the operator's link: %v", err)
		}
	})
}

// TestRepeatedNoticesAreSentLater checks that notices beyond the limit aren't dropped.
func TestRepeatedNoticesAreSentLater(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		passwords := []string{modelstest.Password, newPassword}
		for i := range 11 {
			if err := s.changePassword("", passwords[i%2], passwords[(i+1)%2]); err != nil {
				t.Fatal(err)
			}
		}
		var sent []int
		for range 3 {
			count := 0
			for range 11 {
				if email := s.claimEmail(t); email != nil {
					s.finishEmail(t, email, "")
					count++
				}
			}
			sent = append(sent, count)
			s.Clock.Advance(24 * time.Hour)
		}
		if diff := cmp.Diff([]int{10, 1, 0}, sent); diff != "" {
			t.Errorf("notices by day (-want +got):\n%s", diff)
		}
	})
}
