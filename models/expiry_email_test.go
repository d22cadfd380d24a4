package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// wantExpiryEmail claims the next email and fails unless it goes to a person and lists these keys.
func (s fixture) wantExpiryEmail(t *testing.T, step, to string, keys ...string) *models.Email {
	t.Helper()
	email := s.claimEmail(t)
	if email == nil {
		t.Fatalf("%s: no email, want one to %s", step, to)
	}
	var names []string
	for _, key := range email.ExpiringKeys {
		names = append(names, key.Name)
	}
	if diff := cmp.Diff(keys, names); diff != "" {
		t.Fatalf("%s: keys (-want +got):\n%s", step, diff)
	}
	if got := email.Member.User.Email; got != to {
		t.Fatalf("%s: recipient = %s, want %s", step, got, to)
	}
	if got := email.Member.Workspace.Name; got != "Acme" {
		t.Fatalf("%s: workspace = %q, want Acme", step, got)
	}
	return email
}

// expiringIn creates a key that expires in some days.
func (s fixture) expiringIn(t *testing.T, name string, days int) *models.APIKey {
	t.Helper()
	return s.keyOf(t, models.NewAPIKey{Name: name, ExpiresAt: ptr(s.Now().Add(time.Duration(days) * dayLong))})
}

// wantRequestedEmails checks the number of rows, one for each admin and key.
func (s fixture) wantRequestedEmails(t *testing.T, step string, want int64) {
	t.Helper()
	var got int64
	if err := s.DB().Table("expiry_mails").Count(&got).Error; err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s: %d emails requested, want %d", step, got, want)
	}
}

// changeExpiry gives a key another expiry.
func (s fixture) changeExpiry(t *testing.T, key *models.APIKey, days int) {
	t.Helper()
	access := models.KeyAccess{ExpiresAt: ptr(s.Now().Add(time.Duration(days) * dayLong))}
	if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), access); err != nil {
		t.Fatal(err)
	}
}

// TestExpiryEmail checks that each admin gets one email about all keys, until it was sent.
func TestExpiryEmail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "bob@acme.test", models.Admin)
		s.joined(t, "eve@acme.test", models.Viewer)
		s.add(t, models.NewMember{Email: "pending@acme.test", Role: models.Admin})
		deactivated := s.joined(t, "deactivated@acme.test", models.Admin)
		if _, err := s.DeactivateMember(s.ctx, s.id, deactivated.ID); err != nil {
			t.Fatal(err)
		}
		newFixture(t, s.Store, "Rival", "rita@rival.test")
		s.expiringIn(t, "Later", 21)
		s.expiringIn(t, "Sooner", 20)
		deleted := s.expiringIn(t, "Deleted", 20)
		s.Clock.Advance(10 * dayLong)
		s.EnableEmail()
		s.remind(t, 3)
		s.wantRequestedEmails(t, "three keys and two admins", 6)
		s.delete(t, deleted)
		first, second := s.claimEmail(t), s.claimEmail(t)
		s.wantNoEmail(t, "after both")
		if first == nil || second == nil {
			t.Fatalf("emails = %v and %v, want two", first, second)
		}
		if first.Member.ID == second.Member.ID {
			t.Fatalf("both emails go to %s", first.Member.User.Email)
		}
		s.finishEmail(t, second, models.EmailUnreachable)
		s.finishEmail(t, first, "")
		s.wantNoEmail(t, "right after a failure")
		s.Clock.Advance(time.Minute)
		s.wantExpiryEmail(t, "after a failure", second.Member.User.Email, "Sooner", "Later")
		s.Clock.Advance(3 * time.Minute)
		again := s.wantExpiryEmail(t, "after an unfinished attempt", second.Member.User.Email, "Sooner", "Later")
		s.finishEmail(t, again, models.EmailRejected)
		s.Clock.Advance(dayLong)
		s.wantNoEmail(t, "after it was rejected")
	})
}

func TestExpiryEmailNotRequestedWithoutServer(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.wantRequestedEmails(t, "without a mail server", 0)
	})
}

// TestExpiryEmailWaitsForCooldown checks that a reminder is sent later if its recipient was just emailed.
func TestExpiryEmailWaitsForCooldown(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.joined(t, "bob@acme.test", models.Admin)
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.Exec(t, "DELETE FROM expiry_mails WHERE member_id = $1", s.admin.ID)
		s.wantNoEmail(t, "just after the invitation")
		s.Clock.Advance(10*time.Minute - time.Millisecond)
		s.wantNoEmail(t, "before the end of the cooldown")
		s.Clock.Advance(time.Millisecond)
		s.wantExpiryEmail(t, "after the cooldown", "bob@acme.test", "CI")
	})
}

// TestExpiryEmailIsCurrent checks that an email is dropped if it no longer applies when it is due.
func TestExpiryEmailIsCurrent(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, s fixture, key *models.APIKey, bob *models.Member)
		sent   bool
	}{
		"nothing changed": {func(*testing.T, fixture, *models.APIKey, *models.Member) {}, true},
		"key deleted":     {func(t *testing.T, s fixture, key *models.APIKey, _ *models.Member) { s.delete(t, key) }, false},
		"key expires now": {func(t *testing.T, s fixture, _ *models.APIKey, _ *models.Member) { s.Clock.Advance(14 * dayLong) }, false},
		"key expired":     {func(t *testing.T, s fixture, _ *models.APIKey, _ *models.Member) { s.Clock.Advance(15 * dayLong) }, false},
		"expiry changed":  {func(t *testing.T, s fixture, key *models.APIKey, _ *models.Member) { s.changeExpiry(t, key, 15) }, false},
		"no longer an admin": {func(t *testing.T, s fixture, _ *models.APIKey, bob *models.Member) {
			if _, err := s.ChangeMemberRole(s.ctx, s.id, bob.ID, models.Viewer); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				s.EnableEmail()
				bob := s.joined(t, "bob@acme.test", models.Admin)
				s.Clock.Advance(10 * time.Minute) // no one gets two emails at once
				key := s.expiringIn(t, "CI", 14)
				s.remind(t, 1)
				s.Exec(t, "DELETE FROM expiry_mails WHERE member_id = $1", s.admin.ID)
				tt.change(t, s, key, bob)
				if tt.sent {
					s.wantExpiryEmail(t, name, "bob@acme.test", "CI")
					return
				}
				s.wantNoEmail(t, name)
				s.wantRequestedEmails(t, name, 0)
			})
		})
	}
}

func TestExpiryEmailAfterExpiryChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		key := s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.changeExpiry(t, key, 7)
		s.remind(t, 1)
		s.wantExpiryEmail(t, "with another expiry", "ada@acme.test", "CI")
	})
}

// TestExpiryEmailRetries checks the waits, and that new emails don't wait with failed ones.
func TestExpiryEmailRetries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		for i, wait := range retryWaits(14) {
			s.finishEmail(t, s.wantExpiryEmail(t, "when due", "ada@acme.test", "CI"), models.EmailUnreachable)
			if i == 10 {
				s.expiringIn(t, "New", 14)
				s.remind(t, 1)
				s.finishEmail(t, s.wantExpiryEmail(t, "new email", "ada@acme.test", "New"), "")
			}
			s.Clock.Advance(wait*time.Second - time.Millisecond)
			s.wantNoEmail(t, "before it is due")
			s.Clock.Advance(time.Millisecond)
		}
	})
}

// TestExpiryEmailRetryLimit checks that many failures don't overflow the wait.
func TestExpiryEmailRetryLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.Exec(t, "UPDATE expiry_mails SET attempts = 90")
		s.finishEmail(t, s.wantExpiryEmail(t, "when due", "ada@acme.test", "CI"), models.EmailUnreachable)
		s.Clock.Advance(time.Hour - time.Millisecond)
		s.wantNoEmail(t, "before an hour has passed")
		s.Clock.Advance(time.Millisecond)
		s.wantExpiryEmail(t, "after an hour", "ada@acme.test", "CI")
	})
}

func TestLongestDueEmailFirst(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.joined(t, "bob@acme.test", models.Admin)
		s.Clock.Advance(10 * time.Minute) // no one gets two emails at once
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.Exec(t, "DELETE FROM expiry_mails WHERE member_id = $1", s.admin.ID)
		s.Clock.Advance(time.Second)
		next := s.expiringIn(t, "New", 14)
		s.remind(t, 1)
		s.Exec(t, "DELETE FROM expiry_mails WHERE member_id <> $1 AND api_key_id = $2", s.admin.ID, next.ID)
		s.wantExpiryEmail(t, "first", "bob@acme.test", "CI")
		s.wantExpiryEmail(t, "second", "ada@acme.test", "New")
	})
}

// TestFinishEmailAfterClaimExpired checks that a late result is ignored once another node has
// claimed the email.
func TestFinishEmailAfterClaimExpired(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		late := s.wantExpiryEmail(t, "first claim", "ada@acme.test", "CI")
		s.Clock.Advance(3 * time.Minute)
		s.wantExpiryEmail(t, "second claim", "ada@acme.test", "CI")
		for _, failure := range []models.EmailFailure{"", models.EmailUnreachable} {
			wantUnchanged(t, s.Store, func() { s.finishEmail(t, late, failure) })
		}
	})
}
