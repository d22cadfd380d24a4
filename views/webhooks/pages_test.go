package webhooks

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/models"
)

func TestEndpointStatusAndHealth(t *testing.T) {
	healthy := models.WebhookHealth{LastAttemptedAt: in(-time.Hour), Succeeded: 5, Pending: 3}
	failing := models.WebhookHealth{LastAttemptedAt: in(-time.Hour), LastFailure: models.FailedTLS, Succeeded: 19, Failed: 1, Retrying: 1, Pending: 2}
	for _, tt := range []struct {
		name                         string
		endpoint                     *models.WebhookEndpoint
		health                       models.WebhookHealth
		badge, tone, figures, notice string
	}{
		{"new", endpoint(), models.WebhookHealth{}, "Enabled", "success", "Last delivery Never Success rate – Failed 0 Pending 0", ""},
		{"healthy", endpoint(), healthy, "Enabled", "success", "Last delivery 1 hour ago , 24 Nov 2026, 11:00 UTC Success rate 100% Failed 0 Pending 3", ""},
		{"failing", endpoint(), failing, "Failing", "warning", "Last delivery 1 hour ago , 24 Nov 2026, 11:00 UTC TLS handshake failed (check the certificate) Success rate 95% Failed 1 Pending 2 1 after a failed attempt", ""},
		{"disabled by an admin", disabledFor(models.DisabledManually), failing, "Disabled", "none", "", "This endpoint is disabled Pending deliveries will be sent"},
		{"gone", disabledFor(models.DisabledGone), failing, "Disabled", "danger", "", "Your server returned 410 Gone We stopped sending events."},
		{"disabled after failures", disabledFor(models.DisabledTooManyFailures), healthy, "Disabled", "danger", "", "Disabled after repeated failures Check the responses below"},
	} {
		page := render(t, Show(ShowPage{Endpoint: tt.endpoint, Health: tt.health}))
		row := render(t, List([]Listed{{WebhookEndpoint: *tt.endpoint, Health: tt.health}})).Find("table.table tbody tr")
		for place, badge := range map[string]*goquery.Selection{"page": page.Find("#endpoint .badge"), "list": row.Find(".badge")} {
			if got := text(badge); got != tt.badge {
				t.Errorf("%s: badge in the %s = %q, want %q", tt.name, place, got, tt.badge)
			}
			if got := badge.Find(".dot").AttrOr("data-tone", ""); got != tt.tone {
				t.Errorf("%s: tone in the %s = %q, want %q", tt.name, place, got, tt.tone)
			}
		}
		if got := text(page.Find("#health dl")); tt.figures != "" && got != tt.figures {
			t.Errorf("%s: health = %q, want %q", tt.name, got, tt.figures)
		}
		enabled := 0
		if tt.notice == "" {
			enabled = 1
		}
		for _, selector := range []string{"#ping", "#disable"} {
			if got := page.Find(selector).Length(); got != enabled {
				t.Errorf("%s: page has %d of %s, want %d", tt.name, got, selector, enabled)
			}
		}
		notice := page.Find("section[aria-labelledby=disabled]")
		if got, want := notice.Length(), 1-enabled; got != want {
			t.Errorf("%s: page has %d notices, want %d", tt.name, got, want)
		}
		if got := text(notice); !strings.HasPrefix(got, tt.notice) {
			t.Errorf("%s: notice = %q, want prefix %q", tt.name, got, tt.notice)
		}
		if tt.notice == "" {
			continue
		}
		if got, want := text(notice), "Disabled 2 hours ago , 24 Nov 2026, 10:00 UTC"; !strings.Contains(got, want) {
			t.Errorf("%s: notice = %q, want it to contain %q", tt.name, got, want)
		}
	}
	row := render(t, List([]Listed{{WebhookEndpoint: *endpoint(), Health: healthy}})).Find("table.table tbody tr")
	if got, want := text(row), "CRM <sync> URL hooks.example.com/in?a=1 2 events Last delivery 1 hour ago , 24 Nov 2026, 11:00 UTC Success rate 100% Enabled"; strings.ReplaceAll(got, " <sync", "<sync") != strings.ReplaceAll(want, " <sync", "<sync") {
		t.Errorf("row = %q, want %q", got, want)
	}
	page := render(t, Show(ShowPage{Endpoint: endpoint()}))
	if got, want := text(page.Find("section[aria-labelledby=about] dl")), "Added 22 Nov 2026, 12:00 UTC ( 2 days ago ) Updated 24 Nov 2026, 11:00 UTC ( 1 hour ago )"; !strings.Contains(got, want) {
		t.Errorf("about = %q, want it to contain %q", got, want)
	}
	if got, want := text(page.Find("#endpoint h1")), "CRM <sync>"; got != want {
		t.Errorf("title = %q, want %q", got, want)
	}
}

func TestDeliveryFiltersAndPaging(t *testing.T) {
	items := []models.WebhookDelivery{*attempted(pendingDelivery(0), models.DeliverySuccess, 1, 200, models.Delivered), *pendingDelivery(0)}
	show := ShowPage{Endpoint: endpoint(), Query: Query{Status: "success", Event: "webhook_endpoint.ping", Cursor: "c1"}, Deliveries: models.Paged[models.WebhookDelivery]{Items: items, NextCursor: "c2"}}
	page := render(t, Show(show))
	if page.Find("#deliveries select").Length() != 0 {
		t.Error("the part that filters replace has filters")
	}
	for selector, want := range map[string]string{
		"#newest": "/w/ws_1/settings/webhooks/we_1?event=webhook_endpoint.ping&status=success",
		"#older":  "/w/ws_1/settings/webhooks/we_1?cursor=c2&event=webhook_endpoint.ping&status=success",
	} {
		if got := page.Find(selector).AttrOr("href", ""); got != want {
			t.Errorf("href of %s = %q, want %q", selector, got, want)
		}
	}
	for selector, want := range map[string]string{"#status [selected]": "Delivered", "#event [selected]": "webhook_endpoint.ping"} {
		if got := text(page.Find(selector)); got != want {
			t.Errorf("%s = %q, want %q", selector, got, want)
		}
	}
	for _, tt := range []struct {
		items []models.WebhookDelivery
		want  string
	}{{nil, "No deliveries"}, {items[:1], "1 delivery: seat.assigned success"}, {items, "2 deliveries, newest first: seat.assigned success"}} {
		show.Deliveries.Items = tt.items
		if got := render(t, Show(show)).Find("#deliveries").AttrOr("data-summary", ""); got != tt.want {
			t.Errorf("summary of %d deliveries = %q, want %q", len(tt.items), got, tt.want)
		}
	}
	for _, tt := range []struct {
		query  Query
		title  string
		filter int // number of filter forms
	}{{Query{}, "No deliveries yet", 0}, {Query{Status: "failed"}, "No deliveries match", 1}, {Query{Event: "seat.assigned"}, "No deliveries match", 1}} {
		page := render(t, Show(ShowPage{Endpoint: endpoint(), Query: tt.query})).Find("[aria-labelledby=deliveries-title]")
		if got := text(page); !strings.Contains(got, tt.title) {
			t.Errorf("%+v: list = %q, want it to contain %q", tt.query, got, tt.title)
		}
		if got := page.Find("main form[role=search]").Length(); got != tt.filter {
			t.Errorf("%+v: filter forms = %d, want %d", tt.query, got, tt.filter)
		}
		if page.Find("nav").Length() != 0 {
			t.Errorf("%+v: an empty list has paging", tt.query)
		}
	}
	show = ShowPage{Endpoint: endpoint(), Deliveries: models.Paged[models.WebhookDelivery]{Items: items}}
	page = render(t, Show(show))
	if page.Find("#deliveries nav").Length() != 0 {
		t.Error("a single page has paging")
	}
	if got := page.Find("main form[role=search]").Length(); got != 1 {
		t.Errorf("filter forms = %d, want 1", got)
	}
	show.Deliveries.NextCursor = "c2"
	page = render(t, Show(show))
	if page.Find("#newest").Length() != 0 {
		t.Error("the first page links to the latest deliveries")
	}
	if got := text(page.Find("#deliveries nav")); !strings.HasPrefix(got, "Newest first") {
		t.Errorf("paging = %q, want prefix %q", got, "Newest first")
	}
}

func TestConfirmationPages(t *testing.T) {
	page := EndpointPage{Endpoint: endpoint(), Health: models.WebhookHealth{LastFailure: models.FailedTLS}}
	for name, panel := range map[string]string{"disable": text(render(t, Disable(page)).Find("#panel")), "delete": text(render(t, Delete(page)).Find("#panel")), "rotate": text(render(t, RotateSecret(page)).Find("#panel"))} {
		if want := "CRM <sync> hooks.example.com/in?a=1 Failing"; !strings.Contains(panel, want) {
			t.Errorf("%s: panel = %q, want it to contain %q", name, panel, want)
		}
		if strings.Contains(panel, "pending.") {
			t.Errorf("%s: panel = %q, want no mention of pending deliveries", name, panel)
		}
	}
	for pending, want := range map[int]string{1: "1 delivery is pending.", 12: "12 deliveries are pending."} {
		page.Health.Pending = pending
		if got := text(render(t, Delete(page)).Find("#panel")); !strings.Contains(got, want) {
			t.Errorf("%d pending: panel = %q, want it to contain %q", pending, got, want)
		}
	}
	for name, tt := range map[string]struct {
		page   SecretPage
		prefix string
	}{
		"new":                      {SecretPage{}, "Endpoint added"},
		"rotated":                  {SecretPage{Rotated: true, Overlaps: true}, "Secret rotated"},
		"rotated, old secret lost": {SecretPage{Rotated: true}, "Secret rotated"},
	} {
		tt.page.Endpoint, tt.page.Secret = endpoint(), "whsec_x"
		got := text(render(t, Secret(tt.page)).Find("#panel"))
		if !strings.HasPrefix(got, tt.prefix) {
			t.Errorf("%s: panel = %q, want prefix %q", name, got, tt.prefix)
		}
		if mentioned := strings.Contains(got, "For 24 hours"); mentioned != tt.page.Overlaps {
			t.Errorf("%s: panel mentions the overlap = %t, want %t", name, mentioned, tt.page.Overlaps)
		}
	}
}

func TestEditFormIsFilledIn(t *testing.T) {
	page := render(t, Edit(endpoint(), FormOf(endpoint()))).Find("#panel")
	if got, want := page.Find("#field-url").AttrOr("value", ""), "https://hooks.example.com/in?a=1"; got != want {
		t.Errorf("URL = %q, want %q", got, want)
	}
	if got := page.Find("#field-description").AttrOr("value", ""); !strings.HasPrefix(got, "CRM") {
		t.Errorf("description = %q, want prefix %q", got, "CRM")
	}
	if got := page.Find("input[name=events][checked]").Length(); got != 2 {
		t.Errorf("checked events = %d, want 2", got)
	}
}

func TestRetryAllFailedIsOffered(t *testing.T) {
	items := []models.WebhookDelivery{*attempted(pendingDelivery(0), models.DeliveryFailed, 10, 500, models.FailedStatus)}
	for _, tt := range []struct {
		name     string
		endpoint *models.WebhookEndpoint
		failed   int
		query    Query
		want     string
	}{
		{"none", endpoint(), 0, Query{}, ""},
		{"some", endpoint(), 12, Query{}, "Failed deliveries: 12 Retry all failed"},
		{"filtered", endpoint(), 1, Query{Event: "seat.assigned"}, "Failed deliveries that match: 1 Retry all failed"},
		{"too many", endpoint(), models.MaxRetries, Query{}, "Failed deliveries: 1,000 or more Retry the oldest 1,000"},
		{"disabled", disabledFor(models.DisabledManually), 12, Query{}, ""},
	} {
		page := render(t, Show(ShowPage{Endpoint: tt.endpoint, Query: tt.query, Failed: tt.failed, Deliveries: models.Paged[models.WebhookDelivery]{Items: items}}))
		form := page.Find("form[action$='/retry-failed']")
		if got := text(form); got != tt.want {
			t.Errorf("%s: form = %q, want %q", tt.name, got, tt.want)
		}
		if got := form.Find("[name=event]").AttrOr("value", ""); got != tt.query.Event {
			t.Errorf("%s: event = %q, want %q", tt.name, got, tt.query.Event)
		}
	}
}
