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

// renderReport returns the rendered report.
func renderReport(t *testing.T, p Page) *goquery.Selection {
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

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		1: "1 byte", 999: "999 bytes", 1000: "1 kB", 1499: "1 kB", 1500: "2 kB", 999_499: "999 kB", 1_000_000: "1.0 MB", 10 << 20: "10.5 MB",
	} {
		if got := (Page{Read: bytes}).size(); got != want {
			t.Errorf("size of %d bytes = %q, want %q", bytes, got, want)
		}
	}
}

func TestWhere(t *testing.T) {
	for want, leak := range map[string]models.Leak{
		"In app.log, line 3":                        {Times: 1, Places: []models.Place{{Source: "app.log", Line: 3}}},
		"In a, lines 3, 17; b, line 1":              {Times: 3, Places: []models.Place{{Source: "a", Line: 3}, {Source: "b", Line: 1}, {Source: "a", Line: 17}}},
		"In app.log, line 3 (1,200 times in total)": {Times: 1200, Places: []models.Place{{Source: "app.log", Line: 3}}},
		"In the pasted text, line 1":                {Times: 1, Places: []models.Place{{Source: "the pasted text", Line: 1}}},
	} {
		if got := where(leak); got != want {
			t.Errorf("where = %q, want %q", got, want)
		}
	}
}

func TestActionsMatchTheKeyStatus(t *testing.T) {
	for _, tt := range []struct {
		name              string
		key               models.APIKey
		lastUsed, actions string
	}{
		{"used", models.APIKey{LastUsedAt: new(now.Add(-time.Hour)), LastUsedAddress: "192.0.2.1"}, "Last used 1 hour ago , 24 Nov 2026, 11:00 UTC from 192.0.2.1", "Pause Rotate Delete"},
		{"unknown IP address", models.APIKey{LastUsedAt: new(now.Add(-time.Hour))}, "Last used 1 hour ago , 24 Nov 2026, 11:00 UTC", "Pause Rotate Delete"},
		{"unused", models.APIKey{}, "Never used", "Pause Rotate Delete"},
		{"paused", models.APIKey{PausedUntil: new(now.Add(time.Hour))}, "Never used", "Rotate Delete"},
		{"expired", models.APIKey{ExpiresAt: &now}, "Never used", "Delete"},
		{"scheduled for deletion", models.APIKey{DeleteAt: new(now.Add(time.Hour)), PausedUntil: new(now.Add(2 * time.Hour))}, "Never used", "Delete"},
		{"deleted", models.APIKey{DeletedAt: &now}, "Never used", ""},
	} {
		page := renderReport(t, Page{Report: models.LeakReport{Leaks: []models.Leak{{Key: tt.key, Times: 1, Places: []models.Place{{Source: "a", Line: 1}}}}}})
		if got := text(page.Find("li p").Last()); got != tt.lastUsed {
			t.Errorf("%s: last used = %q, want %q", tt.name, got, tt.lastUsed)
		}
		if got := text(page.Find("li a.btn")); got != tt.actions {
			t.Errorf("%s: actions = %q, want %q", tt.name, got, tt.actions)
		}
	}
}

func TestReport(t *testing.T) {
	known := []models.Leak{{Times: 1, Places: []models.Place{{Source: "a", Line: 1}}}}
	for _, tt := range []struct {
		report models.LeakReport
		want   []string
	}{
		{models.LeakReport{}, []string{"No keys found Scanned 2 kB."}},
		{models.LeakReport{Others: 1}, []string{"No keys from this workspace found", "1 key doesn’t belong to this workspace."}},
		{models.LeakReport{Leaks: known}, []string{"1 key from this workspace found"}},
		{models.LeakReport{Leaks: known, Others: 3, More: true}, []string{"1 key from this workspace found", "3 keys don’t belong to this workspace.", "The text contains more than 1,000 keys."}},
	} {
		got := text(renderReport(t, Page{Read: 2000, Report: tt.report}))
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: report = %q, want it to contain %q", tt.report, got, want)
			}
		}
		if mentioned, want := strings.Contains(got, "belong to this workspace"), tt.report.Others > 0; mentioned != want {
			t.Errorf("%+v: report mentions other keys = %t, want %t", tt.report, mentioned, want)
		}
		if mentioned := strings.Contains(got, "more than"); mentioned != tt.report.More {
			t.Errorf("%+v: report mentions the limit = %t, want %t", tt.report, mentioned, tt.report.More)
		}
	}
}
