package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

func TestDeleteAPIKeyAsksForTheNameOfAKeyInUse(t *testing.T) {
	tests := []struct {
		name      string
		used      time.Duration // ago; negative for never
		entered   string
		confirmed bool
	}{
		{"never used", -1, "", true},
		{"used a day ago", 24 * time.Hour, "", true},
		{"used almost a day ago", 24*time.Hour - time.Millisecond, "", false},
		{"used now", 0, "", false},
		{"used now, named", 0, "CI Builds", true},
		{"wrong case", 0, "ci builds", false},
		{"wrong name", 0, "CI", false},
		{"without the space", 0, "CIBuilds", false},
		{"extra spaces", 0, "  CI   Builds ", true},
		{"non-breaking space", 0, "CI\u00a0Builds", true},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			key := s.key(t, "CI Builds")
			if tt.used >= 0 {
				record(t, s.Store, countsOf(use{key: key, at: s.Now()}))
				s.Clock.Advance(tt.used)
			}
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.Confirmation{Name: tt.entered})
			if (err == nil) != tt.confirmed {
				t.Errorf("%s: error = %v, want confirmed = %v", tt.name, err, tt.confirmed)
			}
			if !tt.confirmed {
				wantFields(t, err, "confirm_name")
			}
			if got := s.read(t, key).DeletedAt != nil; got != tt.confirmed {
				t.Errorf("%s: deleted = %v, want %v", tt.name, got, tt.confirmed)
			}
		}
	})
}

// TestAnyStoredNameCanBeConfirmed checks names that people can't easily type, each as a person would.
func TestAnyStoredNameCanBeConfirmed(t *testing.T) {
	tests := []struct{ stored, typed string }{
		{"CI  Builds ", "CI Builds"},
		{"CI\u00a0Builds", "CI Builds"},
		{"CI\u2003Builds", "CI Builds"},
		{"C\u200bI", "CI"},
		{"\ufeffCI", "CI"},
		{"CI\u202e", "CI"},
		{"C\u00adI\u2800", "CI"},
		{"Cafe\u0301", "Caf\u00e9"},
		{"Cafe\u200b\u0301", "Caf\u00e9"},
		{"Ada’s “CI” – prod", `Ada's "CI" - prod`},
		{"👩‍👩‍👧‍👦 launch", "👩👩👧👦 launch"},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			key := s.stored(t, s.key(t, "Stored"), tt.stored)
			record(t, s.Store, countsOf(use{key: key, at: s.Now()}))
			if !models.IsHardToType(tt.stored) {
				t.Errorf("%q is not hard to type", tt.stored)
			}
			if got := keyNamesOf(t, s, models.APIKeyFilter{Search: tt.typed}); len(got) != 1 {
				t.Errorf("search for %q found %q, want only %q", tt.typed, got, tt.stored)
			}
			if got := keyNamesOf(t, s, models.APIKeyFilter{Search: tt.stored}); len(got) != 1 {
				t.Errorf("search for %q found %q, want only %q", tt.stored, got, tt.stored)
			}
			if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.Confirmation{Name: "Other"}); err == nil {
				t.Fatalf("%q was confirmed with another name", tt.stored)
			}
			if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.Confirmation{Name: tt.typed}); err != nil {
				t.Errorf("confirm %q with %q: %v", tt.stored, tt.typed, err)
			}
		}
	})
}

func TestDeleteAPIKeyEndsARotationInUseWithAReason(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		s.rotate(t, old)
		record(t, s.Store, countsOf(use{key: old, at: s.Now()}))
		_, err := s.DeleteAPIKey(s.ctx, s.id, old.ID, models.Confirmation{Name: "CI"})
		wantFields(t, err, "reason")
		gone, err := s.DeleteAPIKey(s.ctx, s.id, old.ID, models.Confirmation{Name: "CI", Reason: "It leaked"})
		if err != nil {
			t.Fatal(err)
		}
		if receipt, _ := gone.DeletionReceipt(); receipt.Reason != "It leaked" {
			t.Errorf("reason = %q, want %q", receipt.Reason, "It leaked")
		}
	})
}

func TestNoConfirmationDeletesWhatIsInUse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, old, endpoint := s.key(t, "CI"), s.key(t, "Old"), s.endpoint(t)
		s.rotate(t, old)
		record(t, s.Store, countsOf(use{key: key, at: s.Now()}, use{key: old, at: s.Now()}))
		for _, id := range []string{key.ID, old.ID} {
			if _, err := s.DeleteAPIKey(s.ctx, s.id, id, models.NoConfirmation); err != nil {
				t.Error(err)
			}
		}
		if err := s.DeleteWebhookEndpoint(s.ctx, s.id, endpoint.ID, models.NoConfirmation); err != nil {
			t.Error(err)
		}
	})
}

func TestBulkDeleteAPIKeysAsksForTheNumberIfAnyIsInUse(t *testing.T) {
	tests := []struct {
		name      string
		inUse     bool
		entered   string
		confirmed bool
	}{
		{"none in use", false, "", true},
		{"one in use", true, "", false},
		{"one in use, wrong number", true, "2", false},
		{"one in use, right number", true, " 3 ", true},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			keys := []*models.APIKey{s.key(t, "First"), s.key(t, "Second"), s.key(t, "Third")}
			if tt.inUse {
				record(t, s.Store, countsOf(use{key: keys[1], at: s.Now()}))
			}
			ids := append(idsOfKeys(keys...), keys[0].ID) // repeated
			_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.Confirmation{Number: tt.entered})
			if (err == nil) != tt.confirmed {
				t.Errorf("%s: error = %v, want confirmed = %v", tt.name, err, tt.confirmed)
			}
			if !tt.confirmed {
				wantFields(t, err, "confirm_number")
			}
			if got := s.read(t, keys[0]).DeletedAt != nil; got != tt.confirmed {
				t.Errorf("%s: deleted = %v, want %v", tt.name, got, tt.confirmed)
			}
		}
	})
}

func TestDeleteWebhookEndpointAsksForTheHostOfOneInUse(t *testing.T) {
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	recent, old := now.Add(-time.Hour), now.Add(-24*time.Hour)
	endpoint := models.WebhookEndpoint{URL: "https://hooks.example.com/in?token=1"}
	disabled := endpoint
	disabled.DisabledAt = &old
	for _, tt := range []struct {
		name     string
		endpoint models.WebhookEndpoint
		health   models.WebhookHealth
		asks     string
	}{
		{"without deliveries", endpoint, models.WebhookHealth{}, ""},
		{"deliveries arrive", endpoint, models.WebhookHealth{Succeeded: 1, LastAttemptedAt: &recent}, "hooks.example.com"},
		{"deliveries arrived a day ago", endpoint, models.WebhookHealth{Succeeded: 1, LastAttemptedAt: &old}, ""},
		{"all deliveries fail", endpoint, models.WebhookHealth{Failed: 3, LastAttemptedAt: &recent}, ""},
		{"deliveries are pending", endpoint, models.WebhookHealth{Pending: 1}, "hooks.example.com"},
		{"disabled", disabled, models.WebhookHealth{Succeeded: 1, Pending: 1, LastAttemptedAt: &recent}, ""},
	} {
		if got, want := tt.endpoint.DeletionChallenge(tt.health, now), (models.Challenge{Name: tt.asks}); got != want {
			t.Errorf("%s: challenge = %+v, want %+v", tt.name, got, want)
		}
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := s.endpoint(t)
		s.key(t, "CI") // adds a pending delivery
		wantUnchanged(t, s.Store, func() {
			wantFields(t, s.DeleteWebhookEndpoint(s.ctx, s.id, made.ID, models.Confirmation{}), "confirm_name")
			wantFields(t, s.DeleteWebhookEndpoint(s.ctx, s.id, made.ID, models.Confirmation{Name: made.URL}), "confirm_name")
		})
		if err := s.DeleteWebhookEndpoint(s.ctx, s.id, made.ID, models.Confirmation{Name: made.Host()}); err != nil {
			t.Error(err)
		}
	})
}
