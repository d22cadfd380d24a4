package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

func TestPauseAndResumeAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		start := s.Now()
		until := start.Add(time.Hour + 300*time.Millisecond)
		paused, err := s.PauseAPIKey(s.ctx, s.id, key.ID, until)
		if err != nil {
			t.Fatal(err)
		}
		whole := start.Add(time.Hour + time.Second)
		for name, k := range map[string]*models.APIKey{"returned": paused, "stored": s.read(t, key)} {
			if !k.PausedUntil.Equal(whole) || !k.PausedAt.Equal(start) || k.PausedByName != s.admin.User.Name || k.StatusAt(s.Now()) != models.KeyPaused {
				t.Errorf("%s key = %+v, want it paused", name, k)
			}
			if k.AcceptedAt(whole.Add(-time.Millisecond)) || !k.AcceptedAt(whole) {
				t.Errorf("%s key is not accepted exactly from the end of its pause", name)
			}
		}
		s.Clock.Advance(time.Minute)
		longer, err := s.PauseAPIKey(s.ctx, s.id, key.ID, start.Add(2*time.Hour))
		if err != nil || !longer.PausedAt.Equal(start) || !longer.PausedUntil.Equal(start.Add(2*time.Hour)) || longer.ChangedEpoch <= paused.ChangedEpoch {
			t.Errorf("longer pause: key = %+v, error = %v", longer, err)
		}
		resumed, err := s.ResumeAPIKey(s.ctx, s.id, key.ID)
		if err != nil || resumed.PausedUntil != nil || s.read(t, key).PausedUntil != nil || s.read(t, key).StatusAt(s.Now()) != models.KeyActive ||
			resumed.ChangedEpoch <= longer.ChangedEpoch {
			t.Errorf("resume: key = %+v, error = %v", resumed, err)
		}
		if stored := s.read(t, key); stored.PausedAt != nil || stored.PausedByName != "" || resumed.PausedAt != nil || resumed.PausedByName != "" {
			t.Errorf("resumed key = %+v, stored %+v, want no pause", resumed, stored)
		}
		events := eventsOf(t, s, key.ID)
		if events[0].Action != "api_key.resumed" || events[0].Details["paused_until"] != start.Add(2*time.Hour).Format(time.RFC3339) || events[1].Action != "api_key.paused" || events[1].Details["until"] != start.Add(2*time.Hour).Format(time.RFC3339) {
			t.Errorf("events = %+v, want a pause and its end", events[:2])
		}
		again := time.Now()
		wantUnchanged(t, s.Store, func() {
			if _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); err != nil || time.Since(again) < changeTime {
				t.Errorf("second resume returned %v after %v, before the first took effect", err, time.Since(again))
			}
		})
	})
}

func TestPauseAfterPauseStartsAnew(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for range 2 {
			paused, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour))
			if err != nil || !paused.PausedAt.Equal(s.Now()) || !s.read(t, key).PausedAt.Equal(s.Now()) {
				t.Errorf("pause at %v: key = %+v, error = %v", s.Now(), paused, err)
			}
			s.Clock.Advance(time.Hour)
		}
	})
}

func TestPauseAndResumeWaitForNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for name, change := range map[string]func() error{
			"pause":  func() error { _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour)); return err },
			"resume": func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); return err },
		} {
			start := time.Now()
			if err := change(); err != nil || time.Since(start) < changeTime {
				t.Errorf("%s returned %v after %v, before it took effect", name, err, time.Since(start))
			}
		}
	})
}

func TestPauseAndResumeRejectInvalidChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, deleted := s.key(t, "CI"), s.key(t, "Deleted")
		expired := s.keyThatExpires(t, "Expired", s.Now())
		s.delete(t, deleted)
		both := s.key(t, "Deleted and expired")
		s.delete(t, both)
		s.set(t, &models.APIKey{}, "id", both.ID, "expires_at", s.Now())
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		soon := s.Now().Add(time.Hour)
		wantUnchanged(t, s.Store, func() {
			for _, until := range []time.Time{{}, s.Now().Add(-time.Hour), s.Now(), s.Now().Add(models.MaxPause + time.Second)} {
				_, err := s.PauseAPIKey(s.ctx, s.id, key.ID, until)
				wantFields(t, err, "until")
			}
			_, err := s.PauseAPIKey(s.ctx, s.id, expired.ID, soon)
			wantKind(t, err, models.FailedPrecondition)
			for name, pause := range map[string]func() error{
				"deleted":                    func() error { _, err := s.PauseAPIKey(s.ctx, s.id, deleted.ID, soon); return err },
				"deleted and expired":        func() error { _, err := s.PauseAPIKey(s.ctx, s.id, both.ID, soon); return err },
				"another workspace's":        func() error { _, err := s.PauseAPIKey(other.ctx, other.id, key.ID, soon); return err },
				"missing":                    func() error { _, err := s.PauseAPIKey(s.ctx, s.id, "key_1", soon); return err },
				"resume deleted":             func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, deleted.ID); return err },
				"resume another workspace's": func() error { _, err := s.ResumeAPIKey(other.ctx, other.id, key.ID); return err },
				"resume missing":             func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, "key_1"); return err },
			} {
				if err := pause(); !models.IsKind(err, models.NotFound) {
					t.Errorf("%s: error = %v, want NotFound", name, err)
				}
			}
		})
		if _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(models.MaxPause)); err != nil {
			t.Errorf("longest pause: %v", err)
		}
	})
}
