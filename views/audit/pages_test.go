package audit

import (
	"context"
	"fmt"
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

// renamed is an event of a member with a name before and a detail that is empty.
func renamed() models.AuditEvent {
	return models.AuditEvent{
		ID: "aud_1", ActorType: models.ActorMember, ActorID: new("mem_1"), ActorName: "Ada", Action: "api_key.renamed", TargetType: "api_key", TargetID: "key_1", TargetName: "CI",
		Details: map[string]string{"from": "CD", "expires_at": "", "paused_until": "later"}, Address: "192.0.2.1", UserAgent: "curl/8.5.0", CreatedAt: now, Seq: 7, Hash: []byte{0xab, 0xcd},
	}
}

// TestAnEventHasItsDetails, and leads to all by the same, all about the same, and the key itself.
func TestAnEventHasItsDetails(t *testing.T) {
	system := models.AuditEvent{ID: "aud_2", ActorType: models.ActorSystem, Action: "lease.set", TargetType: "lease", TargetID: "1", TargetName: "lease", CreatedAt: now}
	nobody := models.AuditEvent{ID: "aud_3", ActorType: models.ActorAnonymous, ActorName: "Nobody", Action: "user.sign_in_failed", TargetType: "user", TargetName: "eve@acme.test", Address: "192.0.2.2", CreatedAt: now}
	rows := drawn(t, Log(Page{Events: models.Paged[models.AuditEvent]{Items: []models.AuditEvent{renamed(), system, nobody}}})).Find("#events ol > li")
	const time = " just now , 24 Nov 2026, 12:00 UTC Details"
	const precise = " Time 24 Nov 2026, 12:00:00.000 UTC"
	for n, want := range []string{
		"Ada renamed the API key CI" + time + " from 192.0.2.1 by curl 8.5.0" + precise + " Expiry None Name before CD Paused until later Address 192.0.2.1 Client curl/8.5.0 Event aud_1 Place 7 Hash abcd Show All by Ada All about the API key",
		"Somebody set the lease" + time + precise + " Address unknown Client unknown Event aud_2 Show All by Somebody All about the lease",
		"Nobody failed to sign in as the user eve@acme.test" + time + " from 192.0.2.2" + precise + " Address 192.0.2.2 Client unknown Event aud_3 Show All by Nobody",
	} {
		if got := text(rows.Eq(n)); got != want {
			t.Errorf("event %d is\n%s\nwant\n%s", n, got, want)
		}
	}
	links := func(n int) string {
		return strings.Join(rows.Eq(n).Find("a").Map(func(_ int, link *goquery.Selection) string { return link.AttrOr("href", "") }), " ")
	}
	for n, want := range []string{"/settings/api-keys/key_1 /settings/audit-log?actor=mem_1 /settings/audit-log?target=key_1", "/settings/audit-log?actor=system /settings/audit-log?target=1", "/settings/audit-log?actor=anonymous"} {
		if got := links(n); got != want {
			t.Errorf("event %d leads to %s, want %s", n, got, want)
		}
	}
	history := drawn(t, History([]models.AuditEvent{renamed()}, "the key"))
	if got, want := text(history.Find("li")), "Ada renamed the key"+time+" Expiry None Name before CD Paused until later Address 192.0.2.1 Client curl/8.5.0"; got != want {
		t.Errorf("the history says %q, want %q", got, want)
	}
	if got := text(history.Selection); strings.Contains(got, "Nothing is recorded.") || !strings.Contains(text(drawn(t, History(nil, "the key")).Selection), "Nothing is recorded.") {
		t.Errorf("a history says %q", got)
	}
}

func TestBesideAnEventIsWhereItCameFrom(t *testing.T) {
	for want, event := range map[string]models.AuditEvent{
		"": {}, "curl 8": {UserAgent: "curl/8"}, "from 192.0.2.1": {Address: "192.0.2.1"}, "from 192.0.2.1 by curl 8": {Address: "192.0.2.1", UserAgent: "curl/8"},
	} {
		if got := beside(event); got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
}

// TestARowHasEverything about an event, under the name of its column.
func TestARowHasEverything(t *testing.T) {
	event := renamed()
	event.CreatedAt = now.In(time.FixedZone("late", 14*60*60))
	var got []string
	for i, cell := range Row(event) {
		got = append(got, Columns[i]+"="+cell)
	}
	want := []string{
		"time=2026-11-24T12:00:00.000Z", "actor=Ada", "actor_type=member", "actor_id=mem_1", "event=renamed the API key CI", "action=api_key.renamed", "target_type=api_key", "target_id=key_1",
		"target=CI", `details={"expires_at":"","from":"CD","paused_until":"later"}`, "address=192.0.2.1", "user_agent=curl/8.5.0", "id=aud_1", "seq=7", "hash=abcd",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it is %q, want %q", got, want)
	}
	if row := Row(models.AuditEvent{}); row[1] != "Somebody" || row[3] != "" {
		t.Errorf("of nobody it is %q", row)
	}
}

// TestTheLogKeepsWhatItIsAskedFor in its form, from page to page and in the file.
func TestTheLogKeepsWhatItIsAskedFor(t *testing.T) {
	page := Page{
		Query:  Query{Actor: "mem_1", Action: "api_key.renamed", Target: "CI", From: "2026-11-01", To: "2026-11-24", Cursor: "c1"},
		Events: models.Paged[models.AuditEvent]{Items: []models.AuditEvent{renamed()}, NextCursor: "c2"},
		Actors: []Actor{{"mem_2", "Bob"}, {"mem_1", "Ada"}}, Total: 1234, Head: "abcd",
	}
	const asked = "action=api_key.renamed&actor=mem_1&from=2026-11-01&target=CI&to=2026-11-24"
	shown := drawn(t, Log(page))
	for selector, want := range map[string]string{
		"#newest": "/settings/audit-log?" + asked, "#events [download]": "/settings/audit-log/events.csv?" + asked,
		"#older": "/settings/audit-log?action=api_key.renamed&actor=mem_1&cursor=c2&from=2026-11-01&target=CI&to=2026-11-24",
	} {
		if got := shown.Find(selector).AttrOr("href", ""); got != want {
			t.Errorf("%s leads to %s, want %s", selector, got, want)
		}
	}
	for selector, want := range map[string]string{"#target": "CI", "#from": "2026-11-01", "#to": "2026-11-24", "#actor [selected]": "mem_1", "#action [selected]": "api_key.renamed"} {
		if field := shown.Find(selector); field.Length() != 1 || field.AttrOr("value", "") != want {
			t.Errorf("%s is %q, want %q", selector, field.AttrOr("value", ""), want)
		}
	}
	if got := text(shown.Find("details").Last()); !strings.HasPrefix(got, "1,234 events in one chain") || !strings.Contains(got, "abcd") {
		t.Errorf("the chain is %q", got)
	}
	if got := shown.Find("#events").AttrOr("data-summary", ""); got != "1 event, newest first, older ones on the next page" {
		t.Errorf("the page says %q", got)
	}
	page.Query, page.Events.NextCursor, page.Head = Query{}, "", ""
	shown = drawn(t, Log(page))
	if got := shown.Find("#events").AttrOr("data-summary", ""); got != "1 event, newest first" || shown.Find("#newest, #older").Length() != 0 || !strings.HasPrefix(text(shown.Find("#events")), "Newest first") {
		t.Errorf("all on one page says %q", got)
	}
	if strings.Contains(text(shown.Find("main")), "in one chain") {
		t.Error("a log without a head has a chain")
	}
	page.Events.Items = nil
	if got := drawn(t, Log(page)).Find("#events").AttrOr("data-summary", ""); got != "No events match" {
		t.Errorf("nothing says %q", got)
	}
}

// TestTheLogSaysWhichDayIsWrong, and marks it.
func TestTheLogSaysWhichDayIsWrong(t *testing.T) {
	for wrong, want := range map[string]string{"from": "The first day must be a date.", "to": "The last day must be a date."} {
		shown := drawn(t, Log(Page{Errors: models.Fields{wrong: "must be a date"}}))
		invalid := shown.Find("[aria-invalid=true]")
		if got := text(shown.Find("#dates-error")); got != want || fmt.Sprint(invalid.Map(func(_ int, f *goquery.Selection) string { return f.AttrOr("name", "") })) != "["+wrong+"]" {
			t.Errorf("%s: it says %q of %d fields", wrong, got, invalid.Length())
		}
	}
}
