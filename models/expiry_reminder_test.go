package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// expiring counts the events that tell of keys which expire.
func (s home) expiring(t *testing.T) (count int64) {
	t.Helper()
	if err := s.DB().Model(&models.Event{}).Where("type = ?", models.APIKeyExpiringEvent).Count(&count).Error; err != nil {
		t.Fatal(err)
	}
	return count
}

func (s home) remind(t *testing.T, want int) {
	t.Helper()
	if got, err := s.RemindOfExpiry(t.Context()); err != nil || got != want {
		t.Errorf("at %v: reminded of %d, %v; want %d", s.Now(), got, err, want)
	}
}

// TestAKeyIsRemindedOfOnceAtEachThreshold, and again when it has another expiry.
func TestAKeyIsRemindedOfOnceAtEachThreshold(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", ExpiresAt: ptr(s.Now().Add(30 * dayLong))})
		s.keyOf(t, models.NewAPIKey{Name: "Never"})
		deleted := s.keyOf(t, models.NewAPIKey{Name: "Deleted", ExpiresAt: ptr(s.Now().Add(30 * dayLong))})
		s.delete(t, deleted)
		s.keyOf(t, models.NewAPIKey{Name: "Short", ExpiresAt: ptr(s.Now().Add(20 * time.Hour))})
		for _, step := range []struct {
			advance time.Duration
			want    int
		}{
			{0, 0}, {16*dayLong - time.Millisecond, 0}, {time.Millisecond, 1}, {time.Hour, 0},
			{7 * dayLong, 1}, {dayLong, 0}, {5 * dayLong, 1}, {time.Hour, 0}, {dayLong, 0},
		} {
			s.Clock.Advance(step.advance)
			s.remind(t, step.want)
			s.remind(t, 0)
		}
		if got := s.expiring(t); got != 3 {
			t.Errorf("%d events", got)
		}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: ptr(s.Now().Add(10 * dayLong))}); err != nil {
			t.Fatal(err)
		}
		s.remind(t, 1)
		s.Clock.Advance(9*dayLong + time.Hour) // nothing ran at 7 days
		s.remind(t, 1)
		if got := s.expiring(t); got != 5 {
			t.Errorf("with another expiry: %d events", got)
		}
	})
}

// TestNodesRemindOnce, however many do it at once.
func TestNodesRemindOnce(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		const keys = 20
		for i := range keys {
			s.keyOf(t, models.NewAPIKey{Name: fmt.Sprint("Robot ", i), ExpiresAt: ptr(s.Now().Add(20 * dayLong))})
		}
		s.Clock.Advance(10 * dayLong)
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store, s.Another(t).Store}
		reminded := 0
		for i, got := range atOnce(len(nodes), func(i int) int {
			n, err := nodes[i].RemindOfExpiry(t.Context())
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
			return n
		}) {
			t.Logf("node %d has reminded of %d", i, got)
			reminded += got
		}
		if got := s.expiring(t); reminded != keys || got != keys {
			t.Errorf("reminded of %d, with %d events; want %d of each", reminded, got, keys)
		}
	})
}

// TestExpiryMails: each admin gets one mail about all keys, once, and again if it failed.
func TestExpiryMails(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Store.Store.Mail()
		s.joined(t, "bob@acme.test", models.Admin)
		s.joined(t, "eve@acme.test", models.RoleMember)
		s.add(t, models.NewMember{Email: "invited@acme.test", Role: models.Admin}) // has not joined: no admin yet
		s.keyOf(t, models.NewAPIKey{Name: "Later", ExpiresAt: ptr(s.Now().Add(21 * dayLong))})
		s.keyOf(t, models.NewAPIKey{Name: "Sooner", ExpiresAt: ptr(s.Now().Add(20 * dayLong))})
		gone := s.keyOf(t, models.NewAPIKey{Name: "Gone", ExpiresAt: ptr(s.Now().Add(20 * dayLong))})
		s.Clock.Advance(10 * dayLong)
		s.remind(t, 3)
		s.delete(t, gone)
		next := func() *models.ExpiryMail {
			t.Helper()
			mail, err := s.NextExpiryMail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return mail
		}
		first, second := next(), next()
		if first == nil || second == nil || first.Member.ID == second.Member.ID || next() != nil {
			t.Fatalf("mails %+v and %+v", first, second)
		}
		for _, mail := range []*models.ExpiryMail{first, second} {
			var names []string
			for _, key := range mail.Keys {
				names = append(names, key.Name)
			}
			if diff := cmp.Diff([]string{"Sooner", "Later"}, names); diff != "" || mail.Member.Workspace.Name != "Acme" || mail.Member.User.Email == "eve@acme.test" {
				t.Errorf("to %+v: %s", mail.Member, diff)
			}
		}
		if err := s.MailedExpiry(t.Context(), first, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.MailedExpiry(t.Context(), second, models.MailUnreachable); err != nil {
			t.Fatal(err)
		}
		if mail := next(); mail != nil {
			t.Errorf("at once after a failure: %+v", mail)
		}
		s.Clock.Advance(time.Minute)
		again := next()
		if again == nil || again.Member.ID != second.Member.ID || len(again.Keys) != 2 {
			t.Fatalf("after a failure: %+v", again)
		}
		s.Clock.Advance(3 * time.Minute) // whoever had it was stopped
		if again = next(); again == nil {
			t.Fatal("what nobody has told of is not mailed again")
		}
		if err := s.MailedExpiry(t.Context(), again, models.MailRefused); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(dayLong)
		if mail := next(); mail != nil {
			t.Errorf("what the server will never take is tried again: %+v", mail)
		}
	})
}
