package models_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// fail claims all that is due for an endpoint, and records that it failed with an HTTP status.
func (s fixture) fail(t *testing.T, endpointID string, status int) {
	t.Helper()
	claimed := s.claim(t, endpointID)
	attempts := make([]models.WebhookAttempt, len(claimed))
	for i := range claimed {
		attempts[i] = models.WebhookAttempt{Delivery: &claimed[i], At: s.Now(), Failure: models.FailedStatus, ResponseCode: status}
	}
	if err := s.RecordAttempts(s.ctx, attempts); err != nil {
		t.Fatal(err)
	}
}

var succeeded = models.WebhookAttempt{ResponseCode: http.StatusOK}

func TestFirstSuccessWakesWaitingDeliveries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, other := s.endpoint(t), s.endpoint(t)
		s.key(t, "Before the outage")
		s.attempt(t, endpoint.ID, succeeded)
		s.fail(t, other.ID, http.StatusInternalServerError)
		for i := range 5 {
			s.key(t, fmt.Sprint(i))
		}
		for _, wait := range []time.Duration{0, 6 * time.Second, 6 * time.Minute, 40 * time.Minute} {
			s.Clock.Advance(wait)
			s.fail(t, endpoint.ID, http.StatusInternalServerError)
		}
		s.fail(t, other.ID, http.StatusInternalServerError)
		modelstest.Equal(t, "due deliveries during the outage", len(s.claim(t, endpoint.ID)), 0)
		s.edit(t, other.ID, models.WebhookEndpointEdit{Events: models.To([]string{"member.added"})})
		s.key(t, "After the outage")
		s.attempt(t, endpoint.ID, succeeded)
		modelstest.Equal(t, "due deliveries after the first success", len(s.claim(t, endpoint.ID)), 5)
		modelstest.Equal(t, "due deliveries of another endpoint", len(s.claim(t, other.ID)), 0)
	})
}

// TestFailingDeliveryIsWokenOnce checks that successes of others don't use up the attempts of a delivery that the
// receiver always rejects.
func TestFailingDeliveryIsWokenOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "Rejected")
		s.fail(t, endpoint.ID, http.StatusInternalServerError)
		s.key(t, "First success")
		s.attempt(t, endpoint.ID, succeeded)
		s.fail(t, endpoint.ID, http.StatusInternalServerError) // woken
		for i := range 5 {
			s.key(t, fmt.Sprint(i))
			s.attempt(t, endpoint.ID, succeeded)
		}
		modelstest.Equal(t, "due deliveries", len(s.claim(t, endpoint.ID)), 0)
		list := s.deliveries(t, endpoint.ID)
		modelstest.Equal(t, "attempts of the rejected delivery", list[len(list)-1].Attempts, 2)
	})
}

func TestSuccessWakesNoDeliveryOfARateLimit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint := s.endpoint(t)
		s.key(t, "Limited")
		s.fail(t, endpoint.ID, http.StatusTooManyRequests)
		s.key(t, "Accepted")
		s.attempt(t, endpoint.ID, succeeded)
		modelstest.Equal(t, "due deliveries", len(s.claim(t, endpoint.ID)), 0)
	})
}
