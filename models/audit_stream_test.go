package models_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// streamedEvent is a part of the data of an audit event that is sent to an endpoint.
type streamedEvent struct {
	Action, Target, Hash string
	Seq                  int64
}

// streamed returns the audit events that are due for an endpoint, oldest first.
func (s fixture) streamed(t *testing.T, endpointID string) (events []streamedEvent) {
	t.Helper()
	for _, claimed := range s.claim(t, endpointID) {
		var body struct {
			Type string
			Data streamedEvent
		}
		if err := json.Unmarshal(claimed.Body, &body); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "type", body.Type, "audit.event")
		events = append(events, body.Data)
	}
	return events
}

func TestAuditLogIsStreamed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.edit(t, s.endpoint(t).ID, models.WebhookEndpointEdit{Events: models.To([]string{"audit.event"})})
		theirs := newFixture(t, s.Store, "Other", "eve@other.test")
		theirs.edit(t, theirs.endpoint(t).ID, models.WebhookEndpointEdit{Events: models.To([]string{"audit.event"})})
		s.claim(t, endpoint.ID) // the event about the endpoint itself
		s.key(t, "CI")
		theirs.key(t, "Theirs")
		s.key(t, "Deploy")
		seq, head, err := s.AuditHead(t.Context(), s.id)
		if err != nil {
			t.Fatal(err)
		}
		got := s.streamed(t, endpoint.ID)
		if len(got) != 2 {
			t.Fatalf("streamed events = %+v, want 2", got)
		}
		modelstest.Equal(t, "hash of the last event", got[1].Hash, head)
		got[0].Hash, got[1].Hash = "", ""
		want := []streamedEvent{{Action: "api_key.created", Target: "CI", Seq: seq - 1}, {Action: "api_key.created", Target: "Deploy", Seq: seq}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("streamed events (-want +got):\n%s", diff)
		}
	})
}

// Events are written with the change, and only if someone subscribes. A disabled endpoint can replay them.
func TestAuditLogIsStreamedWithTheChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		published := func() int64 { t.Helper(); return s.published(t, models.AuditLogEvent) }
		s.key(t, "CI")
		modelstest.Equal(t, "events without a subscriber", published(), 0)
		endpoint := s.edit(t, s.endpoint(t).ID, models.WebhookEndpointEdit{Events: models.To([]string{"audit.event"})})
		before := published()
		wantUnchanged(t, s.Store, func() {
			err := s.Tx(s.ctx, func(tx *models.Store) error {
				if _, _, err := tx.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Rolled back"}); err != nil {
					return err
				}
				return errStop
			})
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
		})
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		sent := len(s.deliveries(t, endpoint.ID))
		s.key(t, "While disabled")
		modelstest.Equal(t, "events", published(), before+2) // disabling the endpoint, and the key
		modelstest.Equal(t, "deliveries", len(s.deliveries(t, endpoint.ID)), sent)
	})
}

// Two deletions at the same time each lock the other endpoint for their audit event.
func TestEndpointsThatReceiveTheAuditLogAreDeletedAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		var ids []string
		for range 8 {
			ids = append(ids, s.edit(t, s.endpoint(t).ID, models.WebhookEndpointEdit{Events: models.To([]string{"audit.event"})}).ID)
		}
		errs := atOnce(len(ids), func(i int) error {
			err := s.DeleteWebhookEndpoint(s.ctx, s.id, ids[i], models.NoConfirmation)
			if err != nil {
				return fmt.Errorf("delete endpoint %d: %w", i, err)
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}
