package models_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/skipup/keys/models"
)

func (s home) use(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	if err := s.UseAPIKey(s.ctx, key); err != nil {
		t.Fatal(err)
	}
	used, err := s.APIKey(s.ctx, s.id, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func TestUseIsNotedEveryTenSecondsAtMost(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		unused := s.key(t, "CI")
		if unused.LastUsedAt != nil {
			t.Fatalf("a new key was used at %v", unused.LastUsedAt)
		}
		used := s.use(t, unused)
		if used.LastUsedAt == nil || !used.LastUsedAt.Equal(s.Now()) || used.LastUsedAddress != "192.0.2.7" || used.LastUsedUserAgent != "Browser/1.0" {
			t.Fatalf("the used key is %+v", used)
		}
		if !used.UpdatedAt.Equal(unused.UpdatedAt) {
			t.Error("use counts as a change of the key")
		}
		wantUnchanged(t, s.Store, func() {
			s.Clock.Advance(10*time.Second - time.Millisecond)
			s.use(t, used)
			s.use(t, unused) // what a request read that came in before the first was noted
		})
		s.Clock.Advance(time.Millisecond)
		if again := s.use(t, used); !again.LastUsedAt.Equal(s.Now()) {
			t.Errorf("after ten seconds the last use is %v", again.LastUsedAt)
		}
	})
}

func TestUseNeverGoesBack(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		s.Clock.Advance(time.Hour)
		s.use(t, key)
		wantUnchanged(t, s.Store, func() {
			s.Clock.Advance(-30 * time.Minute) // a node whose clock is behind
			s.use(t, key)
		})
	})
}

// Whatever a client sends as its User-Agent, its request is noted.
func TestUseTakesAnyUserAgent(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		for _, agent := range []string{"", "\x00", "bad\xff\xfeagent", strings.Repeat("é", 600), strings.Repeat("🔑", 200), "<script>", "'; --"} {
			key := s.key(t, "CI")
			actor := models.ActorOf(s.ctx)
			actor.UserAgent = agent
			if err := s.UseAPIKey(models.WithActor(s.ctx, actor), key); err != nil {
				t.Errorf("%.20q: %v", agent, err)
				continue
			}
			used, err := s.APIKey(s.ctx, s.id, key.ID)
			if err != nil {
				t.Fatal(err)
			}
			got := used.LastUsedUserAgent
			if used.LastUsedAt == nil || !utf8.ValidString(got) || len(got) > 512 || len(agent) > 512 && len(got) < 509 || strings.Contains(got, "\x00") {
				t.Errorf("%.20q is kept as %.20q (%d bytes)", agent, got, len(got))
			}
			if utf8.ValidString(agent) && !strings.Contains(agent, "\x00") && !strings.HasPrefix(agent, got) {
				t.Errorf("%.20q is kept as %.20q", agent, got)
			}
		}
	})
}

func TestDeletingAKeyInUseWantsItsName(t *testing.T) {
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name      string
		lastUsed  *time.Time
		typed     string
		confirmed bool
	}{
		{"never used", nil, "", true},
		{"used a day ago", ptr(now.Add(-24 * time.Hour)), "", true},
		{"used almost a day ago", ptr(now.Add(-24*time.Hour + time.Millisecond)), "", false},
		{"used now", &now, "", false},
		{"used now, named", &now, "CI Builds", true},
		{"in other case", &now, "ci builds", false},
		{"with a space", &now, "CI Builds ", false},
		{"another name", &now, "CI", false},
	}
	for _, tt := range tests {
		key := &models.APIKey{Name: "CI Builds", LastUsedAt: tt.lastUsed}
		err := key.ConfirmDeletion(now, tt.typed)
		if (err == nil) != tt.confirmed {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.confirmed {
			wantFields(t, err, "confirm_name")
		}
	}
}
