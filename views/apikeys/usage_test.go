package apikeys

import (
	"html"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// usageOf is a page about a key whose callers call themselves like it.
func usageOf(key *models.APIKey) UsagePage {
	query := UsageQuery{}
	report := &models.UsageReport{Key: key, Window: query.Window(now, time.UTC)}
	report.Periods = make([]models.UsageSum, len(report.Window.Starts))
	report.Uses = []models.APIKeyRouteUse{{Route: "GET /me", Refusal: models.RefusedPaused, Requests: 1, LastAt: now, LastAddress: "192.0.2.1", LastUserAgent: key.Name}}
	return UsagePage{
		Query: query, Report: report, Now: now, Zone: time.UTC, Ever: 1,
		Callers: []models.APIKeyCaller{{Address: "192.0.2.1", UserAgent: key.Name, Accepted: 1, FirstSeenAt: now, LastSeenAt: now}},
	}
}

func TestUsageSaysWhatIsNotThere(t *testing.T) {
	key := keyNamed("CI")
	page := usageOf(key)
	page.Ever, page.Callers, page.Report.Uses = 0, nil, nil
	drawn := html.UnescapeString(render(t, Usage(page)))
	for _, want := range []string{"No requests in this time", "Nobody has used this key yet. The first request appears here", "Every request with this key was let through."} {
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
		if got := len(tt.query.Window(now, time.UTC).Starts); got != tt.periods || tt.query.address("/u") != tt.address {
			t.Errorf("%+v: %d periods at %s, want %d at %s", tt.query, got, tt.query.address("/u"), tt.periods, tt.address)
		}
	}
}
