package apikeys

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// ago returns the time that is d before now.
func ago(d time.Duration) *time.Time { return new(now.Add(-d)) }

// drawn renders and parses a page, with a space before each element.
func drawn(t *testing.T, page templ.Component) *goquery.Document {
	t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(strings.NewReplacer("<wbr>", "", "<", " <").Replace(render(t, page))))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// text returns the text of a selection with whitespace collapsed.
func text(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

// oldCaller returns a caller of the old key.
func oldCaller(agent string, accepted time.Duration) models.APIKeyCaller {
	return models.APIKeyCaller{Address: "192.0.2.1", UserAgent: agent, Accepted: 3, FirstSeenAt: *ago(50 * day), LastSeenAt: *ago(accepted), LastAcceptedAt: ago(accepted)}
}

// newCaller returns a caller of the new key.
func newCaller(agent string) *models.APIKeyCaller {
	return &models.APIKeyCaller{Address: "192.0.2.1", UserAgent: agent, Accepted: 1, FirstSeenAt: *ago(time.Minute), LastSeenAt: *ago(0), LastAcceptedAt: ago(0)}
}

// rotating returns a rotation with a caller that has switched and one that has not.
func rotating() RotationPage {
	old, next := *keyNamed("CI"), *keyNamed("CI")
	next.ID, next.ReplacesID, old.ReplacementID = "key_01K00000000000000000000001", &old.ID, &next.ID
	old.ExpiresAt, next.ExpiresAt, next.CreatedAt, next.CreatedByName = nil, nil, *ago(3 * time.Hour), "Nora New"
	old.LastUsedAt, next.LastUsedAt = ago(2*time.Hour), ago(time.Minute)
	return RotationPage{models.Rotation{
		Old: old, New: next, At: now,
		Callers:   []models.RotatingCaller{{Old: oldCaller("sync/1", 2*time.Hour), New: newCaller("sync/1")}, {Old: oldCaller("cron/2", 3*time.Hour)}},
		Newcomers: []models.APIKeyCaller{*newCaller("extra/3")},
		OldUse:    models.RecentUse{Day: 11, Month: 222}, NewUse: models.RecentUse{Day: 3, Month: 44},
	}}
}

func TestRotationNextStep(t *testing.T) {
	rejected := func(p *RotationPage, refusal usage.Rejection, accepted, refused time.Duration) {
		c := &p.Callers[0].Old
		c.LastAcceptedAt, c.LastRejectedAt, c.LastRejection, c.Rejected = ago(accepted), ago(refused), refusal, 1
	}
	tests := []struct {
		name        string
		change      func(*RotationPage)
		title, says string
	}{
		{"none has moved", func(p *RotationPage) { p.Callers[0].New = nil }, "Update your integrations", "Both keys work."},
		{"one has moved", func(*RotationPage) {}, "Switch the remaining callers", "1 of 2 callers switched."},
		{"the one that there is has not moved", func(p *RotationPage) { p.Callers = p.Callers[1:] }, "Update your integrations", "Both keys work."},
		{"all have moved", func(p *RotationPage) { p.Callers[1].New = newCaller("cron/2") }, "Wait for daily jobs", "All 2 callers switched. Give it 24 hours without requests to cover jobs that run once a day (22 hours left)."},
		{"the one that there is has moved", func(p *RotationPage) { p.Callers = p.Callers[:1] }, "Wait for daily jobs", "The only caller switched. Give it 24 hours"},
		{"quiet", func(p *RotationPage) { p.Callers, p.Old.LastUsedAt = p.Callers[:1], ago(day) }, "Delete the old key", "The only caller switched."},
		{"never used", func(p *RotationPage) { p.Callers, p.Old.LastUsedAt = nil, nil }, "Delete the old key once the new one is deployed", "It’s had no requests in 30 days."},
		{"expired", func(p *RotationPage) { p.Old.ExpiresAt = ago(0) }, "The old key has expired", "Requests with it return 401."},
		{"abandoned", func(p *RotationPage) { p.New.DeletedAt = ago(0) }, "Rotation canceled", "The new key was deleted. The old key still works."},
		{"both are deleted", func(p *RotationPage) { p.Old.DeletedAt, p.New.DeletedAt = ago(0), ago(0) }, "Both keys are deleted", "Requests with either key return 401."},
		{"complete", func(p *RotationPage) { p.Old.DeletedAt = ago(time.Hour) }, "Rotation complete", "no longer in use."},
		{"refused before it was accepted last", func(p *RotationPage) {
			p.Old.DeletedAt = ago(time.Hour)
			rejected(p, usage.RejectedExpired, 2*time.Hour, 3*time.Hour)
		}, "Rotation complete", "no longer in use."},
		{"refused for its scopes", func(p *RotationPage) {
			p.Old.DeletedAt = ago(time.Hour)
			rejected(p, usage.RejectedScope, 2*time.Hour, time.Hour)
		}, "Rotation complete", "no longer in use."},
		{"still used", func(p *RotationPage) {
			p.Old.DeletedAt = ago(time.Hour)
			rejected(p, usage.RejectedDeleted, 2*time.Hour, 0)
		}, "Old key still in use", "1 caller still sends the deleted key and gets 401."},
		{"used after it has expired", func(p *RotationPage) {
			p.Old.DeletedAt = ago(time.Hour)
			rejected(p, usage.RejectedExpired, 2*time.Hour, 0)
		}, "Old key still in use", "1 caller still sends the deleted key and gets 401."},
	}
	for _, tt := range tests {
		page := rotating()
		tt.change(&page)
		said := drawn(t, Rotation(page)).Find("section[aria-labelledby=next-step]")
		if got := text(said.Find("h2")); got != tt.title || !strings.Contains(text(said), tt.says) {
			t.Errorf("%s: title = %q, text = %q; want %q and %q", tt.name, got, text(said), tt.title, tt.says)
		}
	}
}

func TestRotationQuietTime(t *testing.T) {
	for quiet, want := range map[time.Duration]string{
		-1: "The old key was never used.", 0: "The old key was used moments ago.", time.Minute - 1: "The old key was used moments ago.",
		time.Minute: "No requests with the old key for 1 minute.", 3 * day: "No requests with the old key for 3 days.",
	} {
		page := rotating()
		if page.Old.LastUsedAt = ago(quiet); quiet < 0 {
			page.Old.LastUsedAt = nil
		}
		if got := page.quiet(); got != want {
			t.Errorf("after %s: %q, want %q", quiet, got, want)
		}
	}
	page := rotating()
	if page.Callers = nil; page.progress() != "No callers in the last 30 days" {
		t.Errorf("progress without callers = %q", page.progress())
	}
	if page.Callers = rotating().Callers[1:]; page.progress() != "The only caller hasn’t switched yet" {
		t.Errorf("progress of one caller = %q", page.progress())
	}
}

func TestRotationVersionChangesWithTheContent(t *testing.T) {
	version := rotating().Version()
	if rotating().Version() != version {
		t.Fatal("two versions of the same rotation differ")
	}
	for name, change := range map[string]func(*RotationPage){
		"use of the old key":                 func(p *RotationPage) { p.OldUse.Day++ },
		"use of the new key":                 func(p *RotationPage) { p.NewUse.Month++ },
		"the name of the old key":            func(p *RotationPage) { p.Old.Name = "CD" },
		"the scopes of the new key":          func(p *RotationPage) { p.New.Scopes = scope.Of(scope.SeatsRead) },
		"a pause of the new key":             func(p *RotationPage) { p.New.PausedUntil = new(now.Add(time.Hour)) },
		"the last use of the new key":        func(p *RotationPage) { p.New.LastUsedAt = ago(time.Second) },
		"how long it is quiet":               func(p *RotationPage) { p.At = now.Add(time.Hour) },
		"the end of the rotation":            func(p *RotationPage) { p.New.DeletedAt = ago(0) },
		"another caller of the old key":      func(p *RotationPage) { p.Callers[1].Old.Address = "192.0.2.2" },
		"another program":                    func(p *RotationPage) { p.Callers[1].Old.UserAgent = "cron/3" },
		"a caller that is refused":           func(p *RotationPage) { p.Callers[1].Old.Rejected++ },
		"a caller that comes again":          func(p *RotationPage) { p.Callers[1].Old.LastAcceptedAt = ago(0) },
		"a caller that is seen with the new": func(p *RotationPage) { p.Callers[1].New = &models.APIKeyCaller{} },
		"one that is refused with the new":   func(p *RotationPage) { p.Callers[0].New.Rejected++ },
		"one that comes again with the new":  func(p *RotationPage) { p.Callers[0].New.LastAcceptedAt = ago(time.Second) },
		"a newcomer":                         func(p *RotationPage) { p.Newcomers = append(p.Newcomers, *newCaller("extra/4")) },
		"a newcomer that comes again":        func(p *RotationPage) { p.Newcomers[0].LastAcceptedAt = ago(time.Second) },
		"a newcomer that is refused":         func(p *RotationPage) { p.Newcomers[0].Rejected++ },
	} {
		page := rotating()
		if change(&page); page.Version() == version {
			t.Errorf("%s: version did not change", name)
		}
	}
	page := rotating()
	page.Callers, page.Old.LastUsedAt = page.Callers[:1], ago(day-time.Second)
	waiting := page.Version()
	if page.At = now.Add(time.Second); page.Version() == waiting {
		t.Error("version did not change when the old key became ready for deletion")
	}
}

func TestRotationShowsBothKeysAndTheirCallers(t *testing.T) {
	page := rotating()
	page.New.Scopes = scope.All.Without(scope.Of(scope.SeatsWrite))
	page.Callers = append(page.Callers,
		models.RotatingCaller{Old: oldCaller("refused/4", 4*time.Hour), New: &models.APIKeyCaller{LastRejection: usage.RejectedScope, LastRejectedRoute: "POST /seats", LastRejectedAt: ago(0)}},
		models.RotatingCaller{Old: oldCaller("often/5", 0), New: newCaller("often/5")},
		models.RotatingCaller{Old: models.APIKeyCaller{LastAcceptedAt: ago(5 * time.Hour)}})
	page.Newcomers = append(page.Newcomers, models.APIKeyCaller{Address: "192.0.2.9", UserAgent: "shut/6", FirstSeenAt: *ago(time.Hour), LastSeenAt: *ago(0), LastRejection: usage.RejectedRateLimit, LastRejectedAt: ago(0)})
	shown := drawn(t, Rotation(page))
	if begun := text(shown.Find("#rotation > header")); !strings.Contains(begun, "Started 3 hours ago") || !strings.Contains(begun, "by Nora New") {
		t.Errorf("header = %q", begun)
	}
	for id, want := range map[string]string{"old-key": "Last used 2 hours ago , 24 Nov 2026, 10:00 UTC 24 hours 11 requests 30 days 222 requests", "new-key": "24 hours 3 requests 30 days 44 requests"} {
		if got := text(shown.Find("section[aria-labelledby=" + id + "] dl")); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if bar := shown.Find("progress"); bar.AttrOr("value", "") != "2" || bar.AttrOr("max", "") != "5" {
		t.Errorf("progress = %s of %s, want 2 of 5", bar.AttrOr("value", ""), bar.AttrOr("max", ""))
	}
	at := func(section string, n int) string {
		return text(shown.Find("section[aria-labelledby=" + section + "] [data-caller]").Eq(n))
	}
	for n, want := range []string{"Switched: sync 1", "Not switched: cron 2", "Rejected: the new key lacks the scope for POST /seats", "Using both keys", "Unknown"} {
		if got := at("callers", n); !strings.Contains(got, want) || strings.Contains(got, "Using both") != (n == 3) {
			t.Errorf("caller %d: %q, want %q", n, got, want)
		}
	}
	if got := text(shown.Find("section[aria-labelledby=callers]")); !strings.Contains(got, "The new key doesn’t have seats.write .") {
		t.Errorf("callers = %q, want the scope that the new key lacks", got)
	}
	if got := at("newcomers", 0); !strings.Contains(got, "extra 3 192.0.2.1 First seen 1 minute ago") || !strings.Contains(got, "New key just now") {
		t.Errorf("new caller = %q", got)
	}
	if got := at("newcomers", 1); !strings.Contains(got, "First seen 1 hour ago") || !strings.HasSuffix(got, "Rejected: too many requests") {
		t.Errorf("rejected new caller = %q", got)
	}

	page.Old.DeletedAt, page.Callers[1].Old.LastRejection, page.Callers[1].Old.LastRejectedAt = ago(0), usage.RejectedDeleted, ago(0)
	shown = drawn(t, Rotation(page))
	if got := at("callers", 1); !strings.Contains(got, "Old key Rejected just now") {
		t.Errorf("caller that still uses the old key = %q", got)
	}
	if got := text(shown.Find("section[aria-labelledby=callers]")); strings.Contains(got, "Using both") || strings.Contains(got, "doesn’t have") {
		t.Errorf("callers of a finished rotation = %q", got)
	}
	if shown.Find("#cancel, #finish, progress, form[action$='/finish']").Length() != 0 || shown.Find("section[aria-labelledby=next-step] a").AttrOr("href", "") != "/w/ws_1/settings/api-keys/"+page.Old.ID {
		t.Error("finished rotation has controls or no link to the receipt")
	}
	page.Old.DeletedAt, page.New.DeletedAt = nil, ago(0)
	if shown = drawn(t, Rotation(page)); shown.Find("section[aria-labelledby=next-step] a").Length() != 0 {
		t.Error("canceled rotation links to a receipt of the old key")
	}
}

func TestFinishRotationAsksOnlyWhileTheOldKeyIsInUse(t *testing.T) {
	page := rotating()
	if shown := drawn(t, Rotation(page)); shown.Find("a#finish").Length() != 1 || shown.Find("form[action$='/finish']").Length() != 0 {
		t.Error("a key in use can be deleted without confirmation")
	}
	page.Callers, page.Old.LastUsedAt = nil, ago(day)
	if shown := drawn(t, Rotation(page)); shown.Find("a#finish").Length() != 0 || shown.Find("form[action$='/finish']").Length() != 1 {
		t.Error("an unused key can't be deleted without confirmation")
	}
}

func TestFinishAndCancelRotationWarn(t *testing.T) {
	page := rotating()
	page.New.KeyPrefix = "sk_live_next...."
	fields := func(panel *goquery.Document) int { return panel.Find("#panel .field input").Length() }
	end := drawn(t, FinishRotation(FinishPage{Rotation: page.Rotation, ChangeTime: 5 * time.Second}))
	for _, want := range []string{"sk_live_zQWB....", "1 caller hasn’t switched yet", "If it doesn’t answer, this takes about 5 seconds."} {
		if got := text(end.Find("#panel")); !strings.Contains(got, want) || fields(end) != 2 {
			t.Errorf("fields = %d, want 2; text lacks %q: %s", fields(end), want, got)
		}
	}
	page.Callers = page.Callers[:1]
	if got := text(drawn(t, FinishRotation(FinishPage{Rotation: page.Rotation})).Find("#panel")); !strings.Contains(got, "The old key was used in the last day") || strings.Contains(got, "switched yet") {
		t.Errorf("text after all callers switched = %s", got)
	}
	page.Old.LastUsedAt = ago(day)
	if end = drawn(t, FinishRotation(FinishPage{Rotation: page.Rotation})); fields(end) != 0 || strings.Contains(text(end.Find("#panel")), "will fail") {
		t.Errorf("unused key: fields = %d, want 0; text = %s", fields(end), text(end.Find("#panel")))
	}

	abandon := drawn(t, CancelRotation(CancelPage{Rotation: page.Rotation, ChangeTime: 5 * time.Second}))
	for _, want := range []string{"sk_live_next....", "The new key is in use", "If it doesn’t answer, this takes about 5 seconds."} {
		if got := text(abandon.Find("#panel")); !strings.Contains(got, want) || fields(abandon) != 1 {
			t.Errorf("fields = %d, want 1; text lacks %q: %s", fields(abandon), want, got)
		}
	}
	page.New.LastUsedAt = nil
	if abandon = drawn(t, CancelRotation(CancelPage{Rotation: page.Rotation})); fields(abandon) != 0 || strings.Contains(text(abandon.Find("#panel")), "The new key is in use") {
		t.Errorf("unused key: fields = %d, want 0; text = %s", fields(abandon), text(abandon.Find("#panel")))
	}
}

func TestRotateButton(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*models.APIKey)
		says   string
	}{
		{"active", func(*models.APIKey) {}, "Rotate"},
		{"rotating", func(k *models.APIKey) { k.ReplacementID = new("key_2") }, "Rotation"},
		{"rotating, and expired since", func(k *models.APIKey) { k.ReplacementID, k.ExpiresAt = new("key_2"), ago(0) }, "Rotation"},
		{"expired", func(k *models.APIKey) { k.ExpiresAt = ago(0) }, ""},
		{"deleted", func(k *models.APIKey) { k.DeletedAt = ago(0) }, ""},
	} {
		key := keyNamed("CI")
		tt.change(key)
		if got := text(drawn(t, Show(detailOf(key))).Find("a.btn[href$='/rotation']")); got != tt.says {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		}
	}
}

func TestRotationHistory(t *testing.T) {
	first, abandoned, last := *keyNamed("CI"), *keyNamed("CI"), *keyNamed("CI")
	first.ID, abandoned.ID, last.ID = "key_1", "key_2", "key_3"
	abandoned.ReplacesID, last.ReplacesID, first.ReplacementID = &first.ID, &first.ID, &last.ID
	first.CreatedAt, first.DeletedAt, abandoned.DeletedAt = *ago(40 * day), ago(day), ago(2*day)
	page := DetailPage{Key: &first, Usage: usageSummaryOf(&first), RotationHistory: []models.APIKey{first, abandoned, last}, RotationUse: map[string]int64{"key_1": 5, "key_2": 0, "key_3": 70}}
	shown := drawn(t, Show(page)).Find("section[aria-labelledby=rotation-history]")
	for n, want := range []struct{ says, requests string }{{"Current", "70 requests in 30 days"}, {"Canceled", "0 requests in 30 days"}, {"Deleted", "5 requests in 30 days"}} {
		row := shown.Find("li").Eq(n)
		if !strings.HasSuffix(text(row), want.requests+" "+want.says) || (row.AttrOr("aria-current", "") == "true") != (n == 2) {
			t.Errorf("row %d = %q", n, text(row))
		}
	}
	if got := text(shown); !strings.Contains(got, "deleted 1 day ago") || !strings.Contains(got, "75 requests across all keys in the last 30 days.") {
		t.Errorf("rotation history = %q", got)
	}
}
