package apikeys

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// usageOf returns the page of a key with its name as the user agent of its caller.
func usageOf(key *models.APIKey) UsagePage {
	query := UsageQuery{}
	report := &models.UsageReport{Key: key, Report: &usage.Report{Window: query.Window(now, time.UTC)}}
	report.Periods = make([]usage.Sum, len(report.Window.Starts))
	report.Uses = []models.APIKeyRouteUse{{Route: "GET /me", Rejection: usage.RejectedPaused, Requests: 1, LastAt: now, LastAddress: "192.0.2.1", LastUserAgent: key.Name}}
	return UsagePage{
		Query: query, Report: report, Now: now, Zone: time.UTC, Ever: 1,
		Callers: []models.APIKeyCaller{{Address: "192.0.2.1", UserAgent: key.Name, Accepted: 1, FirstSeenAt: now, LastSeenAt: now}},
	}
}

// usageSummaryOf returns the usage on the page of a key, with its name as the user agent of its caller.
func usageSummaryOf(key *models.APIKey) KeyUsage { return KeyUsage{UsagePage: usageOf(key)} }

// detailOf returns the page of a key.
func detailOf(key *models.APIKey) DetailPage {
	return DetailPage{Key: key, Usage: usageSummaryOf(key)}
}

func TestUsageSaysWhatIsNotThere(t *testing.T) {
	key := keyNamed("CI")
	page := usageOf(key)
	page.Ever, page.Callers, page.Report.Uses = 0, nil, nil
	drawn := html.UnescapeString(render(t, Usage(page)))
	for _, want := range []string{"No requests in this period", "This key hasn’t been used. Its first request will appear here", "No rejected requests."} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestUsageQueries(t *testing.T) {
	for _, tt := range []struct {
		query   UsageQuery
		periods int
		address string
	}{
		{UsageQuery{}, 30, "/u"},
		{UsageQuery{Period: "24h"}, 24, "/u?period=24h"},
		{UsageQuery{Period: "24h", By: "day"}, 24, "/u?period=24h"},
		{UsageQuery{Period: "7d"}, 168, "/u?period=7d"},
		{UsageQuery{Period: "7d", By: "day"}, 7, "/u?by=day&period=7d"},
		{UsageQuery{Period: "90d", By: "hour"}, 90, "/u?period=90d"},
		{UsageQuery{Period: "1000d", By: "year", Seen: "7"}, 30, "/u?seen=7"},
	} {
		if got := len(tt.query.Window(now, time.UTC).Starts); got != tt.periods || tt.query.url("/u") != tt.address {
			t.Errorf("%+v: %d periods at %s, want %d at %s", tt.query, got, tt.query.url("/u"), tt.periods, tt.address)
		}
	}
}

// busy returns the page of a key with requests in the last two periods.
func busy(query UsageQuery, zone *time.Location) UsagePage {
	key := keyNamed("CI")
	key.Scopes = scope.Of(scope.SeatsRead, scope.MembersRead)
	page := usageOf(key)
	page.Query, page.Zone = query, zone
	report := page.Report
	report.Window = query.Window(now, zone)
	report.Periods = make([]usage.Sum, len(report.Window.Starts))
	last := len(report.Periods) - 1
	report.Periods[last-1] = usage.Sum{Requests: 4, Classes: [6]int64{2: 4}}
	report.Periods[last] = usage.Sum{Requests: 8, Rejected: 2, Classes: [6]int64{2: 5, 3: 1, 4: 2}}
	report.Total = usage.Sum{Requests: 12, Rejected: 2, Classes: [6]int64{2: 9, 3: 1, 4: 2}}
	report.Routes = []usage.Part{{Name: "GET /seats", Scope: "seats.read", Sum: usage.Sum{Requests: 9}}, {Sum: usage.Sum{Requests: 3, Rejected: 2}}}
	report.Scopes = []usage.Part{{Name: "seats.read", Sum: usage.Sum{Requests: 9}}, {Name: "seats.write", Sum: usage.Sum{Requests: 2, Rejected: 2}}, {Sum: usage.Sum{Requests: 1}}}
	report.Uses = []models.APIKeyRouteUse{
		{Route: "GET /seats", Scope: "seats.read", Requests: 9, LastAt: *ago(time.Hour)},
		{Route: "GET /workspace_members", Scope: "members.read", Requests: 1, LastAt: *ago(100 * day)},
	}
	return page
}

// TestUsageIsAPictureByStatus: what is rare by its nature is in it only if it was there, and a bar
// is called by its time where the viewer is.
func TestUsageIsAPictureByStatus(t *testing.T) {
	auckland := time.FixedZone("NZDT", 13*60*60) // where it is 01:00 on the 25th
	for _, tt := range []struct {
		query             UsageQuery
		head, label, tick string
	}{
		{UsageQuery{Period: "24h"}, "Hour", "25 Nov 2026, 01:00 NZDT", "01:00"},
		{UsageQuery{Period: "7d"}, "Hour", "25 Nov 2026, 01:00 NZDT", "25 Nov"},
		{UsageQuery{Period: "7d", By: "day"}, "Day", "Wed, 25 Nov 2026", "25 Nov"},
		{UsageQuery{}, "Day", "Wed, 25 Nov 2026", "25 Nov"},
	} {
		chart := busy(tt.query, auckland).chart()
		bar := chart.Bars[len(chart.Bars)-1]
		name := fmt.Sprintf("%+v", tt.query)
		modelstest.Equal(t, name+": head", chart.Head, tt.head)
		modelstest.Equal(t, name+": label", bar.Label, tt.label)
		modelstest.Equal(t, name+": tick", bar.Tick, tt.tick)
		modelstest.Equal(t, name+": values", bar.Values, []int64{5, 1, 2, 0})
		if got := fmt.Sprint(chart.Series); got != "[{2xx success} {3xx } {4xx warning} {5xx danger}]" {
			t.Errorf("%+v: the series are %s", tt.query, got)
		}
	}
	page := busy(UsageQuery{}, time.UTC)
	page.Report.Total.Classes = [6]int64{0: 1, 1: 1}
	if got := fmt.Sprint(page.chart().Series); got != "[{2xx success} {1xx } {4xx warning} {5xx danger} {Other }]" {
		t.Errorf("with others the series are %s", got)
	}
}

// TestUsageSaysWhatItIsOf, and leads to the same of other times and keys.
func TestUsageSaysWhatItIsOf(t *testing.T) {
	page := busy(UsageQuery{Period: "7d", By: "day"}, time.UTC)
	page.History = []models.APIKey{*page.Report.Key, *keyNamed("CI")}
	shown := drawn(t, Usage(page))
	if got, want := text(shown.Find("section[aria-label=Requests] p").First()), "12 requests in the last 7 days · 2 rejected"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got := text(shown.Find("header .badge").First()); got != "Expires soon" {
		t.Errorf("the key is %q", got)
	}
	for nav, want := range map[string]string{"Period": "7 days", "Bars": "By day", "Keys": "This key"} {
		if got := text(shown.Find("nav[aria-label=" + nav + "] [aria-current=page]")); got != want {
			t.Errorf("%s: %q is current, want %q", nav, got, want)
		}
	}
	if hours := shown.Find("nav[aria-label=Bars] a").First().AttrOr("href", ""); hours != "/w/ws_1/settings/api-keys/"+page.Report.Key.ID+"/usage?period=7d" {
		t.Errorf("the hours are at %s", hours)
	}
	lineage := shown.Find("nav[aria-label=Keys] a").Last().AttrOr("href", "")
	if want := "/w/ws_1/settings/api-keys/" + page.Report.Key.ID + "/usage?by=day&keys=rotated&period=7d"; lineage != want {
		t.Errorf("the usage of the line is at %s, want %s", lineage, want)
	}
	if strings.Contains(text(shown.Find("header")), "in this rotation") {
		t.Error("the usage of one key is called that of several")
	}
	page.Query.Keys = "rotated"
	shown = drawn(t, Usage(page))
	if got := text(shown.Find("header").Last()); !strings.Contains(text(shown.Find(".page > header")), "· 2 keys in this rotation") || text(shown.Find("nav[aria-label=Keys] [aria-current=page]")) != "All rotated keys" {
		t.Errorf("of a line it says %q", got)
	}
	page.Report.Total = usage.Sum{Requests: 1}
	if got, want := text(drawn(t, Usage(page)).Find("section[aria-label=Requests] p").First()), "1 request in the last 7 days · 0 rejected"; got != want {
		t.Errorf("of one it says %q, want %q", got, want)
	}
	page.Report.Total = usage.Sum{}
	if got := text(drawn(t, Usage(page)).Find("section[aria-label=Requests]")); !strings.Contains(got, "Last request: 1 hour ago") || strings.Contains(got, "as a table") {
		t.Errorf("of a time without requests it says %q", got)
	}
}

// TestUsageByRouteAndScope also covers scopes that the key has never used.
func TestUsageByRouteAndScope(t *testing.T) {
	shown := drawn(t, Usage(busy(UsageQuery{}, time.UTC)))
	for n, want := range []struct {
		says, share string
		zero        bool
	}{{"GET /seats 9 0", "75.00%", true}, {"unknown endpoint 3 2", "25.00%", false}} {
		row := shown.Find("section[aria-labelledby=by-route] tbody tr").Eq(n)
		modelstest.Equal(t, "row", text(row), want.says)
		modelstest.Equal(t, "meter of "+want.says, row.Find(".meter rect").AttrOr("width", ""), want.share)
		_, zero := row.Find("td").Last().Attr("data-zero")
		modelstest.Equal(t, "data-zero of "+want.says, zero, want.zero)
	}
	for n, want := range []string{"seats.read Last used 1 hour ago , 24 Nov 2026, 11:00 UTC 9 0", "seats.write Not granted Never used 2 2", "No scope required Never used 1 0", "members.read Last used 3 months ago , 16 Aug 2026, 12:00 UTC 0 0"} {
		if got := text(shown.Find("section[aria-labelledby=by-scope] tbody tr").Eq(n)); got != want {
			t.Errorf("scope %d: %q, want %q", n, got, want)
		}
	}
}

// TestRefusalsSayWhy, the latest ten of them.
func TestRefusalsSayWhy(t *testing.T) {
	page := busy(UsageQuery{}, time.UTC)
	refused := func(refusal usage.Rejection) models.APIKeyRouteUse {
		return models.APIKeyRouteUse{Route: "POST /seats", Scope: "seats.write", Rejection: refusal, Requests: 2, LastAt: *ago(time.Hour), LastAddress: "192.0.2.1", LastUserAgent: "sync/1"}
	}
	for _, refusal := range []usage.Rejection{usage.RejectedDeleted, usage.RejectedExpired, usage.RejectedPaused, usage.RejectedScope, usage.RejectedRateLimit} {
		page.Report.Uses = append(page.Report.Uses, refused(refusal))
	}
	page.Report.Uses[2].Route, page.Report.Uses[2].LastAddress = "", ""
	items := drawn(t, Usage(page)).Find("section[aria-labelledby=rejections] li")
	const when, where = " 1 hour ago , 24 Nov 2026, 11:00 UTC", " POST /seats , 2 times · last from 192.0.2.1 by sync 1"
	for n, want := range []string{"The key was deleted" + when + " 2 times", "The key had expired" + when + where, "The key was paused" + when + where, "Missing scope: seats.write" + when + where, "Rate limited" + when + where} {
		if got := text(items.Eq(n)); got != want {
			t.Errorf("refusal %d: %q, want %q", n, got, want)
		}
	}
	for range 10 {
		page.Report.Uses = append(page.Report.Uses, refused(usage.RejectedScope))
	}
	if got := len(page.rejections()); items.Length() != 5 || got != 10 {
		t.Errorf("of 5 refusals %d are shown, of 15 %d", items.Length(), got)
	}
}

// TestCallersThatAreNewAreMarked, and those beyond the limit are one.
func TestCallersThatAreNewAreMarked(t *testing.T) {
	page := busy(UsageQuery{}, time.UTC)
	old, others := oldCaller("sync/1", time.Hour), models.APIKeyCaller{Rejected: 4, FirstSeenAt: *ago(20 * day), LastSeenAt: *ago(2 * time.Hour)}
	curl, wget := usage.CallersIn(usage.Caller{UserAgent: "curl"}), usage.CallersIn(usage.Caller{UserAgent: "wget"})
	rest, atLeast := oldCaller("", time.Hour), others
	rest.Others, atLeast.Others = curl.Union(wget), curl.Union(usage.UnknownCallers())
	page.Callers = []models.APIKeyCaller{*newCaller("cron/2"), old, others, rest, atLeast}
	card := drawn(t, Usage(page)).Find("section[aria-labelledby=by-caller]")
	for n, want := range []string{
		"192.0.2.1 New cron 2 1 minute ago , 24 Nov 2026, 11:59 UTC just now , 24 Nov 2026, 12:00 UTC 1 0",
		"192.0.2.1 sync 1 50 days ago , 5 Oct 2026, 12:00 UTC 1 hour ago , 24 Nov 2026, 11:00 UTC 3 0",
		"Other IP addresses Other callers 20 days ago , 4 Nov 2026, 12:00 UTC 2 hours ago , 24 Nov 2026, 10:00 UTC 0 4",
		"192.0.2.1 2 other user agents 50 days ago , 5 Oct 2026, 12:00 UTC 1 hour ago , 24 Nov 2026, 11:00 UTC 3 0",
		"Other IP addresses At least 1 other caller 20 days ago , 4 Nov 2026, 12:00 UTC 2 hours ago , 24 Nov 2026, 10:00 UTC 0 4",
	} {
		if got := text(card.Find("tbody tr").Eq(n)); got != want {
			t.Errorf("caller %d: %q, want %q", n, got, want)
		}
	}
	if got := text(card); !strings.Contains(got, "1 new caller in the last 7 days.") || text(card.Find("tfoot td")) != "7 8" {
		t.Errorf("it says %s", got)
	}
	page.Query.Caller = "cron"
	filtered := drawn(t, Usage(page)).Find("section[aria-labelledby=by-caller]")
	modelstest.Equal(t, "callers found", text(filtered.Find("tbody tr .chip, tbody .client, tbody td:nth-child(2)")), "New cron 2")
	modelstest.Equal(t, "count", text(filtered.Find("[role=status]")), "1 of 5 callers")
	modelstest.Equal(t, "sums", text(filtered.Find("tfoot")), "Callers shown (all time) 1 0 All callers (all time) 7 8")
	page.Query.Caller = "curl"
	filtered = drawn(t, Usage(page)).Find("section[aria-labelledby=by-caller]")
	modelstest.Contains(t, "without callers", text(filtered), "0 of 5 callers No callers match")
	modelstest.Contains(t, "without callers", text(filtered), "Callers that are counted together can’t be distinguished.")
	page.Query.Caller, page.Callers = "", page.Callers[1:]
	if got := text(drawn(t, Usage(page)).Find("section[aria-labelledby=by-caller]")); strings.Contains(got, "in the last 7 days") {
		t.Errorf("without new ones it says %s", got)
	}
}

func TestUsageInListIsALineAndItsDescription(t *testing.T) {
	key := keyNamed("CI")
	total := usage.Total{Requests: 12, Rejected: 2, Days: []int64{0, 0, 12}}
	list := ListPage{List: models.APIKeyList{Keys: []models.APIKey{*key}, Matching: 1, Counts: map[models.KeyStatus]int64{models.KeyActive: 1}}, Usage: map[string]usage.Total{key.ID: total}}
	cell := drawn(t, List(list)).Find("[data-usage]")
	if cell.Find("a .sparkline path").AttrOr("d", "") == "" {
		t.Error("the list has no line")
	}
	modelstest.Equal(t, "description in the list", cell.Find("a").AttrOr("aria-label", ""), "Usage: 12 requests in 30 days, 2 rejected")
	modelstest.Contains(t, "list", text(cell), " 12")
	list.Usage = nil
	cell = drawn(t, List(list)).Find("[data-usage]")
	modelstest.Equal(t, "links and lines in the list", cell.Find("a, svg").Length(), 0)
	modelstest.Equal(t, "list without requests", text(cell), "– 0 requests in 30 days")
}

// TestUsageInListCanBeCompared checks that two keys with different usage don't look the same.
func TestUsageInListCanBeCompared(t *testing.T) {
	few, many := keyNamed("Few"), keyNamed("Many")
	few.ID, many.ID = "key_1", "key_2"
	list := ListPage{
		List:  models.APIKeyList{Keys: []models.APIKey{*few, *many}, Matching: 2, Counts: map[models.KeyStatus]int64{models.KeyActive: 2}},
		Usage: map[string]usage.Total{few.ID: {Requests: 126, Days: []int64{63, 63}}, many.ID: {Requests: 20_000, Days: []int64{10_000, 10_000}}},
	}
	page := drawn(t, List(list))
	lines := page.Find("#keys .sparkline path")
	modelstest.Equal(t, "lines", lines.Length(), 2)
	modelstest.Equal(t, "bars of the key with the most requests", lines.Eq(1).AttrOr("d", ""), "M0 24v-24h3v24zM4 24v-24h3v24z")
	modelstest.Equal(t, "bars of the other", lines.Eq(0).AttrOr("d", ""), "M0 24v-11h3v11zM4 24v-11h3v11z")
	modelstest.Contains(t, "head of the column", page.Find("#keys th:contains('30 days') [title]").AttrOr("title", ""), "logarithmic")
}
