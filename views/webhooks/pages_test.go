package webhooks

import (
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// TestAnEndpointSaysHowItFares in a word, in figures and, if it is disabled, why.
func TestAnEndpointSaysHowItFares(t *testing.T) {
	well := models.WebhookHealth{LastAttemptedAt: in(-time.Hour), Succeeded: 5, Pending: 3}
	badly := models.WebhookHealth{LastAttemptedAt: in(-time.Hour), LastFailure: models.FailedTLS, Succeeded: 19, Failed: 1, Retrying: 1, Pending: 2}
	for _, tt := range []struct {
		name                       string
		endpoint                   *models.WebhookEndpoint
		health                     models.WebhookHealth
		badge, tone, figures, says string
	}{
		{"new", endpoint(), models.WebhookHealth{}, "Enabled", "success", "Last delivery Never Arrived – Failed 0 Still to be sent 0", ""},
		{"well", endpoint(), well, "Enabled", "success", "Last delivery 1 hour ago , 24 Nov 2026, 11:00 UTC Arrived 100 % Failed 0 Still to be sent 3", ""},
		{"badly", endpoint(), badly, "Failing", "warning", "Last delivery 1 hour ago , 24 Nov 2026, 11:00 UTC No TLS connection: see its certificate Arrived 90 % Failed 1 Still to be sent 2", ""},
		{"by hand", disabledFor(models.DisabledManually), badly, "Disabled", "none", "", "Somebody has disabled this endpoint. Nothing is sent to it."},
		{"gone", disabledFor(models.DisabledGone), badly, "Disabled", "danger", "", "The receiver has answered 410 Gone. That says that it wants nothing more"},
		{"too often", disabledFor(models.DisabledTooManyFailures), well, "Disabled", "danger", "", "All attempts of a delivery have failed. They went on for days."},
	} {
		page := drawn(t, Show(ShowPage{Endpoint: tt.endpoint, Health: tt.health}))
		row := drawn(t, List([]Listed{{WebhookEndpoint: *tt.endpoint, Health: tt.health}})).Find("table.hooks tbody tr")
		for place, badge := range map[string]string{text(page.Find("#endpoint .badge")): page.Find("#endpoint .badge .dot").AttrOr("data-tone", ""), text(row.Find(".badge")): row.Find(".badge .dot").AttrOr("data-tone", "")} {
			if place != tt.badge || badge != tt.tone {
				t.Errorf("%s: it is %s, %s", tt.name, place, badge)
			}
		}
		if got := text(page.Find("#health dl")); tt.figures != "" && got != tt.figures {
			t.Errorf("%s: the figures are %q, want %q", tt.name, got, tt.figures)
		}
		why, works := page.Find("section[aria-labelledby=disabled]"), tt.says == ""
		if !strings.HasPrefix(text(why), tt.says) || (why.Length() == 0) != works || page.Find("#ping").Length() == 1 != works || page.Find("#disable").Length() == 1 != works {
			t.Errorf("%s: it says %q, and offers %d pings", tt.name, text(why), page.Find("#ping").Length())
		}
		if !works && !strings.Contains(text(why), "Disabled 2 hours ago , 24 Nov 2026, 10:00 UTC : "+string(*tt.endpoint.DisabledReason)) {
			t.Errorf("%s: it does not say since when: %s", tt.name, text(why))
		}
	}
	row := drawn(t, List([]Listed{{WebhookEndpoint: *endpoint(), Health: well}})).Find("table.hooks tbody tr")
	if got, want := text(row), "hooks.example.com CRM <sync> hooks.example.com/in?a=1 Enabled 2 events Last 1 hour ago , 24 Nov 2026, 11:00 UTC Arrived 100 %"; strings.ReplaceAll(got, " <sync", "<sync") != strings.ReplaceAll(want, " <sync", "<sync") {
		t.Errorf("in the list it is %q, want %q", got, want)
	}
	page := drawn(t, Show(ShowPage{Endpoint: endpoint()}))
	if got := text(page.Find("section[aria-labelledby=about] dl")); !strings.Contains(got, "Added 22 Nov 2026, 12:00 UTC ( 2 days ago ) Changed 24 Nov 2026, 11:00 UTC ( 1 hour ago )") || !strings.Contains(text(page.Find("#endpoint header p")), "CRM") {
		t.Errorf("about it: %s, %s", got, text(page.Find("#endpoint header p")))
	}
}

// TestDeliveriesAreNarrowedAndPaged by links that keep what was asked for.
func TestDeliveriesAreNarrowedAndPaged(t *testing.T) {
	items := []models.WebhookDelivery{*attempted(pendingDelivery(0), models.DeliverySuccess, 1, 200, models.Delivered), *pendingDelivery(0)}
	show := ShowPage{Endpoint: endpoint(), Query: Query{Status: "success", Event: "webhook_endpoint.ping", Cursor: "c1"}, Deliveries: models.Paged[models.WebhookDelivery]{Items: items, NextCursor: "c2"}}
	page := drawn(t, Show(show)).Find("#deliveries")
	if newest, older := page.Find("#newest").AttrOr("href", ""), page.Find("#older").AttrOr("href", ""); newest != "/settings/webhooks/we_1?event=webhook_endpoint.ping&status=success" ||
		older != "/settings/webhooks/we_1?cursor=c2&event=webhook_endpoint.ping&status=success" {
		t.Errorf("the newest are at %s, older ones at %s", newest, older)
	}
	if status, event := text(page.Find("#status [selected]")), text(page.Find("#event [selected]")); status != "Delivered" || event != "webhook_endpoint.ping" {
		t.Errorf("narrowed to %q and %q", status, event)
	}
	for _, tt := range []struct {
		items []models.WebhookDelivery
		says  string
	}{{nil, "No deliveries"}, {items[:1], "1 delivery: seat.assigned success"}, {items, "2 deliveries, the newest first: seat.assigned success"}} {
		show.Deliveries.Items = tt.items
		if got := drawn(t, Show(show)).Find("#deliveries").AttrOr("data-summary", ""); got != tt.says {
			t.Errorf("of %d it says %q, want %q", len(tt.items), got, tt.says)
		}
	}
	for _, tt := range []struct {
		query  Query
		title  string
		filter bool
	}{{Query{}, "Nothing was sent yet", false}, {Query{Status: "failed"}, "No deliveries match", true}, {Query{Event: "seat.assigned"}, "No deliveries match", true}} {
		page := drawn(t, Show(ShowPage{Endpoint: endpoint(), Query: tt.query})).Find("#deliveries")
		if !strings.Contains(text(page), tt.title) || (page.Find("form[role=search]").Length() == 1) != tt.filter || page.Find("nav").Length() != 0 {
			t.Errorf("%+v: %s", tt.query, text(page))
		}
	}
	show = ShowPage{Endpoint: endpoint(), Deliveries: models.Paged[models.WebhookDelivery]{Items: items}}
	if page := drawn(t, Show(show)).Find("#deliveries"); page.Find("nav").Length() != 0 || page.Find("form[role=search]").Length() != 1 {
		t.Error("one page has links to others, or cannot be narrowed")
	}
	show.Deliveries.NextCursor = "c2"
	if page := drawn(t, Show(show)).Find("#deliveries nav"); page.Find("#newest").Length() != 0 || !strings.HasPrefix(text(page), "Newest first") {
		t.Errorf("the first page says %q", text(page))
	}
}

// TestQuestionsBeforeSomethingIsDone name the endpoint, and what is lost.
func TestQuestionsBeforeSomethingIsDone(t *testing.T) {
	page := EndpointPage{Endpoint: endpoint(), Health: models.WebhookHealth{LastFailure: models.FailedTLS}}
	for name, panel := range map[string]string{"disable": text(drawn(t, Disable(page)).Find("#panel")), "delete": text(drawn(t, Delete(page)).Find("#panel")), "rotate": text(drawn(t, RotateSecret(page)).Find("#panel"))} {
		if !strings.Contains(panel, "hooks.example.com hooks.example.com/in?a=1 Failing") || strings.Contains(panel, "still to be sent") {
			t.Errorf("%s: %s", name, panel)
		}
	}
	for pending, want := range map[int]string{1: "1 delivery is still to be sent.", 12: "12 deliveries are still to be sent."} {
		page.Health.Pending = pending
		if got := text(drawn(t, Delete(page)).Find("#panel")); !strings.Contains(got, want) {
			t.Errorf("with %d pending: %s", pending, got)
		}
	}
	for rotated, want := range map[bool]string{false: "Endpoint added", true: "Secret rotated"} {
		if got := text(drawn(t, Secret(SecretPage{Endpoint: endpoint(), Secret: "whsec_x", Rotated: rotated})).Find("#panel")); !strings.HasPrefix(got, want) || strings.Contains(got, "For 24 hours") != rotated {
			t.Errorf("rotated %t: %s", rotated, got)
		}
	}
}

// TestTheFormToEditHasWhatTheEndpointIs.
func TestTheFormToEditHasWhatTheEndpointIs(t *testing.T) {
	page := drawn(t, Edit(endpoint(), FormOf(endpoint()))).Find("#panel")
	if page.Find("#field-url").AttrOr("value", "") != "https://hooks.example.com/in?a=1" || !strings.HasPrefix(page.Find("#field-description").AttrOr("value", ""), "CRM") || page.Find("input[name=events][checked]").Length() != 2 {
		t.Errorf("the form has %d events", page.Find("input[name=events][checked]").Length())
	}
}
