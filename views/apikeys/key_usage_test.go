package apikeys

import (
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func TestKeyUsageVerdict(t *testing.T) {
	accepted := func(ago time.Duration) []models.APIKeyRouteUse {
		return []models.APIKeyRouteUse{{Route: "GET /me", Requests: 1, FirstAt: now.Add(-ago), LastAt: now.Add(-ago)}}
	}
	for _, tt := range []struct {
		name    string
		lastUse time.Duration // ago; negative for never
		paused  bool
		uses    []models.APIKeyRouteUse
		says    string
		live    bool
	}{
		{"new", -1, false, nil, "Waiting for the first request…", true},
		{"only rejected", -1, false, []models.APIKeyRouteUse{{Route: "GET /me", Rejection: usage.RejectedScope, FirstAt: now, LastAt: now}}, "Waiting for the first accepted request… All requests so far were rejected.", true},
		{"first request", 0, false, accepted(time.Minute), "First request received GET /me 1 minute ago", false},
		{"in use", time.Hour, false, accepted(time.Hour), "In use Deleting it would affect 1 caller of the last 30 days.", false},
		{"used days ago", 2 * day, false, accepted(2 * day), "Not used in the last day Deleting it could affect 1 caller", false},
		{"used months ago", 60 * day, false, accepted(60 * day), "Not used in the last 30 days", false},
		{"never used and paused", -1, true, nil, "Never used Nothing breaks if you delete it.", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := keyNamed("CI")
			key.LastUsedAt = nil
			if tt.lastUse >= 0 {
				key.LastUsedAt = new(now.Add(-tt.lastUse))
			}
			if tt.paused {
				key.PausedUntil = new(now.Add(time.Hour))
			}
			page := detailOf(key)
			page.Usage.Report.Uses, page.Usage.Callers[0].LastAcceptedAt = tt.uses, new(now)
			card := drawn(t, Show(page)).Find("#key-usage")
			modelstest.Contains(t, "card", text(card), tt.says)
			_, live := card.Attr("data-live")
			modelstest.Equal(t, "refreshes itself", live, tt.live)
		})
	}
}

func TestKeyUsageShowsTopCallersAndLastError(t *testing.T) {
	key := keyNamed("CI")
	page := detailOf(key)
	page.Usage.Callers = nil
	for i, requests := range []int64{5, 70, 1, 30, 900} {
		seen := now.Add(-time.Duration(i) * time.Hour)
		if requests == 900 {
			seen = now.Add(-40 * day)
		}
		page.Usage.Callers = append(page.Usage.Callers, models.APIKeyCaller{Address: "192.0.2." + string(rune('1'+i)), UserAgent: "curl/8", Accepted: requests, LastSeenAt: seen, LastAcceptedAt: &seen})
	}
	page.Usage.LastError = &models.KeyError{Route: "GET /me", StatusClass: 5, StartsAt: now.Truncate(time.Hour)}
	card := drawn(t, Show(page)).Find("#key-usage")
	var addresses []string
	for _, one := range card.Find("[aria-labelledby=top-callers] li code").EachIter() {
		addresses = append(addresses, text(one))
	}
	modelstest.Equal(t, "top callers", strings.Join(addresses, " "), "192.0.2.2 192.0.2.4 192.0.2.1")
	modelstest.Contains(t, "card", text(card), "All 5 callers")
	modelstest.Contains(t, "last error", text(card.Find("[aria-labelledby=last-error]")), "5xx GET /me")

	page.Usage.LastError = &models.KeyError{Route: "GET /me", StatusClass: 4, Rejection: usage.RejectedPaused, StartsAt: now.Truncate(time.Hour)}
	card = drawn(t, Show(page)).Find("#key-usage")
	modelstest.Contains(t, "last error", text(card.Find("[aria-labelledby=last-error]")), "401 GET /me The key was paused just now")
}
