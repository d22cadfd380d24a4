package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// claimEmail returns the next email. It drops those with notifications and about new devices, which have tests of their
// own.
func (s fixture) claimEmail(t *testing.T) *models.Email {
	t.Helper()
	for {
		email, err := s.ClaimEmail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if email == nil || email.Notifications == nil && email.Kind != models.NewDeviceEmail {
			return email
		}
		s.finishEmail(t, email, "")
	}
}

func (s fixture) wantNoEmail(t *testing.T, step string) {
	t.Helper()
	if email := s.claimEmail(t); email != nil {
		t.Errorf("%s: email to %s with %d keys, want none", step, email.To, len(email.ExpiringKeys))
	}
}

func (s fixture) finishEmail(t *testing.T, email *models.Email, failure models.EmailFailure) {
	t.Helper()
	if err := s.FinishEmail(t.Context(), email, failure); err != nil {
		t.Fatal(err)
	}
}

// wantInvitation claims the next email and fails unless it is an invitation.
func (s fixture) wantInvitation(t *testing.T, step string) *models.Email {
	t.Helper()
	email := s.claimEmail(t)
	if email == nil || email.Invitation == nil {
		t.Fatalf("%s: email = %+v, want an invitation", step, email)
	}
	return email
}

// retryWaits returns the waits after n failed attempts, in seconds.
func retryWaits(n int) []time.Duration {
	waits := []time.Duration{30, 60, 120, 240, 480, 960, 1920}
	for len(waits) < n {
		waits = append(waits, 3600)
	}
	return waits
}

func TestInvitationEmail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantKind(t, s.EmailInvitation(s.ctx, s.id, s.admin.ID), models.FailedPrecondition)
		s.EnableEmail()
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		first := s.wantInvitation(t, "after adding a member")
		if got := first.Member.ID; got != grace.ID {
			t.Errorf("recipient = %s, want %s", got, grace.ID)
		}
		if got := first.Member.Workspace.Name; got != "Acme" {
			t.Errorf("workspace = %q, want Acme", got)
		}
		s.finishEmail(t, first, models.EmailUnreachable)
		s.wantNoEmail(t, "right after a failure")
		s.Clock.Advance(time.Minute)
		second := s.wantInvitation(t, "a minute after a failure")
		s.finishEmail(t, second, "")
		s.Clock.Advance(24 * time.Hour)
		s.wantNoEmail(t, "after it was sent")
		wantKind(t, errOf(s.Invitation(s.ctx, first.Invitation.Token)), models.NotFound)
		if _, err := s.AcceptInvitation(s.ctx, second.Invitation.Token, "Grace", "a long enough passphrase"); err != nil {
			t.Errorf("accept the invitation: %v", err)
		}
	})
}

// TestInvitationEmailRetries checks the waits, that an expired invitation is not sent, and that
// the result for a replaced invitation is ignored.
func TestInvitationEmailRetries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		grace := s.add(t, models.NewMember{Email: "grace@acme.test"})
		for _, wait := range retryWaits(9) {
			s.finishEmail(t, s.wantInvitation(t, "when due"), models.EmailUnreachable)
			s.Clock.Advance(wait*time.Second - time.Millisecond)
			s.wantNoEmail(t, "before it is due")
			s.Clock.Advance(time.Millisecond)
		}
		replaced := s.wantInvitation(t, "when due")
		s.Clock.Advance(2 * time.Minute) // so that the replacement is due when the claim ends
		if err := s.EmailInvitation(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		s.finishEmail(t, replaced, models.EmailRejected)
		status, err := s.InvitationStatusOf(s.ctx, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !status.Emailing {
			t.Error("the new invitation is no longer waiting to be sent")
		}
		if status.Failure != "" {
			t.Errorf("failure = %q, want none", status.Failure)
		}
		s.Clock.Advance(models.InvitationLife)
		s.wantNoEmail(t, "after the invitation expired")
	})
}

func TestClaimEmailOnce(t *testing.T) {
	for name, request := range map[string]func(t *testing.T, s fixture){
		"invitation": func(t *testing.T, s fixture) { s.add(t, models.NewMember{Email: "grace@acme.test"}) },
		"expiry": func(t *testing.T, s fixture) {
			s.expiringIn(t, "CI", 14)
			s.Exec(t, "DELETE FROM notification_emails")
			s.remind(t, 1)
		},
		"notification": func(t *testing.T, s fixture) { s.key(t, "CI") },
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				s.EnableEmail()
				request(t, s)
				claimed := 0
				for _, email := range atOnce(8, func(int) *models.Email {
					email, err := s.ClaimEmail(t.Context())
					if err != nil {
						t.Error(err)
					}
					return email
				}) {
					if email != nil {
						claimed++
					}
				}
				if claimed != 1 {
					t.Errorf("claimed %d times, want once", claimed)
				}
			})
		})
	}
}
