package apikeys

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/ui"
)

func TestReviewListsFindings(t *testing.T) {
	review := models.Review{Counts: map[models.Finding]int64{models.FindExpiring: 5, models.FindOld: 1200, models.FindStillUsed: 1}, RecordedSince: ago(60 * day)}
	page := func() string {
		var said []string
		shown := drawn(t, Review(ReviewPage{Review: review, Current: models.FindOld}))
		for i := range shown.Find("#review li").Length() {
			line := shown.Find("#review li").Eq(i)
			said = append(said, line.Find("[data-tone]").AttrOr("data-tone", "")+": "+text(line)+strings.Repeat(" (current)", line.Find("[aria-current]").Length()))
		}
		return strings.Join(said, "\n")
	}
	const rest = "\nnone: 1,200 due for rotation Created over 1 year ago (current)\nwarning: 1 still in use after revocation Rejected requests this week"
	for _, tt := range []struct {
		week, day int64
		says      string
	}{
		{0, 0, "warning: 5 expiring soon Within 14 days"}, {2, 0, "warning: 5 expiring soon 2 within 7 days"}, {2, 1, "danger: 5 expiring soon 1 within a day"},
	} {
		review.WithinWeek, review.WithinDay = tt.week, tt.day
		if got := page(); got != tt.says+rest {
			t.Errorf("it says\n%s\nwant\n%s", got, tt.says+rest)
		}
	}
}

func TestReviewExplainsMissingScopeSuggestions(t *testing.T) {
	late := time.FixedZone("late", 14*60*60)
	for _, tt := range []struct {
		since *time.Time
		says  string
	}{
		{nil, "Unused-scope suggestions appear after 30 days of usage data."}, {ago(29 * day), "Recording started on 27 Oct 2026."}, {ago(30 * day), ""},
	} {
		got := ReviewPage{Review: models.Review{RecordedSince: tt.since}}.scopesNote(now, late)
		if !strings.HasSuffix(got, tt.says) || (got == "") != (tt.says == "") {
			t.Errorf("recorded since %v: %q, want %q", tt.since, got, tt.says)
		}
		if said := text(drawn(t, Review(ReviewPage{Review: models.Review{RecordedSince: tt.since}})).Find("#review")); strings.Contains(said, "Unused-scope suggestions") != (tt.says != "") {
			t.Errorf("recorded since %v the page says %q", tt.since, said)
		}
	}
}

func TestEvidence(t *testing.T) {
	left := keyNamed("CI")
	left.LastUsedRoute, left.OwnerID = "GET /me", new("mem_gone")
	owner := &models.Member{ID: "mem_gone", User: models.User{Name: "Gus Gone"}, DeactivatedAt: ago(3 * day)}
	evidence := models.Evidence{
		UnusedScopes: scope.Of(scope.SeatsWrite, scope.MembersWrite), ObservedSince: *ago(100 * day), GoneAt: ago(3 * day),
		RejectedUses: models.RejectedUses{Requests: 7, Last: *ago(time.Hour), Since: *ago(10 * day), Callers: []models.APIKeyCaller{oldCaller("a/1", 0), oldCaller("b/2", 0), oldCaller("c/3", 0), {}}},
	}
	for _, tt := range []struct {
		finding         models.Finding
		head, says, act string
		deletes         bool
	}{
		{models.FindUnused, "Created over 30 days ago and never used", "Never used since it was created just now", "/delete", true},
		{models.FindIdle, "No requests in the last 90 days", "Last used 1 hour ago , 24 Nov 2026, 11:00 UTC · GET /me", "/delete", true},
		{models.FindExpiring, "Expiring within 14 days", "Expires in 2 days , 26 Nov 2026, 12:00 UTC , and is in use", "/access", false},
		{models.FindOld, "Created over 1 year ago", "Created just now , 24 Nov 2026, 12:00 UTC , never rotated", "/rotation", false},
		{models.FindScopes, "Keys with unused scopes", "members.write and seats.write unused since 16 Aug 2026 (2 of 10 scopes)", "/access", false},
		{models.FindOwnerLeft, "Keys whose owner was deactivated", "Gus Gone was deactivated 3 days ago", "", false},
		{models.FindOrphaned, "Created by a key that was deleted", "The key CI was deleted 3 days ago", "/usage", true},
		{models.FindStillUsed, "Deleted, expired, or paused keys that clients still send", "7 requests rejected in the last 30 days. Latest: 1 hour ago , 24 Nov 2026, 11:00 UTC . First: 14 Nov 2026. 192.0.2.1 a 1 192.0.2.1 b 2 and 2 more callers", "/usage", false},
	} {
		for _, keys := range []int64{0, 1, models.MaxSelectedKeys, models.MaxSelectedKeys + 1, 2000} {
			page := ListPage{Query: queryOf("review=" + string(tt.finding)), Owners: models.KeyOwners{ByID: map[string]*models.Member{owner.ID: owner}}, Evidence: map[string]models.Evidence{left.ID: evidence},
				List: models.APIKeyList{Matching: keys, Counts: map[models.KeyStatus]int64{models.KeyActive: 1}}}
			if keys > 0 {
				page.List.Keys = []models.APIKey{*left}
			}
			shown := drawn(t, List(page)).Find("#keys")
			if got := text(shown.Find("h2")); !strings.HasPrefix(got, tt.head) {
				t.Errorf("%s: the head says %q", tt.finding, got)
			}
			want := map[int64]string{1: "Delete it…", 200: "Delete all 200…", 201: "Delete first 200…", 2000: "Delete first 200…"}[keys]
			if !tt.deletes {
				want = ""
			}
			bulk := shown.Find("a[href*='/settings/api-keys/bulk-delete']")
			if text(bulk) != want || want != "" && bulk.AttrOr("href", "") != "/w/ws_1/settings/api-keys/bulk-delete?review="+string(tt.finding) {
				t.Errorf("%s of %d: %q leads to %s, want %q", tt.finding, keys, text(bulk), bulk.AttrOr("href", ""), want)
			}
			if keys == 0 {
				continue
			}
			if got := text(shown.Find("[data-evidence]")); !strings.HasPrefix(got, tt.says) {
				t.Errorf("%s: %q, want %q", tt.finding, got, tt.says)
			}
			act := left.ID + tt.act
			if tt.finding == models.FindOwnerLeft {
				act = "owner?key=" + left.ID
			}
			if href := shown.Find("[data-evidence] a.link").AttrOr("href", ""); href != "/w/ws_1/settings/api-keys/"+act {
				t.Errorf("%s leads to %s", tt.finding, href)
			}
		}
	}
	left.LastUsedAt = nil
	page := ListPage{Query: queryOf("review=expiring"), List: models.APIKeyList{Keys: []models.APIKey{*left}, Matching: 1, Counts: map[models.KeyStatus]int64{models.KeyActive: 1}}}
	if got := text(drawn(t, List(page)).Find("[data-evidence] p")); strings.Contains(got, "in use") {
		t.Errorf("an unused key: %q", got)
	}
}

func TestBulkDeleteAddressHasNoPage(t *testing.T) {
	if got := bulkDeleteURL("", queryOf("review=idle&q=ci&page=3")); got != "/settings/api-keys/bulk-delete?q=ci&review=idle" {
		t.Errorf("it is %s", got)
	}
	for review, want := range map[string]string{"": "/settings/api-keys/review", "old": "/settings/api-keys/review?review=old"} {
		if got := reviewURL("", queryOf("review="+review)); got != want {
			t.Errorf("the findings over %q come from %s", review, got)
		}
	}
}

func queryOf(query string) ui.ListQuery {
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	q, err := ParseQuery("", values)
	if err != nil {
		panic(err)
	}
	return q
}
