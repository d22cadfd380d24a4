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

// render returns the rendered page, with a space before each tag so that words don't run together.
func render(t *testing.T, page templ.Component) *goquery.Document {
	t.Helper()
	member := models.Member{WorkspaceID: "ws_1", Workspace: models.Workspace{ID: "ws_1", Name: "Acme"}, Role: models.Admin}
	ctx := viewer.With(context.Background(), viewer.Viewer{
		User: &models.User{Name: "Ada Admin", Email: "ada@acme.test"}, Member: &member, Memberships: []models.Member{member}, Location: time.UTC, Now: now,
	})
	var html strings.Builder
	if err := page.Render(ctx, &html); err != nil {
		t.Fatal(err)
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(strings.NewReplacer("<wbr>", "", "<", " <").Replace(html.String())))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// text returns the text of a selection with white space collapsed.
func text(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

func in(d time.Duration) *time.Time { return new(now.Add(d)) }

func endpoint() *models.WebhookEndpoint {
	return &models.WebhookEndpoint{ID: "we_1", URL: "https://hooks.example.com/in?a=1", Description: new("CRM <sync>"), Events: models.EventList{models.SeatAssignedEvent, models.SeatReleasedEvent}, CreatedAt: *in(-48 * time.Hour), UpdatedAt: *in(-time.Hour)}
}

func disabledFor(reason models.DisabledReason) *models.WebhookEndpoint {
	e := endpoint()
	e.DisabledAt, e.DisabledReason = in(-2*time.Hour), &reason
	return e
}

// pendingDelivery returns a delivery whose first attempt is due after next.
func pendingDelivery(next time.Duration) *models.WebhookDelivery {
	return &models.WebhookDelivery{ID: "whd_1", EventID: "evt_1", EventType: models.SeatAssignedEvent, Status: models.DeliveryPending, NextAttemptAt: in(next), CreatedAt: *in(-time.Minute),
		Event: models.Event{ID: "evt_1", Type: models.SeatAssignedEvent, Data: `{"id":"seat_1"}`, CreatedAt: *in(-time.Minute)}}
}

// attempted returns d after some attempts. A code of 0 means that the last one got no response.
func attempted(d *models.WebhookDelivery, status models.DeliveryStatus, attempts, code int, failure models.DeliveryFailure) *models.WebhookDelivery {
	d.Status, d.Attempts, d.Failure, d.LastAttemptedAt, d.DurationMS = status, attempts, failure, in(-30*time.Second), 1234
	if status != models.DeliveryPending {
		d.NextAttemptAt = nil
	}
	if code != 0 {
		d.ResponseCode, d.ResponseExcerpt = &code, "<i>ok</i>"
	}
	return d
}

func TestDeliveryRow(t *testing.T) {
	claimed := func(d *models.WebhookDelivery) *models.WebhookDelivery { d.Claim = new("node"); return d }
	for _, tt := range []struct {
		name     string
		endpoint *models.WebhookEndpoint
		delivery *models.WebhookDelivery
		want     string // beginning of the row's text
		button   string // "" for none
		active   bool
		after    string // milliseconds until the first refresh; "" if it refreshes right away or never
	}{
		{"due", endpoint(), pendingDelivery(0), "Sending… seat.assigned Not sent yet", "Retry now", true, ""},
		{"due soon", endpoint(), pendingDelivery(activeWithin - 1), "Sending… seat.assigned Not sent yet", "Retry now", true, ""},
		{"due later", endpoint(), pendingDelivery(activeWithin + time.Millisecond), "Pending seat.assigned Not sent yet · next attempt in a moment", "Retry now", false, "1"},
		{"in flight", endpoint(), claimed(pendingDelivery(time.Hour)), "Sending… seat.assigned Not sent yet", "Retry now", true, ""},
		{"in flight to a disabled endpoint", disabledFor(models.DisabledManually), claimed(pendingDelivery(time.Minute)), "Sending… seat.assigned Not sent yet", "", true, ""},
		{"pending for a disabled endpoint", disabledFor(models.DisabledManually), pendingDelivery(0), "Pending seat.assigned Not sent yet · pending until you enable the endpoint", "", false, ""},
		{"retrying", endpoint(), attempted(pendingDelivery(5*time.Minute), models.DeliveryPending, 1, 503, models.FailedStatus),
			"Retrying seat.assigned HTTP 503 · next attempt in 5 minutes , 24 Nov 2026, 12:05 UTC 1,234 ms 1 minute ago", "Retry now", false, "285000"},
		{"retrying after a timeout", endpoint(), attempted(pendingDelivery(5*time.Minute), models.DeliveryPending, 2, 0, models.FailedTimeout),
			"Retrying seat.assigned Timed out after 15 seconds · attempt 2 · next attempt in 5 minutes , 24 Nov 2026, 12:05 UTC 1 minute ago", "Retry now", false, "285000"},
		{"delivered", endpoint(), attempted(pendingDelivery(0), models.DeliverySuccess, 1, 204, models.Delivered), "Delivered seat.assigned HTTP 204 1,234 ms 1 minute ago", "Send again", false, ""},
		{"failed", endpoint(), attempted(pendingDelivery(0), models.DeliveryFailed, 10, 302, models.FailedRedirect),
			"Failed seat.assigned HTTP 302 (redirects aren’t followed) · attempt 10 1,234 ms 1 minute ago", "Retry", false, ""},
	} {
		page := render(t, Delivery(DeliveryPage{Endpoint: tt.endpoint, Delivery: tt.delivery}))
		row := page.Find(".delivery")
		got := text(row)
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: row = %q, want prefix %q", tt.name, got, tt.want)
		}
		if shown, want := strings.Contains(got, "next attempt"), strings.Contains(tt.want, "next attempt"); shown != want {
			t.Errorf("%s: row shows the next attempt = %t, want %t", tt.name, shown, want)
		}
		button := row.Find("form button")
		if got := strings.TrimSpace(strings.TrimSuffix(text(button), "seat.assigned")); got != tt.button {
			t.Errorf("%s: button = %q, want %q", tt.name, got, tt.button)
		}
		if disabled, want := button.AttrOr("aria-disabled", "") == "true", tt.active && tt.button != ""; disabled != want {
			t.Errorf("%s: button is disabled = %t, want %t", tt.name, disabled, want)
		}
		poll, live := row.Attr("hx-get")
		if want := tt.active || tt.after != ""; live != want {
			t.Errorf("%s: row refreshes = %t, want %t", tt.name, live, want)
		}
		if live && !strings.HasPrefix(poll, "/w/ws_1/settings/webhooks/we_1/deliveries/whd_1?seen=") {
			t.Errorf("%s: row refreshes from %q", tt.name, poll)
		}
		if got := row.AttrOr("data-live-after", ""); got != tt.after {
			t.Errorf("%s: data-live-after = %q, want %q", tt.name, got, tt.after)
		}
		if hint := page.Find("#deliveries > p").Length() == 1; hint != tt.active {
			t.Errorf("%s: page shows the reload hint = %t, want %t", tt.name, hint, tt.active)
		}
	}
	tones := map[string]string{}
	for _, d := range []*models.WebhookDelivery{pendingDelivery(0), pendingDelivery(time.Hour), attempted(pendingDelivery(time.Hour), models.DeliveryPending, 1, 0, models.FailedTLS),
		attempted(pendingDelivery(0), models.DeliverySuccess, 1, 200, ""), attempted(pendingDelivery(0), models.DeliveryFailed, 1, 500, models.FailedStatus)} {
		badge := render(t, Delivery(DeliveryPage{Endpoint: endpoint(), Delivery: d})).Find(".delivery .badge")
		tones[text(badge)] = badge.Find(".dot").AttrOr("data-tone", "")
	}
	for label, want := range map[string]string{"Sending…": "moving", "Pending": "none", "Retrying": "warning", "Delivered": "success", "Failed": "danger"} {
		if tones[label] != want {
			t.Errorf("tone of %q = %q, want %q", label, tones[label], want)
		}
	}
}

func TestDeliveryVersionChangesWithEachStep(t *testing.T) {
	seen := map[string]string{}
	for name, page := range map[string]DeliveryPage{
		"due":               {Endpoint: endpoint(), Delivery: pendingDelivery(0)},
		"later":             {Endpoint: endpoint(), Delivery: pendingDelivery(time.Hour)},
		"attempted":         {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(time.Hour), models.DeliveryPending, 1, 500, models.FailedStatus)},
		"again":             {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(time.Hour), models.DeliveryPending, 2, 500, models.FailedStatus)},
		"failed":            {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(0), models.DeliveryFailed, 2, 410, models.FailedGone)},
		"endpoint disabled": {Endpoint: disabledFor(models.DisabledGone), Delivery: attempted(pendingDelivery(0), models.DeliveryFailed, 2, 410, models.FailedGone)},
		"delivered":         {Endpoint: endpoint(), Delivery: attempted(pendingDelivery(0), models.DeliverySuccess, 2, 200, models.Delivered)},
	} {
		version := page.Version(now)
		if seen[version] != "" {
			t.Errorf("%s and %s have the same version %q", name, seen[version], version)
		}
		seen[version] = name
	}
}

func TestDeliveryDetails(t *testing.T) {
	d := attempted(pendingDelivery(0), models.DeliveryFailed, 1234, 500, models.FailedStatus)
	page := render(t, Delivery(DeliveryPage{Endpoint: endpoint(), Delivery: d, Message: "Enable it first."}))
	details := page.Find(".delivery details")
	if _, open := details.Attr("open"); !open {
		t.Error("details are collapsed on the page of the delivery")
	}
	if got := text(page.Find(".delivery [role=alert]")); got != "Enable it first." {
		t.Errorf("alert = %q, want %q", got, "Enable it first.")
	}
	const want = "seat.assigned HTTP 500 · attempt 1234 1,234 ms 1 minute ago , 24 Nov 2026, 11:59 UTC webhook-id evt_1 Delivery whd_1 Attempts 1,234 Last attempt 24 Nov 2026, 11:59 UTC ( just now ) Response HTTP 500 Copy as curl" +
		` Payload { "id": "evt_1", "type": "seat.assigned", "timestamp": "2026-11-24T11:59:00Z", "data": { "id": "seat_1" } } Response body (truncated) <i>ok</i>`
	if got := strings.ReplaceAll(text(details), " <i>", "<i>"); strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(want), "") {
		t.Errorf("details =\n%s\nwant\n%s", got, want)
	}
	list := render(t, Show(ShowPage{Endpoint: endpoint(), Deliveries: models.Paged[models.WebhookDelivery]{Items: []models.WebhookDelivery{*pendingDelivery(0)}}})).Find(".delivery details")
	if _, open := list.Attr("open"); open {
		t.Error("details are expanded in the list")
	}
	if got, want := text(list), "Last attempt Never Response None"; !strings.Contains(got, want) {
		t.Errorf("details in the list = %q, want them to contain %q", got, want)
	}
	if got := text(list); strings.Contains(got, "Response body") {
		t.Errorf("details in the list = %q, want no response body", got)
	}
}
