package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
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
			modelstest.Equal(t, name+" paused until", k.PausedUntil, new(whole))
			modelstest.Equal(t, name+" paused at", k.PausedAt, new(start))
			modelstest.Equal(t, name+" paused by name", k.PausedByName, s.admin.User.Name)
			modelstest.Equal(t, name+" status", k.StatusAt(s.Now()), models.KeyPaused)
			if k.AcceptedAt(whole.Add(-time.Millisecond)) || !k.AcceptedAt(whole) {
				t.Errorf("%s key is not accepted exactly from the end of its pause", name)
			}
		}
		s.Clock.Advance(time.Minute)
		longer, err := s.PauseAPIKey(s.ctx, s.id, key.ID, start.Add(2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "paused at", longer.PausedAt, new(start))
		modelstest.Equal(t, "paused until", longer.PausedUntil, new(start.Add(2*time.Hour)))
		if longer.ChangedEpoch <= paused.ChangedEpoch {
			t.Errorf("changed epoch = %d, want more than %d", longer.ChangedEpoch, paused.ChangedEpoch)
		}
		resumed, err := s.ResumeAPIKey(s.ctx, s.id, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "resumed paused until", resumed.PausedUntil, nil)
		modelstest.Equal(t, "stored paused until", s.read(t, key).PausedUntil, nil)
		modelstest.Equal(t, "stored status", s.read(t, key).StatusAt(s.Now()), models.KeyActive)
		if resumed.ChangedEpoch <= longer.ChangedEpoch {
			t.Errorf("resumed changed epoch = %d, want more than %d", resumed.ChangedEpoch, longer.ChangedEpoch)
		}
		stored := s.read(t, key)
		modelstest.Equal(t, "stored paused at", stored.PausedAt, nil)
		modelstest.Equal(t, "stored paused by name", stored.PausedByName, "")
		modelstest.Equal(t, "resumed paused at", resumed.PausedAt, nil)
		modelstest.Equal(t, "resumed paused by name", resumed.PausedByName, "")
		events := eventsOf(t, s, key.ID)
		modelstest.Equal(t, "events[0] action", events[0].Action, "api_key.resumed")
		modelstest.Equal(t, "events[0] detail paused_until", events[0].Details["paused_until"], start.Add(2*time.Hour).Format(time.RFC3339))
		modelstest.Equal(t, "events[1] action", events[1].Action, "api_key.paused")
		modelstest.Equal(t, "events[1] detail until", events[1].Details["until"], start.Add(2*time.Hour).Format(time.RFC3339))
		s.Exec(t, "UPDATE revocation SET wait_ms = $1", modelstest.Lease.Milliseconds())
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
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "paused at", paused.PausedAt, new(s.Now()))
			modelstest.Equal(t, "stored paused at", s.read(t, key).PausedAt, new(s.Now()))
			s.Clock.Advance(time.Hour)
		}
	})
}

func TestPauseAndResumeWaitForNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for _, tt := range []struct {
			name   string
			change func() error
		}{
			{"pause", func() error { _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(time.Hour)); return err }},
			{"resume", func() error { _, err := s.ResumeAPIKey(s.ctx, s.id, key.ID); return err }},
		} {
			s.silentNode(t, "silent")
			start := time.Now()
			if err := tt.change(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if took := time.Since(start); took < changeTime {
				t.Errorf("%s returned after %v, before it took effect", tt.name, took)
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
