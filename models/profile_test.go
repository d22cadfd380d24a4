package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestChangeName(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantFields(t, s.ChangeName(s.ctx, s.admin.UserID, ""), "name")
		for range 2 { // the second call changes nothing
			if err := s.ChangeName(s.ctx, s.admin.UserID, "Ada Lovelace"); err != nil {
				t.Fatal(err)
			}
		}
		member, err := s.Member(t.Context(), s.id, s.admin.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name", member.Name(), "Ada Lovelace")
		wantEvents(t, s, s.id, s.admin.UserID, "user.renamed", 1)
	})
}

// confirmToken asks for a new email of the admin and returns the token of the link sent to it.
func (s fixture) confirmToken(t *testing.T, email string) string {
	t.Helper()
	if err := s.RequestEmailChange(s.ctx, s.admin.UserID, modelstest.Password, email); err != nil {
		t.Fatal(err)
	}
	return s.wantAccountEmail(t, models.ConfirmEmail, email).Link.Token
}

func TestChangeEmail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantKind(t, s.RequestEmailChange(s.ctx, s.admin.UserID, modelstest.Password, "ada@new.test"), models.FailedPrecondition)
		s.EnableEmail()
		for fields, err := range map[string]error{
			"password": s.RequestEmailChange(s.ctx, s.admin.UserID, "wrong", "ada@new.test"),
			"email":    s.RequestEmailChange(s.ctx, s.admin.UserID, modelstest.Password, "Ada@acme.test"),
		} {
			wantFields(t, err, fields)
		}
		reset, token := s.resetToken(t, "ada@acme.test"), s.confirmToken(t, "ada@new.test")
		signIn(t, s, ada) // the email stays the same for now
		stranger := newFixture(t, s.Store, "Rival", "rita@rival.test")
		wantKind(t, s.ConfirmEmailChange(s.ctx, token, stranger.admin.UserID), models.Forbidden)
		wantKind(t, s.ResetPassword(s.ctx, token, newPassword), models.NotFound)

		if err := s.ConfirmEmailChange(s.ctx, token, s.admin.UserID); err != nil {
			t.Fatal(err)
		}
		signIn(t, s, models.Credentials{Email: "ada@new.test", Password: modelstest.Password})
		notice := s.wantAccountEmail(t, models.EmailChangedEmail, "ada@acme.test")
		modelstest.Equal(t, "new email in the notice", notice.NewEmail, "ada@new.test")
		wantEvents(t, s, s.id, s.admin.UserID, "user.email_changed", 1)
		wantKind(t, s.ConfirmEmailChange(s.ctx, token, s.admin.UserID), models.NotFound)
		wantKind(t, s.ResetPassword(s.ctx, reset, newPassword), models.NotFound)
	})
}

// TestChangeEmailToOneInUse checks that only someone who proves that an email is theirs learns that it has
// an account, and that the account stays with its owner.
func TestChangeEmailToOneInUse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "grace@acme.test", models.Viewer)
		s.EnableEmail()
		token := s.confirmToken(t, "grace@acme.test")
		wantUnchanged(t, s.Store, func() {
			wantKind(t, s.ConfirmEmailChange(s.ctx, token, s.admin.UserID), models.FailedPrecondition)
		})
		signIn(t, s, ada)
		graceSignsIn(t, s)
	})
}

func TestOperatorChangesEmail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "grace@acme.test", models.Viewer)
		s.add(t, models.NewMember{Email: "pending@acme.test"})
		change := func(from, to string) error {
			_, err := s.ChangeEmailAsOperator(t.Context(), from, to)
			return err
		}
		wantKind(t, change("unknown@acme.test", "new@acme.test"), models.NotFound)
		wantKind(t, change("pending@acme.test", "new@acme.test"), models.FailedPrecondition)
		wantKind(t, change("ada@acme.test", "grace@acme.test"), models.FailedPrecondition)
		wantFields(t, change("ada@acme.test", "no email"), "email")
		if err := change("ada@acme.test", "ada@new.test"); err != nil {
			t.Fatal(err)
		}
		signIn(t, s, models.Credentials{Email: "ada@new.test", Password: modelstest.Password})
	})
}

func TestCorrectMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "grace@acme.test", models.Viewer)
		mistyped := s.add(t, models.NewMember{Email: "alan@amce.test", Name: "Alna"})
		link, err := s.InviteMember(s.ctx, s.id, mistyped.ID)
		if err != nil {
			t.Fatal(err)
		}
		correct := func(email, name string) error {
			_, err := s.CorrectMember(s.ctx, s.id, mistyped.ID, email, name)
			return err
		}
		wantUnchanged(t, s.Store, func() {
			wantFields(t, correct("no email", ""), "email")
			wantFields(t, correct("grace@acme.test", ""), "email")
		})
		s.EnableEmail()
		if err := correct("alan@acme.test", "Alan"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Invitation(t.Context(), link.Token)
		wantKind(t, err, models.NotFound)
		email := s.wantInvitation(t, "after the correction")
		modelstest.Equal(t, "recipient", email.To, "alan@acme.test")
		modelstest.Equal(t, "member", email.Member.ID, mistyped.ID)
		modelstest.Equal(t, "name", email.Member.Name(), "Alan")
		wantEvents(t, s, s.id, mistyped.ID, "member.corrected", 1)
		wantCount(t, s.Store, "users", 3) // the mistyped one is gone

		joined, err := s.AcceptInvitation(t.Context(), email.Invitation.Token, "Alan", newPassword)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "member who joined", joined.ID, mistyped.ID)
		wantKind(t, correct("someone@else.test", ""), models.FailedPrecondition)
	})
}
