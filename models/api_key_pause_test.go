package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

func TestPauseAndResume(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		start := s.Now()
		until := start.Add(time.Hour + 300*time.Millisecond)
		paused, err := s.PauseAPIKey(s.ctx, s.id, key.ID, until)
		if err != nil {
			t.Fatal(err)
		}
		whole := start.Add(time.Hour + time.Second)
		for name, k := range map[string]*models.APIKey{"answered": paused, "stored": s.read(t, key)} {
			if !k.PausedUntil.Equal(whole) || !k.PausedAt.Equal(start) || k.PausedByName != s.admin.User.Name || k.StatusAt(s.Now()) != models.KeyPaused {
				t.Errorf("%s: %+v", name, k)
			}
			if k.AcceptedAt(whole.Add(-time.Millisecond)) || !k.AcceptedAt(whole) {
				t.Errorf("%s: accepted before the end of the pause, or not at it", name)
			}
		}
		s.Clock.Advance(time.Minute)
		longer, err := s.PauseAPIKey(s.ctx, s.id, key.ID, start.Add(2*time.Hour))
		if err != nil || !longer.PausedAt.Equal(start) || !longer.PausedUntil.Equal(start.Add(2*time.Hour)) || longer.ChangedEpoch <= paused.ChangedEpoch {
			t.Errorf("for longer: %+v, %v", longer, err)
		}
		resumed, err := s.ResumeAPIKey(s.ctx, s.id, key.ID)
		if err != nil || resumed.PausedUntil != nil || s.read(t, key).PausedUntil != nil || s.read(t, key).StatusAt(s.Now()) != models.KeyActive ||
			resumed.ChangedEpoch <= longer.ChangedEpoch {
			t.Errorf("resumed: %+v, %v", resumed, err)
		}
		if stored := s.read(t, key); stored.PausedAt != nil || stored.PausedByName != "" || resumed.PausedAt != nil || resumed.PausedByName != "" {
			t.Errorf("a pause is left: answered %+v, stored %+v", resumed, stored)
		}
		events := eventsOf(t, s, key.ID)
		if events[0].Action != "api_key.resumed" || events[0].Details["paused_until"] != start.Add(2*time.Hour).Format(time.RFC3339) || events[1].Action != "api_key.paused" || events[1].Details["until"] != start.Add(2*time.Hour).Format(time.RFC3339) {
			t.Errorf("events: %+v", events[:2])
		}
		again := time.Now()
		wantUnchanged(t, s.Store, func() {
			if _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); err != nil || time.Since(again) < inForce {
				t.Errorf("again: %v after %v, though the first may not be in force", err, time.Since(again))
			}
		})
	})
}

// TestAPauseThatHasEndedIsNotGoneOnWith: the next is a new one.
func TestAPauseThatHasEndedIsNotGoneOnWith(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		for range 2 {
			paused, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour))
			if err != nil || !paused.PausedAt.Equal(s.Now()) || !s.read(t, key).PausedAt.Equal(s.Now()) {
				t.Errorf("paused at %v: %+v, %v", s.Now(), paused, err)
			}
			s.Clock.Advance(time.Hour)
		}
	})
}

// TestPausesAreInForceWhenTheyReturn: pausing and resuming wait for the nodes like a deletion.
func TestPausesAreInForceWhenTheyReturn(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		for name, change := range map[string]func() error{
			"pause":  func() error { _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour)); return err },
			"resume": func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); return err },
		} {
			start := time.Now()
			if err := change(); err != nil || time.Since(start) < inForce {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
	})
}

func TestRefusedPauses(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key, deleted := s.key(t, "CI"), s.key(t, "Deleted")
		expired := s.keyThatExpires(t, "Expired", s.Now())
		s.delete(t, deleted)
		both := s.key(t, "Deleted and expired")
		s.delete(t, both)
		s.set(t, &models.APIKey{}, "id", both.ID, "expires_at", s.Now())
		other := homeIn(t, s.Store, "Other", "eve@other.test")
		soon := s.Now().Add(time.Hour)
		wantUnchanged(t, s.Store, func() {
			for _, until := range []time.Time{{}, s.Now().Add(-time.Hour), s.Now(), s.Now().Add(models.MaxPause + time.Second)} {
				_, err := s.PauseAPIKey(s.ctx, s.id, key.ID, until)
				wantFields(t, err, "until")
			}
			_, err := s.PauseAPIKey(s.ctx, s.id, expired.ID, soon)
			wantKind(t, err, models.FailedPrecondition)
			for name, pause := range map[string]func() error{
				"deleted":                 func() error { _, err := s.PauseAPIKey(s.ctx, s.id, deleted.ID, soon); return err },
				"deleted and expired":     func() error { _, err := s.PauseAPIKey(s.ctx, s.id, both.ID, soon); return err },
				"another workspace's":     func() error { _, err := s.PauseAPIKey(other.ctx, other.id, key.ID, soon); return err },
				"none":                    func() error { _, err := s.PauseAPIKey(s.ctx, s.id, "key_1", soon); return err },
				"resume deleted":          func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, deleted.ID); return err },
				"resume another's":        func() error { _, err := s.ResumeAPIKey(other.ctx, other.id, key.ID); return err },
				"resume one that is none": func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, "key_1"); return err },
			} {
				if err := pause(); !models.IsKind(err, models.NotFound) {
					t.Errorf("%s: %v, want NotFound", name, err)
				}
			}
		})
		if _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(models.MaxPause)); err != nil {
			t.Errorf("the longest pause: %v", err)
		}
	})
}
