package models_test

import (
	"context"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func TestEveryEventNeedsReadScope(t *testing.T) {
	for _, event := range models.EventTypes {
		if _, known := event.ReadScopes(); !known {
			t.Errorf("%s needs no scope", event)
		}
	}
	for event, want := range map[models.EventType]scope.Set{
		models.MeetingRequestBookedEvent: scope.Of(scope.MeetingRequestsRead),
		models.MemberAddedEvent:          scope.Of(scope.MembersRead),
		models.APIKeyExpiringEvent:       scope.Of(scope.APIKeysRead),
		models.SeatReleasedEvent:         scope.Of(scope.SeatsRead),
		models.AuditLogEvent:             scope.ReadOnly,
	} {
		if got, _ := event.ReadScopes(); got != want {
			t.Errorf("scopes for %s = %s, want %s", event, got, want)
		}
	}
	if got, known := models.PingEvent.ReadScopes(); known {
		t.Errorf("scopes for a ping = %s, want none", got)
	}
}

// TestKeySubscribesOnlyToReadableEvents covers every change that can cause an event to be sent.
func TestKeySubscribesOnlyToReadableEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		create := func(ctx context.Context, events ...string) (*models.WebhookEndpoint, error) {
			endpoint, _, err := s.CreateWebhookEndpoint(ctx, s.id, models.NewWebhookEndpoint{URL: "https://hooks.example.com", Events: events})
			return endpoint, err
		}
		endpoint, err := create(s.ctx, "member.added", "seat.assigned")
		if err != nil {
			t.Fatal(err)
		}
		edit := func(ctx context.Context, edit models.WebhookEndpointEdit) error {
			_, err := s.EditWebhookEndpoint(ctx, s.id, endpoint.ID, edit)
			return err
		}
		key := s.asKey(t, scope.Of(scope.WebhooksWrite, scope.MembersRead))
		for name, change := range map[string]func() error{
			"create": func() error { _, err := create(key, "member.added", "seat.assigned"); return err },
			"change URL": func() error {
				return edit(key, models.WebhookEndpointEdit{URL: models.To("https://attacker.example.com")})
			},
			"select event": func() error {
				return edit(key, models.WebhookEndpointEdit{Events: models.To([]string{"member.added", "api_key.created"})})
			},
			"enable": func() error { return edit(key, models.WebhookEndpointEdit{Enabled: models.To(true)}) },
		} {
			t.Run(name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() { wantKind(t, change(), models.Forbidden) })
			})
		}
		for name, change := range map[string]func() error{
			"create with readable events": func() error { _, err := create(key, "member.added"); return err },
			"disable":                     func() error { return edit(key, models.WebhookEndpointEdit{Enabled: models.To(false)}) },
			"change description":          func() error { return edit(key, models.WebhookEndpointEdit{Description: models.To(ptr("CRM"))}) },
			"enable as a person":          func() error { return edit(s.ctx, models.WebhookEndpointEdit{Enabled: models.To(true)}) },
		} {
			t.Run(name, func(t *testing.T) {
				if err := change(); err != nil {
					t.Errorf("error = %v, want none", err)
				}
			})
		}
		if err := edit(key, models.WebhookEndpointEdit{Events: models.To([]string{"member.added"})}); err != nil {
			t.Errorf("select only readable events: error = %v, want none", err)
		}
	})
}

func TestUnknownEventsAreUnreadable(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, models.NewWebhookEndpoint{URL: "https://hooks.example.com", Events: []string{"seat.assigned"}})
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE webhook_endpoints SET events = 'invoice.sent' WHERE id = $1", endpoint.ID)
		_, err = s.EditWebhookEndpoint(s.asKey(t, scope.All), s.id, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		wantKind(t, err, models.Forbidden)
		delivery := models.WebhookDelivery{EventType: "invoice.sent"}
		if got := delivery.WireFor(scope.All).Payload; got != nil {
			t.Errorf("payload of an unknown event = %v, want nil", got)
		}
	})
}
