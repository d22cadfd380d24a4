package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// lastAudited returns the newest audit event about an endpoint.
func (s fixture) lastAudited(t *testing.T, endpointID string) models.AuditEvent {
	t.Helper()
	events, err := s.AuditEventsOf(s.ctx, s.id, endpointID, 1)
	if err != nil || len(events) == 0 {
		t.Fatalf("audit events = %d, error = %v", len(events), err)
	}
	return events[0]
}

// failAll makes all deliveries to an endpoint fail for good.
func (s fixture) failAll(t *testing.T, endpointID string) {
	t.Helper()
	s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', attempts = 10, failure = 'timeout', next_attempt_at = NULL WHERE endpoint_id = $1", endpointID)
}

func TestRetryFailedWebhookDeliveries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, other := s.endpoint(t), s.endpoint(t)
		for i := range 3 {
			s.key(t, fmt.Sprint(i))
		}
		if _, err := s.RetryFailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{}); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("retry without failed deliveries: %v, want FailedPrecondition", err)
		}
		s.failAll(t, endpoint.ID)
		s.failAll(t, other.ID)
		s.Clock.Advance(time.Minute)
		s.key(t, "pending") // not retried
		later := s.Now()
		count, err := s.FailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{Before: &later})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "failed deliveries", count, 3)
		none, err := s.FailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{From: &later})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "failed deliveries of the last minute", none, 0)
		if _, err := s.RetryFailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{EventType: models.SeatAssignedEvent}); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("retry of another event: %v, want FailedPrecondition", err)
		}

		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		wantUnchanged(t, s.Store, func() {
			if _, err := s.RetryFailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{}); !models.IsKind(err, models.FailedPrecondition) {
				t.Errorf("retry for a disabled endpoint: %v, want FailedPrecondition", err)
			}
		})
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		retried, err := s.RetryFailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "retried deliveries", retried, 3)
		audited := s.lastAudited(t, endpoint.ID)
		modelstest.Equal(t, "action", audited.Action, "webhook_endpoint.deliveries_retried")
		modelstest.Equal(t, "audited deliveries", audited.Details["deliveries"], "3")
		modelstest.Equal(t, "actor", *audited.ActorID, s.admin.ID)

		claimed := s.claim(t, endpoint.ID)
		modelstest.Equal(t, "due deliveries", len(claimed), 4)
		manual := 0
		for i := range claimed {
			if claimed[i].Manual {
				manual++
				modelstest.Equal(t, "scheduled", claimed[i].Scheduled, false)
			}
		}
		modelstest.Equal(t, "manual retries", manual, 3)
		modelstest.Equal(t, "due deliveries to the other endpoint", len(s.claim(t, other.ID)), 1)

		theirs := newFixture(t, s.Store, "Other", "eve@other.test")
		if _, err := theirs.RetryFailedWebhookDeliveries(theirs.ctx, theirs.id, endpoint.ID, models.DeliveryFilter{}); !models.IsKind(err, models.NotFound) {
			t.Errorf("retry in another workspace: %v, want NotFound", err)
		}
	})
}

func TestRetryOfFailedDeliveriesIsBounded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		s.failAll(t, endpoint.ID)
		s.Exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
			INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, response_excerpt, failure, duration_ms, created_at)
			SELECT id || n, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, response_excerpt, failure, duration_ms, created_at
			FROM webhook_deliveries, numbers WHERE endpoint_id = $1`, endpoint.ID)
		for _, want := range []int{models.MaxRetries, 1} {
			count, err := s.FailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "failed deliveries", count, want)
			retried, err := s.RetryFailedWebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "retried deliveries", retried, want)
		}
	})
}

func TestReplayWebhookEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		early := s.key(t, "before the endpoint existed")
		s.Clock.Advance(time.Hour)
		from := s.Now()
		endpoint := s.endpoint(t)
		s.key(t, "delivered")
		claimed := s.claim(t, endpoint.ID)
		if err := s.RecordAttempts(s.ctx, []models.WebhookAttempt{{Delivery: &claimed[0], At: s.Now(), ResponseCode: 200}}); err != nil {
			t.Fatal(err)
		}
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		s.key(t, "missed")
		if _, err := s.ReplayableEvents(s.ctx, s.id, endpoint.ID, models.Replay{From: from.Add(-time.Second), Before: s.Now()}); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("replay to a disabled endpoint: %v, want FailedPrecondition", err)
		}
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		s.key(t, "pending") // left out
		if _, err := s.SendWebhookExample(s.ctx, s.id, endpoint.ID, models.APIKeyCreatedEvent); err != nil {
			t.Fatal(err) // left out
		}
		s.Clock.Advance(time.Minute)
		period := models.Replay{From: from, Before: s.Now()}
		count, err := s.ReplayableEvents(s.ctx, s.id, endpoint.ID, period)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events", count, 2)
		wantUnchanged(t, s.Store, func() {
			for _, confirmed := range []int{0, 1, 3} {
				if err := s.ReplayWebhookEvents(s.ctx, s.id, endpoint.ID, period, confirmed); !models.IsKind(err, models.FailedPrecondition) {
					t.Errorf("replay of 2 events, %d confirmed: %v, want FailedPrecondition", confirmed, err)
				}
			}
		})
		before := s.deliveries(t, endpoint.ID)
		if err := s.ReplayWebhookEvents(s.ctx, s.id, endpoint.ID, period, count); err != nil {
			t.Fatal(err)
		}
		after := s.deliveries(t, endpoint.ID)
		modelstest.Equal(t, "new deliveries", len(after)-len(before), 2)
		modelstest.Equal(t, "event of the second delivery", after[1].EventID, claimed[0].EventID)
		modelstest.Equal(t, "scheduled", after[0].Scheduled, true)
		audited := s.lastAudited(t, endpoint.ID)
		modelstest.Equal(t, "action", audited.Action, "webhook_endpoint.events_replayed")
		modelstest.Equal(t, "details", audited.Details, map[string]string{
			"deliveries": "2", "starts_at": from.Format(time.RFC3339), "ends_at": period.Before.Format(time.RFC3339),
		})
		for _, d := range s.claim(t, endpoint.ID) {
			if d.EventID == claimed[0].EventID {
				modelstest.Equal(t, "body of the replayed event", string(d.Body), string(claimed[0].Body))
			}
		}
		if err := s.ReplayWebhookEvents(s.ctx, s.id, endpoint.ID, period, count); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("second replay while the first is pending: %v, want FailedPrecondition", err)
		}

		all := models.Replay{From: early.CreatedAt, Before: s.Now()}
		added := s.endpoint(t)
		if count, err = s.ReplayableEvents(s.ctx, s.id, added.ID, all); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events from before the endpoint existed", count, 4)
		theirs := newFixture(t, s.Store, "Other", "eve@other.test")
		if err := theirs.ReplayWebhookEvents(theirs.ctx, theirs.id, added.ID, all, count); !models.IsKind(err, models.NotFound) {
			t.Errorf("replay in another workspace: %v, want NotFound", err)
		}
	})
}

func TestReplayPeriodIsBounded(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		now := s.Now()
		for _, tt := range []struct {
			name         string
			from, before time.Duration
			field        string
		}{
			{"too old", -models.ReplayableFor - time.Second, 0, "from"},
			{"in the future", -time.Hour, time.Second, "to"},
			{"empty", -time.Hour, -time.Hour, "to"},
			{"reversed", -time.Hour, -2 * time.Hour, "to"},
		} {
			period := models.Replay{From: now.Add(tt.from), Before: now.Add(tt.before)}
			_, err := s.ReplayableEvents(s.ctx, s.id, endpoint.ID, period)
			wantFields(t, err, tt.field)
			wantFields(t, s.ReplayWebhookEvents(s.ctx, s.id, endpoint.ID, period, 0), tt.field)
		}
		s.key(t, "CI")
		s.failAll(t, endpoint.ID)
		s.Exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < `+strconv.Itoa(models.MaxReplay)+`)
			INSERT INTO events (id, workspace_id, type, data, created_at) SELECT id || n, workspace_id, type, data, created_at FROM events, numbers`)
		s.Clock.Advance(time.Minute)
		_, err := s.ReplayableEvents(s.ctx, s.id, endpoint.ID, models.Replay{From: now, Before: s.Now()})
		wantKind(t, err, models.FailedPrecondition)
	})
}

// TestReplayedEventsOutliveTheirDeliveries replays an event that is as old as possible.
func TestReplayedEventsOutliveTheirDeliveries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		created := s.Now()
		s.key(t, "CI")
		s.failAll(t, endpoint.ID)
		s.Clock.Advance(models.ReplayableFor)
		if err := s.ReplayWebhookEvents(s.ctx, s.id, endpoint.ID, models.Replay{From: created, Before: created.Add(time.Second)}, 1); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			s.Clock.Advance(24 * time.Hour)
			if err := s.PurgeExpired(s.ctx); err != nil {
				t.Fatal(err)
			}
			for _, d := range s.deliveries(t, endpoint.ID) {
				if d.Event.ID == "" {
					t.Fatalf("at %v: event of a delivery from %v is deleted", s.Now(), d.CreatedAt)
				}
			}
		}
		modelstest.Equal(t, "deliveries after 54 days", len(s.deliveries(t, endpoint.ID)), 0)
	})
}

func TestSendWebhookExample(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.edit(t, s.endpoint(t).ID, models.WebhookEndpointEdit{Events: models.To(models.EventList(models.EventTypes).Names())})
		for _, eventType := range models.EventTypes {
			sent, err := s.SendWebhookExample(s.ctx, s.id, endpoint.ID, eventType)
			if err != nil {
				t.Fatalf("%s: %v", eventType, err)
			}
			claimed := slices.DeleteFunc(s.claim(t, endpoint.ID), func(d models.ClaimedDelivery) bool { return d.ID != sent.ID }) // others are audit events
			if len(claimed) != 1 {
				t.Fatalf("%s: due deliveries of the example = %d, want 1", eventType, len(claimed))
			}
			modelstest.Equal(t, "scheduled", claimed[0].Scheduled, false)
			var body struct {
				Type string
				Test bool
				Data map[string]any
			}
			if err := json.Unmarshal(claimed[0].Body, &body); err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "type", body.Type, string(eventType))
			modelstest.Equal(t, "test", body.Test, true)
			if id, _ := body.Data["id"].(string); id == "" {
				t.Errorf("%s: data = %v, want an object with an ID", eventType, body.Data)
			}
		}
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Events: models.To([]string{"member.added"})})
		for _, eventType := range []models.EventType{models.SeatAssignedEvent, models.PingEvent, "seat.lost"} {
			_, err := s.SendWebhookExample(s.ctx, s.id, endpoint.ID, eventType)
			wantFields(t, err, "event")
		}
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		_, err := s.SendWebhookExample(s.ctx, s.id, endpoint.ID, models.MemberAddedEvent)
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestWebhookEndpointTitle(t *testing.T) {
	for _, tt := range []struct{ url, description, want string }{
		{"https://hooks.example.com/in/crm?token=1", "", "hooks.example.com/in/crm"},
		{"https://hooks.example.com/", "", "hooks.example.com"},
		{"https://hooks.example.com:8443", "", "hooks.example.com:8443"},
		{"https://hooks.example.com/in", "CRM", "CRM"},
	} {
		endpoint := models.WebhookEndpoint{URL: tt.url, Description: &tt.description}
		modelstest.Equal(t, "title of "+tt.url, endpoint.Title(), tt.want)
	}
}
