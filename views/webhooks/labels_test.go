package webhooks

import (
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
)

func TestFormOffersEveryEvent(t *testing.T) {
	var offered []models.EventType
	for _, group := range groups {
		for _, event := range group.Events {
			offered = append(offered, event.Type)
			if event.Label == "" || event.Help == "" {
				t.Errorf("%s has label %q and help %q, want both", event.Type, event.Label, event.Help)
			}
		}
	}
	if !slices.Equal(offered, models.EventTypes) {
		t.Errorf("events = %v, want %v", offered, models.EventTypes)
	}
}

// TestPagesSayWhatReceiverLearns checks the form and the page of an endpoint.
func TestPagesSayWhatReceiverLearns(t *testing.T) {
	form := render(t, New(Form{}))
	if got, want := form.Find(".event-group .learns").Length(), len(groups); got != want {
		t.Errorf("warnings = %d, want %d", got, want)
	}
	for _, group := range groups {
		if got, want := text(form.Find("#"+group.learnsID())), "The receiver will learn "+group.Learns+"."; got != want {
			t.Errorf("warning = %q, want %q", got, want)
		}
		e := endpoint()
		e.Events = models.EventList{group.Events[0].Type}
		about := text(render(t, Show(ShowPage{Endpoint: e})).Find("section[aria-labelledby=about] dl"))
		for _, other := range groups {
			if got, want := strings.Contains(about, other.Learns), other.Label == group.Label; got != want {
				t.Errorf("endpoint with events about %s: mentions %q: %t, want %t", group.Label, other.Learns, got, want)
			}
		}
	}
}

func TestResultLabelsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, failure := range []models.DeliveryFailure{
		models.FailedStatus, models.FailedRedirect, models.FailedGone, models.FailedTimeout, models.FailedName,
		models.FailedAddress, models.FailedTLS, models.FailedConnection,
	} {
		label := resultLabel(failure, 500)
		if label == string(failure) {
			t.Errorf("resultLabel(%q) = %q, want a description", failure, label)
		}
		if seen[label] {
			t.Errorf("resultLabel(%q) = %q, which is also the label of another failure", failure, label)
		}
		seen[label] = true
	}
}

func TestSuccessRateRoundsDown(t *testing.T) {
	for _, tt := range []struct {
		succeeded, failed int
		rate, tone        string
	}{
		{0, 0, "–", "none"}, {100, 0, "100%", "success"}, {996, 4, "99%", "warning"}, {1, 1, "50%", "danger"}, {0, 3, "0%", "danger"},
	} {
		h := models.WebhookHealth{Succeeded: tt.succeeded, Failed: tt.failed}
		if got := rate(h); got != tt.rate {
			t.Errorf("rate of %d succeeded and %d failed = %q, want %q", tt.succeeded, tt.failed, got, tt.rate)
		}
		if got := rateTone(h); got != tt.tone {
			t.Errorf("tone of %d succeeded and %d failed = %q, want %q", tt.succeeded, tt.failed, got, tt.tone)
		}
	}
	failing := models.WebhookHealth{Succeeded: 100, LastFailure: models.FailedStatus}
	if got := rateTone(failing); got != "warning" {
		t.Errorf("tone while attempts fail = %q, want warning", got)
	}
}
