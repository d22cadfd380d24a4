package webhooks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/viewer"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// drawn is a page as a browser reads it, with a space before each element.
func drawn(t *testing.T, page templ.Component) *goquery.Document {
	t.Helper()
	member := models.Member{WorkspaceID: "ws_1", Workspace: models.Workspace{ID: "ws_1", Name: "Acme"}, Role: models.Admin}
	ctx := viewer.With(context.Background(), viewer.Viewer{
		User: &models.User{Name: "Ada Admin", Email: "ada@acme.test"}, Member: &member, Memberships: []models.Member{member}, Location: time.UTC, Now: now,
	})
	var html strings.Builder
	if err := page.Render(ctx, &html); err != nil {
		t.Fatal(err)
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(strings.ReplaceAll(html.String(), "<", " <")))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// text is what a part of a page says, without line breaks.
func text(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

// in is a moment after now.
func in(d time.Duration) *time.Time { return new(now.Add(d)) }

func endpoint() *models.WebhookEndpoint {
	return &models.WebhookEndpoint{ID: "we_1", URL: "https://hooks.example.com/in?a=1", Description: new("CRM <sync>"), Events: models.EventList{models.SeatAssignedEvent, models.SeatReleasedEvent}, CreatedAt: *in(-48 * time.Hour), UpdatedAt: *in(-time.Hour)}
}

func disabledFor(reason models.DisabledReason) *models.WebhookEndpoint {
	e := endpoint()
	e.DisabledAt, e.DisabledReason = in(-2*time.Hour), &reason
	return e
}

// pendingDelivery is one that is attempted after a while, if it was not yet.
func pendingDelivery(next time.Duration) *models.WebhookDelivery {
	return &models.WebhookDelivery{ID: "whd_1", EventID: "evt_1", EventType: models.SeatAssignedEvent, Status: models.DeliveryPending, NextAttemptAt: in(next), CreatedAt: *in(-time.Minute),
		Event: models.Event{ID: "evt_1", Type: models.SeatAssignedEvent, Data: `{"id":"seat_1"}`, CreatedAt: *in(-time.Minute)}}
}

// attempted is d after attempts of which the last was answered with a code, or not at all with 0.
func attempted(d *models.WebhookDelivery, status models.DeliveryStatus, attempts, code int, failure models.DeliveryFailure) *models.WebhookDelivery {
	d.Status, d.Attempts, d.Failure, d.LastAttemptedAt, d.DurationMS = status, attempts, failure, in(-30*time.Second), 1234
	if status != models.DeliveryPending {
		d.NextAttemptAt = nil
	}
	if code != 0 {
		d.ResponseCode, d.ResponseExcerpt = &code, "<i>said</i>"
	}
	return d
}

// TestADeliverySaysHowFarItHasGot, what came of it and what comes next. Its row asks for itself anew
// while that is about to change, or once it will be.
func TestADeliverySaysHowFarItHasGot(t *testing.T) {
	claimed := func(d *models.WebhookDelivery) *models.WebhookDelivery { d.Claim = new("node"); return d }
	for _, tt := range []struct {
		name     string
		endpoint *models.WebhookEndpoint
		delivery *models.WebhookDelivery
		says     string
		button   string // "" for none
		moves    bool
		after    string // in how many milliseconds it asks at first; "" if it moves already, or never does
	}{
		{"due", endpoint(), pendingDelivery(0), "Sending… seat.assigned Not attempted yet", "Retry now", true, ""},
		{"due soon", endpoint(), pendingDelivery(soon - 1), "Sending… seat.assigned Not attempted yet", "Retry now", true, ""},
		{"due later", endpoint(), pendingDelivery(soon + time.Millisecond), "Waiting seat.assigned Not attempted yet Next attempt in a moment", "Retry now", false, "1"},
		{"on its way", endpoint(), claimed(pendingDelivery(time.Hour)), "Sending… seat.assigned Not attempted yet", "Retry now", true, ""},
		{"on its way when the endpoint was disabled", disabledFor(models.DisabledManually), claimed(pendingDelivery(time.Minute)), "Sending… seat.assigned Not attempted yet", "", true, ""},
		{"kept for a disabled endpoint", disabledFor(models.DisabledManually), pendingDelivery(0), "Waiting seat.assigned Not attempted yet It waits until the endpoint is enabled", "", false, ""},
		{"to be tried again", endpoint(), attempted(pendingDelivery(5*time.Minute), models.DeliveryPending, 1, 503, models.FailedStatus),
			"Retrying seat.assigned Answered 503, which is not 2xx, in 1,234 ms status Next attempt in 5 minutes", "Retry now", false, "285000"},
		{"without an answer", endpoint(), attempted(pendingDelivery(5*time.Minute), models.DeliveryPending, 2, 0, models.FailedTimeout),
			"Retrying seat.assigned No answer within 15 seconds, at attempt 2 timeout Next attempt in 5 minutes", "Retry now", false, "285000"},
		{"delivered", endpoint(), attempted(pendingDelivery(0), models.DeliverySuccess, 1, 204, models.Delivered), "Delivered seat.assigned Answered 204 in 1,234 ms 1 minute ago", "Send again", false, ""},
		{"failed", endpoint(), attempted(pendingDelivery(0), models.DeliveryFailed, 10, 302, models.FailedRedirect),
			"Failed seat.assigned Answered 302: redirects are not followed, in 1,234 ms, at attempt 10 redirect 1 minute ago", "Retry", false, ""},
	} {
		page := drawn(t, Delivery(DeliveryPage{Endpoint: tt.endpoint, Delivery: tt.delivery}))
		row := page.Find(".delivery")
		if got := text(row); !strings.HasPrefix(got, tt.says) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		} else if strings.Contains(got, "Next attempt") != strings.Contains(tt.says, "Next attempt") {
			t.Errorf("%s: it says when it is attempted next, or not: %q", tt.name, got)
		}
		button := row.Find("form button")
		if got := strings.TrimSpace(strings.TrimSuffix(text(button), "seat.assigned")); got != tt.button || (button.AttrOr("aria-disabled", "") == "true") != (tt.moves && tt.button != "") {
			t.Errorf("%s: the button is %q", tt.name, got)
		}
		poll, live := row.Attr("hx-get")
		if live != (tt.moves || tt.after != "") || row.AttrOr("data-live-after", "") != tt.after || live && !strings.HasPrefix(poll, "/settings/webhooks/we_1/deliveries/whd_1?seen=") || (page.Find("#deliveries > p").Length() == 1) != tt.moves {
			t.Errorf("%s: it asks for %q", tt.name, poll)
		}
	}
	tones := map[string]string{}
	for _, d := range []*models.WebhookDelivery{pendingDelivery(0), pendingDelivery(time.Hour), attempted(pendingDelivery(time.Hour), models.DeliveryPending, 1, 0, models.FailedTLS),
		attempted(pendingDelivery(0), models.DeliverySuccess, 1, 200, ""), attempted(pendingDelivery(0), models.DeliveryFailed, 1, 500, models.FailedStatus)} {
		badge := drawn(t, Delivery(DeliveryPage{Endpoint: endpoint(), Delivery: d})).Find(".delivery .badge")
		tones[text(badge)] = badge.Find(".dot").AttrOr("data-tone", "")
	}
	for label, want := range map[string]string{"Sending…": "moving", "Waiting": "none", "Retrying": "warning", "Delivered": "success", "Failed": "danger"} {
		if tones[label] != want {
			t.Errorf("%s is %q, want %q", label, tones[label], want)
		}
	}
}

// TestADeliveryIsAnotherAsSoonAsItHasGotFurther.
func TestADeliveryIsAnotherAsSoonAsItHasGotFurther(t *testing.T) {
	seen := map[string]string{}
	for name, page := range map[string]DeliveryPage{
		"due":         {Endpoint: endpoint(), Delivery: pendingDelivery(0)},
		"later":       {Endpoint: endpoint(), Delivery: pendingDelivery(time.Hour)},
		"attempted":   {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(time.Hour), models.DeliveryPending, 1, 500, models.FailedStatus)},
		"again":       {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(time.Hour), models.DeliveryPending, 2, 500, models.FailedStatus)},
		"failed":      {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(0), models.DeliveryFailed, 2, 410, models.FailedGone)},
		"and is gone": {Endpoint: disabledFor(models.DisabledGone), Delivery: attempted(pendingDelivery(0), models.DeliveryFailed, 2, 410, models.FailedGone)},
		"arrived":     {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(0), models.DeliverySuccess, 2, 200, models.Delivered)},
	} {
		version := page.Version(now)
		if seen[version] != "" {
			t.Errorf("%s and %s look the same: %s", name, seen[version], version)
		}
		seen[version] = name
	}
}

// TestADeliveryHasItsDetails, open on a page of its own and folded in the list.
func TestADeliveryHasItsDetails(t *testing.T) {
	d := attempted(pendingDelivery(0), models.DeliveryFailed, 1234, 500, models.FailedStatus)
	page := drawn(t, Delivery(DeliveryPage{Endpoint: endpoint(), Delivery: d, Refusal: "Enable it first."}))
	details := page.Find(".delivery details")
	if _, open := details.Attr("open"); !open || text(page.Find(".delivery [role=alert]")) != "Enable it first." {
		t.Error("the details are folded, or the refusal is not said")
	}
	const want = "Payload and answer webhook-id evt_1 Delivery whd_1 Attempts 1,234 Last attempt 24 Nov 2026, 11:59 UTC ( just now ) Answer 500 status" +
		` Payload { "id": "evt_1", "type": "seat.assigned", "timestamp": "2026-11-24T11:59:00Z", "data": { "id": "seat_1" } } Beginning of the answer <i>said</i>`
	if got := strings.ReplaceAll(text(details), " <i>", "<i>"); strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(want), "") {
		t.Errorf("the details are\n%s\nwant\n%s", got, want)
	}
	list := drawn(t, Show(ShowPage{Endpoint: endpoint(), Deliveries: models.Paged[models.WebhookDelivery]{Items: []models.WebhookDelivery{*pendingDelivery(0)}}})).Find(".delivery details")
	if _, open := list.Attr("open"); open || !strings.Contains(text(list), "Last attempt Never Answer None") || strings.Contains(text(list), "Beginning of the answer") {
		t.Errorf("in the list: %s", text(list))
	}
}
