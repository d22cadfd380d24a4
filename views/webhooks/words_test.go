package webhooks

import (
	"slices"
	"testing"

	"github.com/skipup/keys/models"
)

// TestEveryEventCanBeChosen, in the order of the one table of events, with words of its own.
func TestEveryEventCanBeChosen(t *testing.T) {
	var offered []models.EventType
	for _, group := range groups {
		for _, event := range group.Events {
			offered = append(offered, event.Type)
			if event.Label == "" || event.Help == "" {
				t.Errorf("%s has no words", event.Type)
			}
		}
	}
	if !slices.Equal(offered, models.EventTypes) {
		t.Errorf("the form offers %v, there are %v", offered, models.EventTypes)
	}
}

// TestFailuresHaveWords: each is told apart.
func TestFailuresHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for _, failure := range []models.DeliveryFailure{
		models.FailedStatus, models.FailedRedirect, models.FailedGone, models.FailedTimeout, models.FailedName,
		models.FailedAddress, models.FailedTLS, models.FailedConnection,
	} {
		if words := failureWords(failure, 500); words == string(failure) || seen[words] {
			t.Errorf("%s is %q", failure, words)
		} else {
			seen[words] = true
		}
	}
}

// TestRateIsNotRoundedUp: "100 %" says that all have arrived.
func TestRateIsNotRoundedUp(t *testing.T) {
	for _, tt := range []struct {
		succeeded, failed int
		words, tone       string
	}{
		{0, 0, "–", "none"}, {100, 0, "100 %", "success"}, {996, 4, "99 %", "warning"}, {1, 1, "50 %", "danger"}, {0, 3, "0 %", "danger"},
	} {
		h := models.WebhookHealth{Succeeded: tt.succeeded, Failed: tt.failed}
		if rate(h) != tt.words || rateTone(h) != tt.tone {
			t.Errorf("%d of %d: %s, %s", tt.succeeded, tt.succeeded+tt.failed, rate(h), rateTone(h))
		}
	}
}
