package apikeys

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// trafficOf returns the traffic of two keys. The first has many callers, the second none.
func trafficOf(busy, idle string) models.Traffic {
	of := &models.KeyTraffic{Hour: 3, Day: 40, Month: 1500}
	for i, requests := range []int64{900, 300, 200, 60, 30, 10} {
		of.Routes = append(of.Routes, models.RouteTraffic{APIKeyID: busy, Route: fmt.Sprintf("GET /route%d", i+1), Requests: requests})
	}
	of.Routes[5].Route = ""
	for i := range 6 {
		of.Callers = append(of.Callers, oldCaller(fmt.Sprintf("sync/%d", i+1), time.Duration(i)*time.Hour))
	}
	of.Callers[3] = models.APIKeyCaller{LastAcceptedAt: ago(3 * time.Hour)}
	return models.Traffic{HourFrom: now.Add(-time.Hour), Keys: map[string]*models.KeyTraffic{busy: of, idle: {}}}
}

func TestTrafficNamesTheFirstFew(t *testing.T) {
	key := keyNamed("CI")
	shown := drawn(t, Pause(PausePage{Key: key, Traffic: trafficOf(key.ID, "key_2")}))
	want := "Recent traffic Last hour 3 Last day 40 Last 30 days 1,500" +
		" Endpoints GET /route1 900 GET /route2 300 GET /route3 200 GET /route4 60 and 2 more endpoints" +
		" Callers 192.0.2.1 sync 1 just now , 24 Nov 2026, 12:00 UTC 192.0.2.1 sync 2 1 hour ago , 24 Nov 2026, 11:00 UTC 192.0.2.1 sync 3 2 hours ago , 24 Nov 2026, 10:00 UTC" +
		" Other callers 3 hours ago , 24 Nov 2026, 09:00 UTC and 2 more callers" +
		" Accepted requests. “Last hour” counts from 11:00 UTC."
	if got := text(shown.Find("section[aria-labelledby=pause-stops]")); got != want {
		t.Errorf("traffic =\n%s\nwant\n%s", got, want)
	}
	if got := text(drawn(t, Pause(PausePage{Key: keyNamed("Other"), Traffic: trafficOf("key_1", "key_2")})).Find("section[aria-labelledby=pause-stops] dl")); got != "Last hour 0 Last day 0 Last 30 days 0" {
		t.Errorf("traffic of a key without requests = %q", got)
	}
}

func TestMostCalledAddsUpTheRoutesOfKeys(t *testing.T) {
	most := mostCalled([]models.RouteTraffic{{Route: "GET /me", Requests: 5}, {Route: "", Requests: 7}, {Route: "GET /seats", Requests: 6}, {Route: "GET /me", Requests: 2}})
	if got := fmt.Sprint(most); got != "[{  7} { GET /me 7} { GET /seats 6}]" {
		t.Errorf("mostCalled() = %s", got)
	}
	if routeName("") != "unknown endpoint" || routeName("GET /me") != "GET /me" {
		t.Errorf("routeName(\"\") = %q, routeName(\"GET /me\") = %q", routeName(""), routeName("GET /me"))
	}
}

func TestBulkDeleteShowsTraffic(t *testing.T) {
	busy, idle := keyNamed("Busy"), keyNamed("Idle")
	idle.ID, idle.LastUsedAt = "key_2", ago(40*day)
	page := BulkDeletePage{Keys: []models.APIKey{*busy, *idle}, Traffic: trafficOf(busy.ID, "key_2"), InUse: 1, Challenge: models.Challenge{Number: 2}, Gone: 2, ChangeTime: 5 * time.Second}
	shown := drawn(t, BulkDelete(page)).Find("#panel")
	for _, want := range []string{
		"2 of the selected keys were already deleted.", "1 key is in use", "this takes about 5 seconds.",
		"Recent traffic on all selected keys Last hour 3 Last day 40 Last 30 days 1,500 Endpoints GET /route1 900",
	} {
		if got := text(shown); !strings.Contains(got, want) {
			t.Errorf("page lacks %q: %s", want, got)
		}
	}
	for n, want := range []string{
		"Busy sk_live_zQWB.... Expires soon 3 in the last hour, 40 in the last day, 1,500 in 30 days 6 callers, 6 endpoints 192.0.2.1 sync 1",
		"Idle sk_live_zQWB.... Expires soon No requests in 30 days. Last used 40 days ago",
	} {
		if got := text(shown.Find("section[aria-labelledby=stops-each] > ul > li").Eq(n)); !strings.HasPrefix(got, want) {
			t.Errorf("key %d: %q, want %q", n, got, want)
		}
	}
	if shown.Find("input[name=confirm_number]").Length() != 1 || shown.Find("a[autofocus]").Length() != 0 {
		t.Error("page with keys in use does not ask for their number, or focuses Cancel")
	}
	page.InUse, page.Challenge, page.Gone = 0, models.Challenge{}, 1
	shown = drawn(t, BulkDelete(page)).Find("#panel")
	modelstest.Equal(t, "fields for the number of unused keys", shown.Find("input[name=confirm_number]").Length(), 0)
	modelstest.Equal(t, "focused links", shown.Find("a[autofocus]").Length(), 1)
	if strings.Contains(text(shown), "in use") {
		t.Errorf("page of unused keys = %s", text(shown))
	}
	modelstest.Contains(t, "page with a deleted key", text(shown), "1 of the selected keys was already deleted.")
	modelstest.Equal(t, "title", text(shown.Find("h1")), "Delete 2 keys?")
	if got := text(drawn(t, BulkDelete(BulkDeletePage{})).Find("#panel h1")); got != "Nothing to delete" {
		t.Errorf("title without keys = %q", got)
	}
}

func TestReceipts(t *testing.T) {
	key := keyNamed("CI")
	key.DeletedAt, key.DeletionEffectiveAt, key.LastUsedRoute = ago(time.Second), new(now.Add(-475*time.Millisecond)), "GET /me"
	unknown := keyNamed("CD")
	unknown.DeletedAt, unknown.LastUsedAt = ago(time.Second), nil
	receipts := drawn(t, Receipts([]models.APIKey{*key, *unknown})).Find("#panel")
	for n, want := range []string{
		"CI Rejected everywhere after 525 ms, 24 Nov 2026, 11:59:59.525 UTC Last request: GET /me from 203.0.113.1 , 24 Nov 2026, 11:00:00.000 UTC",
		"CD Confirming. Deleted 24 Nov 2026, 11:59:59.000 UTC Never used.",
	} {
		if got := text(receipts.Find("li").Eq(n)); got != want {
			t.Errorf("receipt %d: %q, want %q", n, got, want)
		}
	}
	if got := text(receipts.Find("h1")); got != "Deleted 2 keys" {
		t.Errorf("title = %q, want Deleted 2 keys", got)
	}
	whole := func(key *models.APIKey) string {
		return text(drawn(t, Show(detailOf(key))).Find("section[aria-labelledby=receipt] dl"))
	}
	if got, want := whole(key), "Deleted 24 Nov 2026, 11:59:59.000 UTC In effect on all nodes 24 Nov 2026, 11:59:59.525 UTC 525 ms after deletion."+
		" Last accepted request 24 Nov 2026, 11:00:00.000 UTC GET /me from 203.0.113.1 Requests accepted after deletion None"; got != want {
		t.Errorf("the whole one: %q, want %q", got, want)
	}
	if got := whole(unknown); !strings.Contains(got, "Confirming…") || !strings.Contains(got, "Never used") {
		t.Errorf("receipt of a pending deletion = %q", got)
	}
	key.AcceptedAfterDeletion = true
	if got := whole(key); !strings.Contains(got, "This should never happen.") {
		t.Errorf("receipt of a key accepted after its deletion = %q", got)
	}
}

func TestDeletedKeysCannotBeSelected(t *testing.T) {
	living, dead := keyNamed("CI"), keyNamed("CD")
	dead.ID, dead.DeletedAt = "key_2", ago(day)
	for _, tt := range []struct {
		keys       []models.APIKey
		all, boxes int
	}{{[]models.APIKey{*living, *dead}, 2, 1}, {[]models.APIKey{*dead}, 0, 0}} { // one is in the head of the table, one above cards
		page := ListPage{List: models.APIKeyList{Keys: tt.keys, Matching: 2, Counts: map[models.KeyStatus]int64{models.KeyActive: 1}}}
		shown := drawn(t, List(page))
		if all, boxes := shown.Find("[data-select-all]").Length(), shown.Find("input[name=key]").Length(); all != tt.all || boxes != tt.boxes {
			t.Errorf("checkboxes = %d, for selecting all = %d; want %d and %d", boxes, all, tt.boxes, tt.all)
		}
	}
}
