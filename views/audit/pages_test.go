package audit

import (
	"context"
	"slices"
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
	document, err := goquery.NewDocumentFromReader(strings.NewReader(strings.ReplaceAll(html.String(), "<", " <")))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// text returns the text of a selection with white space collapsed.
func text(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

// renamed returns an event with a previous name and an empty detail.
func renamed() models.AuditEvent {
	return models.AuditEvent{
		ID: "aud_1", ActorType: models.ActorMember, ActorID: new("mem_1"), ActorName: "Ada", Action: "api_key.renamed", TargetType: "api_key", TargetID: "key_1", TargetName: "CI",
		Details: map[string]string{"from": "CD", "expires_at": "", "paused_until": "2026-11-25T12:00:00Z"}, Address: "192.0.2.1", UserAgent: "curl/8.5.0", CreatedAt: now, Seq: 7, Hash: []byte{0xab, 0xcd},
	}
}

func TestEventRow(t *testing.T) {
	system := models.AuditEvent{ID: "aud_2", ActorType: models.ActorSystem, Action: "lease.set", TargetType: "lease", TargetID: "1", TargetName: "lease", CreatedAt: now}
	anonymous := models.AuditEvent{ID: "aud_3", ActorType: models.ActorAnonymous, ActorName: "Unknown", Action: "user.sign_in_failed", TargetType: "user", TargetName: "eve@acme.test", Address: "192.0.2.2", CreatedAt: now}
	rows := render(t, Log(Page{Events: models.Paged[models.AuditEvent]{Items: []models.AuditEvent{renamed(), system, anonymous}}})).Find("#events ol > li")
	const time = " just now , 24 Nov 2026, 12:00 UTC Details"
	const precise = " Time 24 Nov 2026, 12:00:00.000 UTC"
	const facts = " Expiry None Previous name CD Paused until 25 Nov 2026, 12:00 UTC ( in 1 day ) IP address 192.0.2.1 Client curl/8.5.0"
	for n, want := range []string{
		"Ada renamed API key CI 192.0.2.1 · curl 8.5.0" + time + precise + facts + " Event ID aud_1 Position in chain 7 Hash abcd Related All events by Ada All events for this key",
		"System changed the lease duration" + time + precise + " IP address Unknown Client Unknown Event ID aud_2 Related All events by System All events for lease",
		"Failed sign-in attempt for eve@acme.test 192.0.2.2" + time + precise + " IP address 192.0.2.2 Client Unknown Event ID aud_3 Related All events by Unknown",
	} {
		if got := text(rows.Eq(n)); got != want {
			t.Errorf("event %d =\n%s\nwant\n%s", n, got, want)
		}
	}
	links := func(n int) string {
		return strings.Join(rows.Eq(n).Find("a").Map(func(_ int, link *goquery.Selection) string { return link.AttrOr("href", "") }), " ")
	}
	for n, want := range []string{"/w/ws_1/settings/api-keys/key_1 /w/ws_1/settings/audit-log?actor=mem_1 /w/ws_1/settings/audit-log?target=key_1", "/w/ws_1/settings/audit-log?actor=system /w/ws_1/settings/audit-log?target=1", "/w/ws_1/settings/audit-log?actor=anonymous"} {
		if got := links(n); got != want {
			t.Errorf("links of event %d = %s, want %s", n, got, want)
		}
	}
	history := render(t, History([]models.AuditEvent{renamed()}, "this key"))
	if got, want := text(history.Find("li")), "Ada renamed this key"+time+facts; got != want {
		t.Errorf("history = %q, want %q", got, want)
	}
	if got := text(history.Selection); strings.Contains(got, "No activity yet") {
		t.Errorf("history = %q, want no empty state", got)
	}
	if got, want := text(render(t, History(nil, "this key")).Selection), "No activity yet"; !strings.Contains(got, want) {
		t.Errorf("empty history = %q, want %q", got, want)
	}
}

func TestDetailsAreFormattedByType(t *testing.T) {
	const member, key = "mem_01KKNTQ1T8Z2M7X5E1GQKCA4FD", "key_01KKNTQ1T8Z2M7X5E1GQKCA4FD"
	event := models.AuditEvent{Action: "api_key.deletion_in_force", ActorType: models.ActorSystem, Details: map[string]string{
		"committed_at": "2026-11-24T11:59:00.123Z", "took_ms": "1250", "member_id": member, "successor_id": key, "by": "key_other", "nodes": "2",
	}}
	page := render(t, History([]models.AuditEvent{event}, "this key"))
	const want = "Sent by key_other Deleted 24 Nov 2026, 11:59 UTC ( 1 minute ago ) Member " + member + " Nodes 2 Replacement " + key + " Duration 1,250 ms IP address Unknown Client Unknown"
	if got := text(page.Find("dl")); got != want {
		t.Errorf("details = %q, want %q", got, want)
	}
	links := strings.Join(page.Find("dl a").Map(func(_ int, link *goquery.Selection) string { return link.AttrOr("href", "") }), " ")
	if want := "/w/ws_1/settings/members/" + member + " /w/ws_1/settings/api-keys/" + key; links != want {
		t.Errorf("links = %q, want %q", links, want)
	}
}

func TestTargetsAreLinked(t *testing.T) {
	for _, tt := range []struct{ kind, action, want string }{
		{"api_key", "api_key.created", "/w/ws_1/settings/api-keys/id_1"},
		{"member", "member.added", "/w/ws_1/settings/members/id_1"},
		{"webhook_endpoint", "webhook_endpoint.created", "/w/ws_1/settings/webhooks/id_1"},
		{"webhook_endpoint", "webhook_endpoint.deleted", "/w/ws_1/settings/audit-log?target=id_1"},
		{"seat", "seat.assigned", "/w/ws_1/settings/audit-log?target=id_1"},
		{"workspace", "workspace.created", "/w/ws_1/settings/audit-log?target=id_1"},
	} {
		event := models.AuditEvent{Action: tt.action, TargetType: tt.kind, TargetID: "id_1", TargetName: "It"}
		link := render(t, Log(Page{Events: models.Paged[models.AuditEvent]{Items: []models.AuditEvent{event}}})).Find(".event-sentence a")
		if got := link.AttrOr("href", ""); got != tt.want {
			t.Errorf("link of %s = %q, want %q", tt.action, got, tt.want)
		}
	}
}

func TestOriginOf(t *testing.T) {
	for want, event := range map[string]models.AuditEvent{
		"": {}, "curl 8": {UserAgent: "curl/8"}, "192.0.2.1": {Address: "192.0.2.1"}, "192.0.2.1 · curl 8": {Address: "192.0.2.1", UserAgent: "curl/8"},
	} {
		if got := originOf(event); got != want {
			t.Errorf("origin = %q, want %q", got, want)
		}
	}
}

func TestCSVRow(t *testing.T) {
	event := renamed()
	event.CreatedAt = now.In(time.FixedZone("late", 14*60*60))
	var got []string
	for i, cell := range Row(event) {
		got = append(got, Columns[i]+"="+cell)
	}
	want := []string{
		"time=2026-11-24T12:00:00.000Z", "actor=Ada", "actor_type=member", "actor_id=mem_1", "event=Ada renamed API key CI", "action=api_key.renamed", "target_type=api_key", "target_id=key_1",
		"target=CI", `details={"expires_at":"","from":"CD","paused_until":"2026-11-25T12:00:00Z"}`, "address=192.0.2.1", "user_agent=curl/8.5.0", "id=aud_1", "seq=7", "hash=abcd",
	}
	if !slices.Equal(got, want) {
		t.Errorf("row = %q, want %q", got, want)
	}
	row := Row(models.AuditEvent{})
	if row[1] != "Someone" {
		t.Errorf("actor of an anonymous event = %q, want %q", row[1], "Someone")
	}
	if row[3] != "" {
		t.Errorf("actor ID of an anonymous event = %q, want none", row[3])
	}
}

// TestLogKeepsFilters checks the form, the links between pages, and the CSV file.
func TestLogKeepsFilters(t *testing.T) {
	page := Page{
		Query:  Query{Actor: "mem_1", Action: "api_key.renamed", Target: "CI", From: "2026-11-01", To: "2026-11-24", Cursor: "c1"},
		Events: models.Paged[models.AuditEvent]{Items: []models.AuditEvent{renamed()}, NextCursor: "c2"},
		Total:  1234, Head: "abcd",
	}
	const filters = "action=api_key.renamed&actor=mem_1&from=2026-11-01&target=CI&to=2026-11-24"
	shown := render(t, Log(page))
	for selector, want := range map[string]string{
		"#newest": "/w/ws_1/settings/audit-log?" + filters, "#events [download]": "/w/ws_1/settings/audit-log/events.csv?" + filters,
		"#older": "/w/ws_1/settings/audit-log?action=api_key.renamed&actor=mem_1&cursor=c2&from=2026-11-01&target=CI&to=2026-11-24",
	} {
		if got := shown.Find(selector).AttrOr("href", ""); got != want {
			t.Errorf("href of %s = %s, want %s", selector, got, want)
		}
	}
	for selector, want := range map[string]string{"#target": "CI", "#from": "2026-11-01", "#to": "2026-11-24", "#actor": "mem_1", "#action [selected]": "api_key.renamed"} {
		if got := shown.Find(selector).AttrOr("value", ""); got != want {
			t.Errorf("value of %s = %q, want %q", selector, got, want)
		}
	}
	integrity := text(shown.Find("details").Last())
	if want := "Verify integrity ( 1,234 events )"; !strings.HasPrefix(strings.NewReplacer("( ", "(", " )", ")").Replace(integrity), strings.NewReplacer("( ", "(", " )", ")").Replace(want)) {
		t.Errorf("integrity = %q, want prefix %q", integrity, want)
	}
	if !strings.Contains(integrity, "abcd") {
		t.Errorf("integrity = %q, want it to contain the hash", integrity)
	}
	if got := shown.Find("#events").AttrOr("data-summary", ""); got != "1 event, newest first, more on the next page" {
		t.Errorf("summary = %q", got)
	}
	page.Query, page.Events.NextCursor, page.Head = Query{}, "", ""
	shown = render(t, Log(page))
	if got, want := shown.Find("#events").AttrOr("data-summary", ""), "1 event, newest first"; got != want {
		t.Errorf("summary of a single page = %q, want %q", got, want)
	}
	if got := shown.Find("#newest, #older").Length(); got != 0 {
		t.Errorf("a single page has %d links to others", got)
	}
	if got := text(shown.Find("#events")); !strings.HasPrefix(got, "Newest first") {
		t.Errorf("events = %q, want prefix %q", got, "Newest first")
	}
	if strings.Contains(text(shown.Find("main")), "Verify integrity") {
		t.Error("a log without a hash offers verification")
	}
	page.Events.Items = nil
	if got := render(t, Log(page)).Find("#events").AttrOr("data-summary", ""); got != "No events match" {
		t.Errorf("summary of no events = %q", got)
	}
}

func TestInvalidDates(t *testing.T) {
	for field, want := range map[string]string{"from": "The start date must be a valid date.", "to": "The end date must be a valid date."} {
		shown := render(t, Log(Page{Errors: models.Fields{field: "must be a valid date"}}))
		if got := text(shown.Find("#dates-error")); got != want {
			t.Errorf("%s: error = %q, want %q", field, got, want)
		}
		invalid := shown.Find("[aria-invalid=true]").Map(func(_ int, f *goquery.Selection) string { return f.AttrOr("name", "") })
		if !slices.Equal(invalid, []string{field}) {
			t.Errorf("invalid fields = %v, want [%s]", invalid, field)
		}
	}
}

func TestFailedSignInsSayHowLongTheyAreKept(t *testing.T) {
	page := render(t, FailedSignIns(models.Paged[models.FailedSignIn]{}, 7*24*time.Hour, false))
	if got, want := text(page.Selection), "Kept for 7 days."; !strings.Contains(got, want) {
		t.Errorf("the page is %q, want it to contain %q", got, want)
	}
}
