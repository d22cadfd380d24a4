package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

func TestRateLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "X", RateLimit: models.MaxRateLimit + 1})
		wantFields(t, err, "rate_limit")
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", RateLimit: 300})
		modelstest.Equal(t, "limit", s.read(t, key).RateLimit, 300)
		next, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "limit of the replacement", next.RateLimit, 300)
		before := s.read(t, key)
		changed, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{RateLimit: models.To(50)})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "limit after the change", s.read(t, key).RateLimit, 50)
		modelstest.Equal(t, "in the API", *changed.Wire(s.Scopes(), s.Now()).RateLimit, 50)
		if changed.ChangedEpoch <= before.ChangedEpoch {
			t.Errorf("epoch of the change = %d, want more than %d, so that nodes drop the key", changed.ChangedEpoch, before.ChangedEpoch)
		}
		events, err := s.AuditEventsOf(s.ctx, s.id, key.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"rate_limit_before": "300 per minute", "rate_limit": "50 per minute"}, events[0].Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, before.Access(), models.KeyAccess{RateLimit: 70})
		wantKind(t, err, models.Conflict)
		_, err = s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{RateLimit: models.To(-1)})
		wantFields(t, err, "rate_limit")
	})
}

// Keys can't give other keys, or themselves, higher limits than their own.
func TestKeysGrantNoHigherRateLimit(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		i := 0
		for name, tt := range map[string]struct {
			server, actor, target, wanted int
			allowed                       bool
		}{
			"lower":                           {120, 60, 60, 30, true},
			"equal":                           {120, 60, 30, 60, true},
			"higher":                          {120, 60, 30, 61, false},
			"higher than the server's limit":  {120, 0, 0, 121, false},
			"the server's limit":              {120, 0, 30, 120, true},
			"the server's limit, for more":    {120, 60, 30, 0, false},
			"lower than now, higher than own": {120, 60, 90, 80, true},
			"the server has no limit":         {0, 0, 30, 1000, true},
			"none, from a limited key":        {0, 60, 30, 0, false},
		} {
			t.Run(name, func(t *testing.T) {
				i++
				s := newFixture(t, store.Limiting(t, tt.server), "Acme", fmt.Sprintf("ada%d@acme.test", i))
				actor := s.keyOf(t, models.NewAPIKey{Name: "Actor", RateLimit: tt.actor, Scopes: scope.Of(scope.APIKeysWrite)})
				target := s.keyOf(t, models.NewAPIKey{Name: "Target", RateLimit: tt.target})
				byKey := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: actor.ID, Name: actor.Name})
				_, err := s.UpdateAPIKey(byKey, s.id, target.ID, models.KeyUpdate{RateLimit: models.To(tt.wanted)})
				if tt.allowed && err != nil {
					t.Errorf("error = %v, want none", err)
				}
				if !tt.allowed {
					wantKind(t, err, models.Forbidden)
				}
				child, _, err := s.CreateAPIKey(byKey, s.id, models.NewAPIKey{Name: "Child"})
				if err != nil {
					t.Fatal(err)
				}
				modelstest.Equal(t, "limit of a key it creates", child.RateLimit, tt.actor)
			})
		}
	})
}

func TestBusiestHour(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, other := s.key(t, "CI"), s.key(t, "Other")
		busiest := func() models.BusiestHour {
			t.Helper()
			hour, err := s.BusiestHourOf(s.ctx, s.id, key.ID, s.Now().Add(-30*dayLong))
			if err != nil {
				t.Fatal(err)
			}
			return hour
		}
		modelstest.Equal(t, "suggestion without requests", busiest().SuggestedRateLimit(), 0)
		add := func(key *models.APIKey, ago time.Duration, route string, requests int64, rejection usage.Rejection) {
			counts := countsOf(use{key, s.Now().Add(-ago), "192.0.2.7", "curl/8", route})
			counts.Rows[0].Requests, counts.Rows[0].Rejection = requests, rejection
			record(t, s.Store, counts)
		}
		add(key, 5*dayLong, "GET /me", 601, usage.Accepted)
		add(key, 5*dayLong, "GET /seats", 600, usage.Accepted)
		add(key, 4*dayLong, "GET /me", 900, usage.Accepted)
		add(key, 3*dayLong, "GET /me", 9000, usage.RejectedRateLimit)
		add(key, 31*dayLong, "GET /me", 9000, usage.Accepted)
		add(other, dayLong, "GET /me", 9000, usage.Accepted)
		got := busiest()
		modelstest.Equal(t, "busiest hour", got, models.BusiestHour{StartsAt: usage.Hourly.Start(s.Now().Add(-5 * dayLong)), Requests: 1201})
		modelstest.Equal(t, "per minute", got.PerMinute(), 21)
		modelstest.Equal(t, "suggestion", got.SuggestedRateLimit(), 70)
	})
}
