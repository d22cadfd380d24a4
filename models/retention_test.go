package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestRetention purges the same data on a node with the shortest times and on one with the defaults.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	endpoint := models.NewWebhookEndpoint{URL: "https://example.com/", Events: []string{"api_key.created"}}
	if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, endpoint); err != nil {
		t.Fatal(err)
	}
	key := s.key(t, "CI") // with an event, a delivery, and a notification
	if err := s.AddUsage(s.ctx, countsOf(use{key, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil {
		t.Fatal(err)
	}
	anonymous := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: "203.0.113.7"})
	if _, err := s.SignIn(anonymous, "", models.Credentials{Email: "ada@acme.test", Password: "wrong"}); err == nil {
		t.Fatal("signed in with a wrong password")
	}
	short := s.Keeping(t, models.Retention{Usage: 1, Deliveries: 1, FailedSignIns: 1, Notifications: 1}) // less than allowed
	for _, tt := range []struct {
		days   int
		tables []string
	}{
		{models.DeliveryRetention.Least, []string{"webhook_deliveries", "failed_sign_ins"}},
		{models.DeliveryRetention.Least + 15, []string{"events"}},
		{models.NotificationRetention.Least, []string{"notifications"}},
		{models.UsageRetention.Least, []string{"api_key_usage_days", "api_key_callers"}},
	} {
		for _, purge := range []struct {
			by   *modelstest.Store
			at   int // days
			kept bool
		}{{short, tt.days - 1, true}, {s.Store, tt.days + 1, true}, {short, tt.days + 1, false}} {
			s.Clock.Advance(modelstest.Start.AddDate(0, 0, purge.at).Sub(s.Now()))
			if err := purge.by.PurgeExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, table := range tt.tables {
				var rows int64
				if err := s.DB().Table(table).Count(&rows).Error; err != nil {
					t.Fatal(err)
				}
				if kept := rows > 0; kept != purge.kept {
					t.Errorf("rows of %s after %d days = %d, want some: %t", table, purge.at, rows, purge.kept)
				}
			}
		}
	}
}
