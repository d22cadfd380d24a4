package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

func (s home) nextExpiryMail(t *testing.T) *models.ExpiryMail {
	t.Helper()
	mail, err := s.NextExpiryMail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return mail
}

// wantExpiryMail fails unless the next mail is to a person, about these keys.
func (s home) wantExpiryMail(t *testing.T, step, email string, keys ...string) *models.ExpiryMail {
	t.Helper()
	mail := s.nextExpiryMail(t)
	if mail == nil {
		t.Fatalf("%s: nothing is to be mailed", step)
	}
	var names []string
	for _, key := range mail.Keys {
		names = append(names, key.Name)
	}
	if diff := cmp.Diff(keys, names); diff != "" || mail.Member.User.Email != email || mail.Member.Workspace.Name != "Acme" {
		t.Fatalf("%s: a mail to %s (-want +got):\n%s", step, mail.Member.User.Email, diff)
	}
	return mail
}

func (s home) wantNoExpiryMail(t *testing.T, step string) {
	t.Helper()
	if mail := s.nextExpiryMail(t); mail != nil {
		t.Errorf("%s: a mail to %s about %+v", step, mail.Member.User.Email, mail.Keys)
	}
}

func (s home) mailedExpiry(t *testing.T, mail *models.ExpiryMail, failure models.MailFailure) {
	t.Helper()
	if err := s.MailedExpiry(t.Context(), mail, failure); err != nil {
		t.Fatal(err)
	}
}

// expiringIn makes a key that expires in some days.
func (s home) expiringIn(t *testing.T, name string, days int) *models.APIKey {
	t.Helper()
	return s.keyOf(t, models.NewAPIKey{Name: name, ExpiresAt: ptr(s.Now().Add(time.Duration(days) * dayLong))})
}

// wantMailsAskedFor counts what is still to be told, to one admin of one key each.
func (s home) wantMailsAskedFor(t *testing.T, step string, want int64) {
	t.Helper()
	var got int64
	if err := s.DB().Table("expiry_mails").Count(&got).Error; err != nil || got != want {
		t.Errorf("%s: %d are asked for, want %d, %v", step, got, want, err)
	}
}

// TestExpiryMails: each admin gets one mail about all keys, once, and again if it failed.
func TestExpiryMails(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.joined(t, "bob@acme.test", models.Admin)
		s.joined(t, "eve@acme.test", models.RoleMember)
		s.add(t, models.NewMember{Email: "invited@acme.test", Role: models.Admin}) // has not joined: no admin yet
		fired := s.joined(t, "fired@acme.test", models.Admin)
		if _, err := s.DeactivateMember(s.ctx, s.id, fired.ID); err != nil {
			t.Fatal(err)
		}
		homeIn(t, s.Store, "Rival", "rita@rival.test")
		s.expiringIn(t, "Later", 21)
		s.expiringIn(t, "Sooner", 20)
		gone := s.expiringIn(t, "Gone", 20)
		s.Clock.Advance(10 * dayLong)
		s.Mail()
		s.remind(t, 3)
		s.wantMailsAskedFor(t, "three keys and two admins", 6)
		s.delete(t, gone)
		first, second := s.nextExpiryMail(t), s.nextExpiryMail(t)
		s.wantNoExpiryMail(t, "after both")
		if first == nil || second == nil || first.Member.ID == second.Member.ID {
			t.Fatalf("mails %+v and %+v", first, second)
		}
		s.mailedExpiry(t, second, models.MailUnreachable)
		s.mailedExpiry(t, first, "")
		s.wantNoExpiryMail(t, "at once after a failure")
		s.Clock.Advance(time.Minute)
		s.wantExpiryMail(t, "after a failure", second.Member.User.Email, "Sooner", "Later")
		s.Clock.Advance(3 * time.Minute) // whoever had it was stopped
		again := s.wantExpiryMail(t, "what nobody has told of", second.Member.User.Email, "Sooner", "Later")
		s.mailedExpiry(t, again, models.MailRefused)
		s.Clock.Advance(dayLong)
		s.wantNoExpiryMail(t, "what the server will never take")
	})
}

// TestNothingIsAskedForWhereNobodyMails, to be sent long after.
func TestNothingIsAskedForWhereNobodyMails(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.wantMailsAskedFor(t, "nobody mails", 0)
	})
}

// TestExpiryMailsTellWhatIsTrueYet: of keys that expire when they were to, to whom it is a matter of.
func TestExpiryMailsTellWhatIsTrueYet(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, s home, key *models.APIKey, bob *models.Member)
		told   bool
	}{
		"nothing has changed": {func(*testing.T, home, *models.APIKey, *models.Member) {}, true},
		"the key is deleted":  {func(t *testing.T, s home, key *models.APIKey, _ *models.Member) { s.delete(t, key) }, false},
		"the key expires now": {func(t *testing.T, s home, _ *models.APIKey, _ *models.Member) { s.Clock.Advance(14 * dayLong) }, false},
		"the key has expired": {func(t *testing.T, s home, _ *models.APIKey, _ *models.Member) { s.Clock.Advance(15 * dayLong) }, false},
		"the key has more time": {func(t *testing.T, s home, key *models.APIKey, _ *models.Member) {
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: ptr(s.Now().Add(15 * dayLong))}); err != nil {
				t.Fatal(err)
			}
		}, false},
		"who was an admin is one no more": {func(t *testing.T, s home, _ *models.APIKey, bob *models.Member) {
			if _, err := s.ChangeMemberRole(s.ctx, s.id, bob.ID, models.RoleMember); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachHome(t, func(t *testing.T, s home) {
				s.Mail()
				bob := s.joined(t, "bob@acme.test", models.Admin)
				key := s.expiringIn(t, "CI", 14)
				s.remind(t, 1)
				s.Exec(t, "DELETE FROM expiry_mails WHERE member_id = $1", s.admin.ID)
				tt.change(t, s, key, bob)
				if tt.told {
					s.wantExpiryMail(t, name, "bob@acme.test", "CI")
					return
				}
				s.wantNoExpiryMail(t, name)
				s.wantMailsAskedFor(t, name, 0)
			})
		})
	}
}

// TestAnotherExpiryIsMailed in the place of one that nobody could be told of.
func TestAnotherExpiryIsMailed(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Mail()
		key := s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: ptr(s.Now().Add(7 * dayLong))}); err != nil {
			t.Fatal(err)
		}
		s.remind(t, 1)
		s.wantExpiryMail(t, "with another expiry", "ada@acme.test", "CI")
	})
}

// TestExpiryMailIsTriedAgain ever less often, once an hour in the end, and apart from what is asked
// for meanwhile.
func TestExpiryMailIsTriedAgain(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Mail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		waits := []time.Duration{30, 60, 120, 240, 480, 960, 1920}
		for len(waits) < 40 {
			waits = append(waits, 3600)
		}
		for i, wait := range waits {
			s.mailedExpiry(t, s.wantExpiryMail(t, "in time", "ada@acme.test", "CI"), models.MailUnreachable)
			if i == 10 {
				s.expiringIn(t, "New", 14)
				s.remind(t, 1)
				s.mailedExpiry(t, s.wantExpiryMail(t, "what is new", "ada@acme.test", "New"), "")
			}
			s.Clock.Advance(wait*time.Second - time.Millisecond)
			s.wantNoExpiryMail(t, "before its time")
			s.Clock.Advance(time.Millisecond)
		}
	})
}

// TestTheLongestDueIsMailedFirst, whoever asked for it.
func TestTheLongestDueIsMailedFirst(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Mail()
		s.joined(t, "bob@acme.test", models.Admin)
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		s.Exec(t, "DELETE FROM expiry_mails WHERE member_id = $1", s.admin.ID)
		s.Clock.Advance(time.Second)
		next := s.expiringIn(t, "New", 14)
		s.remind(t, 1)
		s.Exec(t, "DELETE FROM expiry_mails WHERE member_id <> $1 AND api_key_id = $2", s.admin.ID, next.ID)
		s.wantExpiryMail(t, "first", "bob@acme.test", "CI")
		s.wantExpiryMail(t, "second", "ada@acme.test", "New")
	})
}

// TestALateAnswerSaysNothing about a mail that somebody else has on hand.
func TestALateAnswerSaysNothing(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Mail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		late := s.wantExpiryMail(t, "first", "ada@acme.test", "CI")
		s.Clock.Advance(3 * time.Minute)
		s.wantExpiryMail(t, "after the claim", "ada@acme.test", "CI")
		for _, failure := range []models.MailFailure{"", models.MailUnreachable} {
			wantUnchanged(t, s.Store, func() { s.mailedExpiry(t, late, failure) })
		}
	})
}

// TestNodesMailExpiryOnce, whoever asks at once.
func TestNodesMailExpiryOnce(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Mail()
		s.expiringIn(t, "CI", 14)
		s.remind(t, 1)
		taken := 0
		for _, mail := range atOnce(8, func(int) *models.ExpiryMail {
			mail, err := s.NextExpiryMail(t.Context())
			if err != nil {
				t.Error(err)
			}
			return mail
		}) {
			if mail != nil {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("%d nodes mail it", taken)
		}
	})
}
