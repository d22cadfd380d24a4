package models_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// deliveries returns the deliveries to an endpoint, newest first.
func (s fixture) deliveries(t *testing.T, endpointID string) []models.WebhookDelivery {
	t.Helper()
	list, err := s.WebhookDeliveries(s.ctx, s.id, endpointID, models.DeliveryFilter{}, models.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// claim claims all that is due for an endpoint.
func (s fixture) claim(t *testing.T, endpointID string) []models.ClaimedDelivery {
	t.Helper()
	claimed, err := s.ClaimDeliveries(s.ctx, []models.ClaimLimit{{EndpointID: endpointID, AtMost: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

// attempt claims the one delivery that is due for an endpoint, and records the result.
func (s fixture) attempt(t *testing.T, endpointID string, a models.WebhookAttempt) {
	t.Helper()
	claimed := s.claim(t, endpointID)
	if len(claimed) != 1 {
		t.Fatalf("due deliveries = %d, want 1", len(claimed))
	}
	a.Delivery, a.At = &claimed[0], s.Now()
	if err := s.RecordAttempts(s.ctx, []models.WebhookAttempt{a}); err != nil {
		t.Fatal(err)
	}
}

var unavailable = models.WebhookAttempt{Failure: models.FailedStatus, ResponseCode: http.StatusServiceUnavailable, Response: "down"}

func TestEventsGoToSubscribedEndpoints(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wants, off := s.endpoint(t), s.endpoint(t)
		s.edit(t, off.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		other := s.endpoint(t)
		s.edit(t, other.ID, models.WebhookEndpointEdit{Events: models.To([]string{"member.added"})})
		theirs := newFixture(t, s.Store, "Other", "eve@other.test")
		foreign := theirs.endpoint(t)
		key := s.key(t, "CI")
		if n := len(s.deliveries(t, off.ID)) + len(s.deliveries(t, other.ID)) + len(theirs.deliveries(t, foreign.ID)); n != 0 {
			t.Errorf("deliveries to endpoints that did not subscribe = %d, want 0", n)
		}
		got := s.deliveries(t, wants.ID)
		if len(got) != 1 {
			t.Fatalf("got = %+v, want 1", got)
		}
		modelstest.Equal(t, "got[0] status", got[0].Status, models.DeliveryPending)
		modelstest.Equal(t, "got[0] event type", got[0].EventType, models.APIKeyCreatedEvent)
		claimed := s.claim(t, wants.ID)
		if len(claimed) != 1 {
			t.Fatalf("claimed = %+v, want 1", claimed)
		}
		modelstest.Equal(t, "claimed[0] URL", claimed[0].URL, hook.URL)
		modelstest.Equal(t, "claimed[0] event ID", claimed[0].EventID, got[0].EventID)
		var body map[string]any
		if err := json.Unmarshal(claimed[0].Body, &body); err != nil {
			t.Fatal(err)
		}
		data, _ := body["data"].(map[string]any)
		modelstest.Equal[any](t, "id", body["id"], got[0].EventID)
		modelstest.Equal[any](t, "type", body["type"], "api_key.created")
		modelstest.Equal[any](t, "timestamp", body["timestamp"], "2026-03-14T09:26:53Z")
		modelstest.Equal[any](t, "data.id", data["id"], key.ID)
		if len(body) != 4 {
			t.Fatalf("body = %+v, want 4", body)
		}
	})
}

func TestRolledBackChangeAddsNoDelivery(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		select {
		case <-s.WebhooksDue():
		default:
		}
		wantUnchanged(t, s.Store, func() {
			err := s.Tx(s.ctx, func(tx *models.Store) error {
				if _, err := tx.AssignSeat(s.ctx, s.id, s.admin.ID); err != nil {
					return err
				}
				return errStop
			})
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
		})
		select {
		case <-s.WebhooksDue():
			t.Error("WebhooksDue received a value after a rollback")
		default:
		}
		s.key(t, "CI")
		select {
		case <-s.WebhooksDue():
		default:
			t.Error("WebhooksDue received no value after a commit")
		}
		if n := len(s.deliveries(t, endpoint.ID)); n != 1 {
			t.Errorf("deliveries = %d, want 1", n)
		}
	})
}

func TestConcurrentClaimsDoNotOverlap(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		const events = 40
		for i := range events {
			s.key(t, fmt.Sprint(i))
		}
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		seen := map[string]int{}
		for _, claimed := range atOnce(10, func(i int) []models.ClaimedDelivery {
			claimed, err := nodes[i%2].ClaimDeliveries(s.ctx, []models.ClaimLimit{{EndpointID: endpoint.ID, AtMost: 7}})
			if err != nil {
				t.Error(err)
			}
			return claimed
		}) {
			for _, d := range claimed {
				seen[d.ID]++
			}
		}
		for _, d := range s.claim(t, endpoint.ID) {
			seen[d.ID]++
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("delivery %s was claimed %d times, want 1", id, times)
			}
		}
		if len(seen) != events {
			t.Errorf("%d deliveries are claimed, want %d", len(seen), events)
		}
	})
}

// TestClaimExpires checks that a late result from the previous node is ignored.
func TestClaimExpires(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		late := s.claim(t, endpoint.ID)
		s.Clock.Advance(models.WebhookClaim - time.Millisecond)
		if n := len(s.claim(t, endpoint.ID)); n != 0 {
			t.Fatalf("deliveries claimed during the claim of another node = %d, want 0", n)
		}
		if _, err := s.RetryWebhookDelivery(s.ctx, s.id, endpoint.ID, late[0].ID); !models.IsKind(err, models.FailedPrecondition) {
			t.Errorf("retry of a delivery that is being sent: %v, want FailedPrecondition", err)
		}
		s.Clock.Advance(time.Millisecond)
		again := s.claim(t, endpoint.ID)
		if len(again) != 1 {
			t.Fatalf("again = %+v, want 1", again)
		}
		modelstest.Equal(t, "again[0] ID", again[0].ID, late[0].ID)
		modelstest.Equal(t, "again[0] event ID", again[0].EventID, late[0].EventID)
		modelstest.Equal(t, "again[0] body", string(again[0].Body), string(late[0].Body))
		wantUnchanged(t, s.Store, func() {
			if err := s.RecordAttempts(s.ctx, []models.WebhookAttempt{{Delivery: &late[0], At: s.Now()}}); err != nil {
				t.Error(err)
			}
			if err := s.ReleaseDeliveries(s.ctx, []*models.ClaimedDelivery{&late[0]}); err != nil {
				t.Error(err)
			}
		})
		if err := s.ReleaseDeliveries(s.ctx, []*models.ClaimedDelivery{&again[0]}); err != nil {
			t.Fatal(err)
		}
		if n := len(s.claim(t, endpoint.ID)); n != 1 {
			t.Errorf("due deliveries after one was released = %d, want 1", n)
		}
	})
}

// TestLateResultDoesNotDisableEndpoint covers results for expired claims and results that are
// reported twice.
func TestLateResultDoesNotDisableEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		late := s.claim(t, endpoint.ID)
		s.Clock.Advance(models.WebhookClaim)
		theirs := s.claim(t, endpoint.ID)
		gone := func(d *models.ClaimedDelivery) {
			t.Helper()
			word := models.WebhookAttempt{Delivery: d, At: s.Now(), Failure: models.FailedGone, ResponseCode: http.StatusGone}
			if err := s.RecordAttempts(s.ctx, []models.WebhookAttempt{word}); err != nil {
				t.Fatal(err)
			}
		}
		wantUnchanged(t, s.Store, func() { gone(&late[0]) })
		gone(&theirs[0])
		if read, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID); err != nil || read.Enabled() {
			t.Fatalf("endpoint is still enabled, error = %v", err)
		}
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		wantUnchanged(t, s.Store, func() { gone(&theirs[0]) })
	})
}

// TestRetrySchedule walks a delivery through every attempt of API.md §9.
func TestRetrySchedule(t *testing.T) {
	delays := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		for i, delay := range delays {
			s.attempt(t, endpoint.ID, unavailable)
			next := s.deliveries(t, endpoint.ID)[0].NextAttemptAt.Sub(s.Now())
			if next < delay || next > delay+delay/10 {
				t.Errorf("attempt %d comes after %v, want %v and up to a tenth more", i+2, next, delay)
			}
			s.Clock.Advance(delay - time.Millisecond)
			if n := len(s.claim(t, endpoint.ID)); n != 0 {
				t.Errorf("attempt %d is due a millisecond early", i+2)
			}
			s.Clock.Advance(delay/10 + time.Millisecond)
		}
		s.attempt(t, endpoint.ID, unavailable)
		d := s.deliveries(t, endpoint.ID)[0]
		modelstest.Equal(t, "status", d.Status, models.DeliveryFailed)
		modelstest.Equal(t, "attempts", d.Attempts, 10)
		modelstest.Equal(t, "next attempt at", d.NextAttemptAt, nil)
		modelstest.Equal(t, "response code", d.ResponseCode, new(503))
		modelstest.Equal(t, "response excerpt", d.ResponseExcerpt, "down")
		disabled, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "enabled", disabled.Enabled(), false)
		modelstest.Equal(t, "disabled reason", disabled.DisabledReason, new(models.DisabledTooManyFailures))
		events, err := s.AuditEventsOf(s.ctx, s.id, endpoint.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "events[0] action", events[0].Action, "webhook_endpoint.disabled")
		modelstest.Equal(t, "events[0] actor type", events[0].ActorType, models.ActorSystem)
		modelstest.Equal(t, "events[0] detail reason", events[0].Details["reason"], "too_many_failures")
	})
}

func TestRetryAfter(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		for asked, want := range map[time.Duration]time.Duration{time.Second: 5 * time.Second, time.Minute: time.Minute, 1000 * time.Hour: 24 * time.Hour} {
			s.key(t, "CI")
			busy := unavailable
			busy.RetryAfter = asked
			s.attempt(t, endpoint.ID, busy)
			if next := s.deliveries(t, endpoint.ID)[0].NextAttemptAt.Sub(s.Now()); next < want || next > want+want/10 {
				t.Errorf("asked for %v the next attempt is in %v, want %v", asked, next, want)
			}
		}
	})
}

func TestGoneDisablesEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		s.attempt(t, endpoint.ID, models.WebhookAttempt{Failure: models.FailedGone, ResponseCode: http.StatusGone})
		gone, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "enabled", gone.Enabled(), false)
		modelstest.Equal(t, "disabled reason", gone.DisabledReason, new(models.DisabledGone))
		if d := s.deliveries(t, endpoint.ID)[0]; d.Status != models.DeliveryFailed || d.Attempts != 1 {
			t.Errorf("delivery = %+v", d)
		}
	})
}

func TestDisabledEndpointKeepsPendingDeliveries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "before")
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(false)})
		s.key(t, "meanwhile")
		waiting, err := s.DueEndpoints(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "waiting", len(waiting), 0)
		modelstest.Equal(t, "claimed", len(s.claim(t, endpoint.ID)), 0)
		wantUnchanged(t, s.Store, func() {
			_, err := s.PingWebhookEndpoint(s.ctx, s.id, endpoint.ID)
			wantKind(t, err, models.FailedPrecondition)
			_, err = s.RetryWebhookDelivery(s.ctx, s.id, endpoint.ID, s.deliveries(t, endpoint.ID)[0].ID)
			wantKind(t, err, models.FailedPrecondition)
		})
		s.edit(t, endpoint.ID, models.WebhookEndpointEdit{Enabled: models.To(true)})
		if n := len(s.claim(t, endpoint.ID)); n != 1 {
			t.Errorf("due deliveries = %d, want 1", n)
		}
	})
}

func TestFailedPingIsNotRetried(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		ping, err := s.PingWebhookEndpoint(s.ctx, s.id, endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "status", ping.Status, models.DeliveryPending)
		modelstest.Equal(t, "event type", ping.Event.Type, models.PingEvent)
		s.attempt(t, endpoint.ID, unavailable)
		read, err := s.WebhookDelivery(s.ctx, s.id, endpoint.ID, ping.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "status", read.Status, models.DeliveryFailed)
		modelstest.Equal(t, "next attempt at", read.NextAttemptAt, nil)
		if after, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID); err != nil || !after.Enabled() {
			t.Errorf("the endpoint is disabled, %v", err)
		}
	})
}

func TestRetryWebhookDelivery(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		s.attempt(t, endpoint.ID, unavailable)
		id := s.deliveries(t, endpoint.ID)[0].ID
		status := models.DeliveryPending
		retry := func() *models.WebhookDelivery {
			t.Helper()
			d, err := s.RetryWebhookDelivery(s.ctx, s.id, endpoint.ID, id)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "status", d.Status, status)
			modelstest.Equal(t, "next attempt at", d.NextAttemptAt, new(s.Now()))
			return d
		}
		if !retry().Scheduled {
			t.Error("Scheduled = false after an early retry")
		}
		s.attempt(t, endpoint.ID, unavailable)
		if d := s.deliveries(t, endpoint.ID)[0]; d.Attempts != 2 || d.NextAttemptAt.Sub(s.Now()) < 5*time.Minute {
			t.Errorf("delivery after a failed retry = %+v, want the schedule to continue", d)
		}
		retry()
		s.attempt(t, endpoint.ID, models.WebhookAttempt{ResponseCode: 204})
		d := s.deliveries(t, endpoint.ID)[0]
		modelstest.Equal(t, "status", d.Status, models.DeliverySuccess)
		modelstest.Equal(t, "attempts", d.Attempts, 3)
		modelstest.Equal(t, "delivered at", d.DeliveredAt, new(s.Now()))
		modelstest.Equal(t, "next attempt at", d.NextAttemptAt, nil)
		status = models.DeliverySuccess
		delivered := *d.DeliveredAt
		for i, result := range []models.WebhookAttempt{unavailable, {ResponseCode: 200}, unavailable} {
			s.Clock.Advance(time.Minute)
			again := retry()
			modelstest.Equal(t, "scheduled", again.Scheduled, false)
			modelstest.Equal(t, "delivered at", again.DeliveredAt, &delivered)
			s.attempt(t, endpoint.ID, result)
			d = s.deliveries(t, endpoint.ID)[0]
			modelstest.Equal(t, "status after a retry", d.Status, models.DeliverySuccess)
			modelstest.Equal(t, "delivered at after a retry", d.DeliveredAt, &delivered)
			modelstest.Equal(t, "attempts after a retry", d.Attempts, 4+i)
			modelstest.Equal(t, "failure after a retry", d.Failure, result.Failure)
			modelstest.Equal(t, "next attempt after a retry", d.NextAttemptAt, nil)
		}
	})
}

func TestManualRetriesDoNotDisableEndpoint(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		s.attempt(t, endpoint.ID, unavailable)
		const asked = 12
		for i := range asked {
			if _, err := s.RetryWebhookDelivery(s.ctx, s.id, endpoint.ID, s.deliveries(t, endpoint.ID)[0].ID); err != nil {
				t.Fatal(err)
			}
			if i == 0 { // a node that is stopped gives it back as it was
				claimed := s.claim(t, endpoint.ID)
				if err := s.ReleaseDeliveries(s.ctx, []*models.ClaimedDelivery{&claimed[0]}); err != nil {
					t.Fatal(err)
				}
			}
			s.attempt(t, endpoint.ID, unavailable)
		}
		d := s.deliveries(t, endpoint.ID)[0]
		modelstest.Equal(t, "status", d.Status, models.DeliveryPending)
		modelstest.Equal(t, "attempts", d.Attempts, 1+asked)
		if d.NextAttemptAt.Sub(s.Now()) < 24*time.Hour {
			t.Errorf("wait = %v, want at least %v", d.NextAttemptAt.Sub(s.Now()), 24*time.Hour)
		}
		if read, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID); err != nil || !read.Enabled() {
			t.Errorf("the endpoint is disabled, %v", err)
		}
		s.Clock.Advance(27 * time.Hour)
		s.attempt(t, endpoint.ID, unavailable)
		if read, err := s.WebhookEndpoint(s.ctx, s.id, endpoint.ID); err != nil || read.Enabled() {
			t.Errorf("endpoint is enabled after the last scheduled attempt, error = %v", err)
		}
	})
}

func TestDeliveryFilters(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "arrives")
		s.attempt(t, endpoint.ID, models.WebhookAttempt{ResponseCode: 200})
		if _, err := s.AssignSeat(s.ctx, s.id, s.admin.ID); err != nil {
			t.Fatal(err)
		}
		for filter, want := range map[models.DeliveryFilter]int{
			{}: 2, {Status: models.DeliverySuccess}: 1, {Status: models.DeliveryFailed}: 0, {EventType: models.SeatAssignedEvent}: 1,
			{Status: models.DeliveryPending, EventType: models.APIKeyCreatedEvent}: 0, {EventType: models.PingEvent}: 0,
		} {
			list, err := s.WebhookDeliveries(s.ctx, s.id, endpoint.ID, filter, models.Page{})
			if err != nil || len(list.Items) != want {
				t.Errorf("%+v lets %d through, want %d, %v", filter, len(list.Items), want, err)
			}
		}
		_, err := s.WebhookDeliveries(s.ctx, s.id, endpoint.ID, models.DeliveryFilter{Status: "lost", EventType: "seat.sold"}, models.Page{})
		wantFields(t, err, "status", "event_type")
	})
}

func TestWebhookHealth(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		if _, known := (models.WebhookHealth{}).SuccessRate(); known {
			t.Error("SuccessRate of no attempts is known")
		}
		for i := range 4 {
			if _, err := s.PingWebhookEndpoint(s.ctx, s.id, endpoint.ID); err != nil {
				t.Fatal(err)
			}
			result := models.WebhookAttempt{ResponseCode: 200}
			if i == 3 {
				result = unavailable
			}
			s.Clock.Advance(time.Second)
			s.attempt(t, endpoint.ID, result)
		}
		s.key(t, "CI")
		now := s.Now()
		want := models.WebhookHealth{LastAttemptedAt: &now, LastFailure: models.FailedStatus, Succeeded: 3, Failed: 1, Pending: 1}
		health, err := s.WebhookHealth(s.ctx, s.id, endpoint.ID)
		if diff := cmp.Diff(want, health); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if rate, known := health.SuccessRate(); rate != 0.75 || !known {
			t.Errorf("SuccessRate() = %v, %v; want 0.75, true", rate, known)
		}
		if backlog, err := s.WebhookBacklog(s.ctx); err != nil || backlog != (models.WebhookBacklog{Waiting: 1, Due: 1}) {
			t.Errorf("backlog = %+v, error = %v", backlog, err)
		}
		s.attempt(t, endpoint.ID, unavailable) // pending, to be retried
		health, err = s.WebhookHealth(s.ctx, s.id, endpoint.ID)
		rate, _ := health.SuccessRate()
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "health pending", health.Pending, 1)
		modelstest.Equal(t, "health retrying", health.Retrying, 1)
		modelstest.Equal(t, "rate", rate, 0.75) // of finished deliveries
	})
}

// TestWebhookHealthSample checks that each endpoint has its own sample of 100 deliveries.
func TestWebhookHealthSample(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		busy, calm, unused := s.endpoint(t), s.endpoint(t), s.endpoint(t)
		s.edit(t, unused.ID, models.WebhookEndpointEdit{Events: models.To([]string{"member.added"})})
		theirs := newFixture(t, s.Store, "Other", "eve@other.test")
		foreign := theirs.endpoint(t)
		theirs.key(t, "theirs")
		s.key(t, "CI")
		s.attempt(t, busy.ID, unavailable)
		s.attempt(t, calm.ID, models.WebhookAttempt{ResponseCode: 200})
		for range 100 {
			if _, err := s.PingWebhookEndpoint(s.ctx, s.id, busy.ID); err != nil {
				t.Fatal(err)
			}
		}
		healths, err := s.WebhookHealths(s.ctx, s.id, []string{busy.ID, calm.ID, unused.ID, foreign.ID})
		now := s.Now()
		want := map[string]models.WebhookHealth{busy.ID: {Pending: 100}, calm.ID: {Succeeded: 1, LastAttemptedAt: &now}}
		if diff := cmp.Diff(want, healths); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if none, err := s.WebhookHealths(s.ctx, s.id, nil); len(none) != 0 || err != nil {
			t.Errorf("health of no endpoints = %v, error = %v", none, err)
		}
	})
}

// TestResponseExcerpt checks that it is truncated and contains no API key.
func TestResponseExcerpt(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		_, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		s.attempt(t, endpoint.ID, models.WebhookAttempt{ResponseCode: 200, Response: "\x00\xff" + secret.Reveal() + strings.Repeat("x", 9000)})
		excerpt := s.deliveries(t, endpoint.ID)[0].ResponseExcerpt
		if len(excerpt) > models.MaxResponseExcerpt {
			t.Errorf("excerpt = %d bytes, want at most %d", len(excerpt), models.MaxResponseExcerpt)
		}
		if strings.Contains(excerpt, secret.Reveal()) {
			t.Errorf("excerpt = %q, want no key", excerpt)
		}
		wantContains(t, excerpt, "sk_live_")
	})
}

func TestPurgeDeletesDeliveriesAndEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "CI")
		rows := func(later time.Duration) int {
			s.Clock.Advance(later)
			if err := s.PurgeExpired(s.ctx); err != nil {
				t.Fatal(err)
			}
			return len(s.deliveries(t, endpoint.ID))
		}
		if n := rows(30*24*time.Hour - time.Second); n != 1 {
			t.Errorf("deliveries within 30 days = %d, want 1", n)
		}
		if n := rows(2 * time.Second); n != 0 {
			t.Errorf("deliveries after 30 days = %d, want 0", n)
		}
	})
}

// TestPurgeDeletesDeliveriesBeforeEvents covers a clock that went back, because a delivery
// without its event would block others.
func TestPurgeDeletesDeliveriesBeforeEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.Clock.Advance(time.Minute)
		s.key(t, "before the clock went back")
		s.Clock.Advance(-time.Minute)
		s.key(t, "after that")
		s.Clock.Advance(30*24*time.Hour + time.Second)
		if err := s.PurgeExpired(s.ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(s.claim(t, endpoint.ID)); n != 2 {
			t.Errorf("claimed deliveries = %d, want 2", n)
		}
	})
}

func TestDueEndpointsSkipsLongQueues(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		s := newFixture(t, store, "Acme", "ada@acme.test")
		long, short := s.endpoint(t), s.endpoint(t)
		s.key(t, "CI")
		numbers := "generate_series(1, 20000) AS i"
		if strings.HasPrefix(s.URL, "sqlite:") {
			numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n)"
		}
		s.Exec(t, `INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, next_attempt_at, response_excerpt, failure, duration_ms, created_at)
			SELECT 'whd_' || i, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, next_attempt_at, '', '', 0, created_at
			FROM webhook_deliveries, `+numbers+` WHERE endpoint_id = $1`, long.ID)
		s.Exec(t, "ANALYZE")
		waiting, err := s.DueEndpoints(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(waiting) != 2 {
			t.Fatalf("waiting = %+v, want 2", waiting)
		}
		modelstest.Equal(t, "waiting[0] ID", waiting[0].ID, long.ID)
		modelstest.Equal(t, "waiting[1] ID", waiting[1].ID, short.ID)
		modelstest.Equal(t, "waiting[0] workspace ID", waiting[0].WorkspaceID, s.id)
		plan := s.plan(t, query{strings.Replace(models.DueEndpointsQuery, "?", "$1", 1), []any{s.Now()}})
		if strings.Contains(plan, "Seq Scan on webhook_deliveries") || strings.Contains(plan, "SCAN webhook_deliveries\n") {
			t.Errorf("plan scans the whole queue:\n%s", plan)
		}
		wantContains(t, plan, "webhook_deliveries_queue")
	})
}
