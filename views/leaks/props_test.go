package leaks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/viewer"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// shown is what the page shows of what was found.
func shown(t *testing.T, p Page) *goquery.Selection {
	t.Helper()
	ctx := viewer.With(context.Background(), viewer.Viewer{
		User: &models.User{}, Member: &models.Member{Role: models.Admin}, Memberships: []models.Member{{}}, Location: time.UTC, Now: now,
	})
	var html strings.Builder
	if err := Found(p).Render(ctx, &html); err != nil {
		t.Fatal(err)
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(strings.ReplaceAll(html.String(), "<", " <")))
	if err != nil {
		t.Fatal(err)
	}
	return document.Find("section[aria-labelledby=report]")
}

func text(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

func TestSizeIsInAUnitThatPeopleRead(t *testing.T) {
	for bytes, want := range map[int64]string{
		1: "1 byte", 999: "999 bytes", 1000: "1 kB", 1499: "1 kB", 1500: "2 kB", 999_499: "999 kB", 1_000_000: "1.0 MB", 10 << 20: "10.5 MB",
	} {
		if got := (Page{Read: bytes}).size(); got != want {
			t.Errorf("%d bytes are %q, want %q", bytes, got, want)
		}
	}
}

func TestWhereAKeyWasFound(t *testing.T) {
	for want, leak := range map[string]models.Leak{
		"In app.log, line 3":                      {Times: 1, Places: []models.Place{{Source: "app.log", Line: 3}}},
		"In a, lines 3, 17; b, line 1":            {Times: 3, Places: []models.Place{{Source: "a", Line: 3}, {Source: "b", Line: 1}, {Source: "a", Line: 17}}},
		"In app.log, line 3 (1,200 times in all)": {Times: 1200, Places: []models.Place{{Source: "app.log", Line: 3}}},
		"In the pasted text, line 1":              {Times: 1, Places: []models.Place{{Source: "the pasted text", Line: 1}}},
	} {
		if got := where(leak); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// TestEachKeyThatWasFoundSaysWhatToDo: one that is refused already cannot be paused, one that has
// expired cannot be rotated, and a deleted one needs nothing.
func TestEachKeyThatWasFoundSaysWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name      string
		key       models.APIKey
		says, act string
	}{
		{"used", models.APIKey{LastUsedAt: new(now.Add(-time.Hour)), LastUsedAddress: "192.0.2.1"}, "Last used 1 hour ago , 24 Nov 2026, 11:00 UTC from 192.0.2.1", "Pause Rotate Delete"},
		{"from where is unknown", models.APIKey{LastUsedAt: new(now.Add(-time.Hour))}, "Last used 1 hour ago , 24 Nov 2026, 11:00 UTC", "Pause Rotate Delete"},
		{"unused", models.APIKey{}, "Never used", "Pause Rotate Delete"},
		{"paused", models.APIKey{PausedUntil: new(now.Add(time.Hour))}, "Never used", "Rotate Delete"},
		{"expired", models.APIKey{ExpiresAt: &now}, "Never used", "Delete"},
		{"deleted", models.APIKey{DeletedAt: &now}, "Never used", ""},
	} {
		page := shown(t, Page{Report: models.LeakReport{Leaks: []models.Leak{{Key: tt.key, Times: 1, Places: []models.Place{{Source: "a", Line: 1}}}}}})
		if got := text(page.Find("li p").Last()); got != tt.says {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		}
		if got := text(page.Find("li a.btn")); got != tt.act {
			t.Errorf("%s: offered are %q, want %q", tt.name, got, tt.act)
		}
	}
}

// TestTheReportCountsWhatIsKnownAndWhatIsNot.
func TestTheReportCountsWhatIsKnownAndWhatIsNot(t *testing.T) {
	known := []models.Leak{{Times: 1, Places: []models.Place{{Source: "a", Line: 1}}}}
	for _, tt := range []struct {
		report models.LeakReport
		says   []string
	}{
		{models.LeakReport{}, []string{"No key found 2 kB were searched for anything with the form of a key."}},
		{models.LeakReport{Others: 1}, []string{"No key of this workspace found", "The text has 1 key that this workspace does not know."}},
		{models.LeakReport{Leaks: known}, []string{"1 key of this workspace found"}},
		{models.LeakReport{Leaks: known, Others: 3, More: true}, []string{"1 key of this workspace found", "The text has 3 other keys that this workspace does not know.", "There are more than 1,000 different keys in the text."}},
	} {
		got := text(shown(t, Page{Read: 2000, Report: tt.report}))
		for _, want := range tt.says {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: it does not say %q: %s", tt.report, want, got)
			}
		}
		if strings.Contains(got, "does not know") != (tt.report.Others > 0) || strings.Contains(got, "more than") != tt.report.More {
			t.Errorf("%+v: %s", tt.report, got)
		}
	}
}
