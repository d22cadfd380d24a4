package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// expiring returns the number of api_key.expiring events.
func (s fixture) expiring(t *testing.T) (count int64) {
	t.Helper()
	if err := s.DB().Model(&models.Event{}).Where("type = ?", models.APIKeyExpiringEvent).Count(&count).Error; err != nil {
		t.Fatal(err)
	}
	return count
}

func (s fixture) remind(t *testing.T, want int) {
	t.Helper()
	if got, err := s.RemindOfExpiry(t.Context()); err != nil || got != want {
		t.Errorf("at %v: reminders = %d, want %d, error = %v", s.Now(), got, want, err)
	}
}

// A new expiry gets new reminders.
func TestReminderOncePerThreshold(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
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
			{7*dayLong - time.Hour - time.Millisecond, 0}, {time.Millisecond, 1}, {dayLong, 0},
			{5*dayLong - time.Millisecond, 0}, {time.Millisecond, 1}, {time.Hour, 0}, {dayLong, 0},
		} {
			s.Clock.Advance(step.advance)
			s.remind(t, step.want)
			s.remind(t, 0)
		}
		if got := s.expiring(t); got != 3 {
			t.Errorf("events = %d, want 3", got)
		}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: ptr(s.Now().Add(10 * dayLong))}); err != nil {
			t.Fatal(err)
		}
		s.remind(t, 1)
		s.Clock.Advance(9*dayLong + time.Hour) // no reminder ran at 7 days
		s.remind(t, 1)
		if got := s.expiring(t); got != 5 {
			t.Errorf("events with a new expiry = %d, want 5", got)
		}
	})
}

func TestNoReminderForShortLivedKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for life, want := range map[time.Duration]int{7 * dayLong: 1, 7*dayLong - time.Millisecond: 0, 14 * dayLong: 1, dayLong: 1} {
			s.keyOf(t, models.NewAPIKey{Name: "CI", ExpiresAt: ptr(s.Now().Add(life))})
			s.remind(t, want)
		}
		key := s.keyThatExpires(t, "Expires now", s.Now())
		s.set(t, &models.APIKey{}, "id", key.ID, "created_at", s.Now().Add(-30*dayLong))
		s.remind(t, 0)
	})
}

// A node whose clock is behind must not send a reminder for an earlier threshold.
func TestNoReminderFromSlowClock(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.keyOf(t, models.NewAPIKey{Name: "CI", ExpiresAt: ptr(s.Now().Add(30 * dayLong))})
		s.Clock.Advance(23 * dayLong)
		s.remind(t, 1)
		s.Clock.Advance(-time.Second)
		s.remind(t, 0)
	})
}

// More keys expire than are read at a time.
func TestRemindersForManyKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillKeys(t, s.id, s.admin.ID, 600) // of which 60 are deleted
		at := s.Now().Add(dayLong)
		if err := s.DB().Model(&models.APIKey{}).Where("workspace_id = ?", s.id).UpdateColumns(map[string]any{"expires_at": at, "created_at": at.Add(-30 * dayLong)}).Error; err != nil {
			t.Fatal(err)
		}
		s.remind(t, 540)
		s.remind(t, 0)
	})
}

func TestConcurrentRemindersAreSentOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
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
			t.Logf("node %d sent %d", i, got)
			reminded += got
		}
		if got := s.expiring(t); reminded != keys || got != keys {
			t.Errorf("reminders = %d, events = %d, want %d of each", reminded, got, keys)
		}
	})
}

// Keys are read in chunks, so they can change before their reminder is sent.
func TestReminderSkipsChangedKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		expiring := func(name string) *models.APIKey {
			return s.keyOf(t, models.NewAPIKey{Name: name, ExpiresAt: ptr(s.Now().Add(20 * dayLong))})
		}
		deleted, extended, sooner, renamed := expiring("Deleted"), expiring("Extended"), expiring("Sooner"), expiring("Before")
		s.Clock.Advance(10 * dayLong)
		node := s.Another(t)
		afterReading(t, node, "api_keys", func() {
			s.delete(t, deleted)
			for key, at := range map[*models.APIKey]time.Time{extended: s.Now().Add(90 * dayLong), sooner: s.Now().Add(5 * dayLong)} {
				if err := errOf(s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{ExpiresAt: &at})); err != nil {
					t.Error(err)
				}
			}
			if err := s.RenameAPIKey(s.ctx, s.id, renamed.ID, "After"); err != nil {
				t.Error(err)
			}
		})
		if sent, err := node.RemindOfExpiry(t.Context()); err != nil || sent != 1 {
			t.Errorf("reminders = %d, want 1 for the renamed key, error = %v", sent, err)
		}
		s.remind(t, 1) // for the key that expires sooner
		var data []string
		if err := s.DB().Model(&models.Event{}).Where("type = ?", models.APIKeyExpiringEvent).Pluck("data", &data).Error; err != nil {
			t.Fatal(err)
		}
		if len(data) != 2 {
			t.Errorf("events = %q, want 2", data)
		}
		wantContains(t, strings.Join(data, "\n"), `"After"`, `"Sooner"`)
	})
}
