package models_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestEnvironmentOfAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", Environment: "  Staging  EU "})
		modelstest.Equal(t, "environment", key.Environment, "staging eu")
		s.keyOf(t, models.NewAPIKey{Name: "none", Environment: " "})
		newFixture(t, s.Store, "Globex", "gil@globex.test").keyOf(t, models.NewAPIKey{Name: "theirs", Environment: "production"})
		for _, invalid := range []string{strings.Repeat("x", 41), "a\nb", "\xff", "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"} {
			_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI", Environment: invalid})
			wantFields(t, err, "environment")
		}

		_, err := s.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Environment: models.To("Production")})
		if err != nil {
			t.Fatal(err)
		}
		event := s.lastEvent(t)
		modelstest.Equal(t, "action", event.Action, "api_key.environment_changed")
		modelstest.Equal(t, "before", event.Details["from"], "staging eu")
		modelstest.Equal(t, "after", event.Details["to"], "production")

		inUse, err := s.EnvironmentsInUse(s.ctx, s.id)
		if err != nil || !slices.Equal(inUse, []string{"production"}) {
			t.Errorf("environments in use = %q, %v; want production", inUse, err)
		}
		for name, filter := range map[string]models.APIKeyFilter{"filter": {Environment: "production"}, "search": {Search: "PRODUCT"}} {
			if got := keyNamesOf(t, s, filter); !slices.Equal(got, []string{"CI"}) {
				t.Errorf("%s: keys = %q, want CI", name, got)
			}
		}

		replacement, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "environment of the replacement", replacement.Environment, "production")
	})
}
