package models_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

func TestUsageWindows(t *testing.T) {
	zone := func(name string) *time.Location {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return location
	}
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	now := at("2026-03-30T09:26:53Z")
	tests := []struct {
		name   string
		window usage.Window
		want   []string // the starts and the end
	}{
		{"hours", usage.LastHours(now, 3), []string{"2026-03-30T07:00:00Z", "2026-03-30T08:00:00Z", "2026-03-30T09:00:00Z", "2026-03-30T10:00:00Z"}},
		{"days of UTC", usage.LastDays(now, 2, time.UTC), []string{"2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", "2026-03-31T00:00:00Z"}},
		{"a day of 23 hours", usage.LastDays(now, 3, zone("Europe/Berlin")),
			[]string{"2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"}},
		{"behind UTC it is yesterday still", usage.LastDays(at("2026-03-30T03:00:00Z"), 1, zone("America/New_York")),
			[]string{"2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z"}},
		{"half an hour aside", usage.LastDays(now, 1, zone("Asia/Kolkata")), []string{"2026-03-29T19:00:00Z", "2026-03-30T19:00:00Z"}},
		{"hours between", usage.Between(at("2026-03-30T07:00:00Z"), at("2026-03-30T08:00:01Z"), usage.Hourly),
			[]string{"2026-03-30T07:00:00Z", "2026-03-30T08:00:00Z", "2026-03-30T09:00:00Z"}},
		{"days between", usage.Between(at("2026-03-28T00:00:01Z"), at("2026-03-30T00:00:00Z"), usage.Daily), []string{"2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, start := range append(tt.window.Starts, tt.window.Until) {
				got = append(got, start.Format(time.RFC3339))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// busy returns a key with requests of every kind in each hour of some days, and their number.
func (s fixture) busy(t testing.TB, days int) (*models.APIKey, int64) {
	t.Helper()
	key, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Busy", Scopes: scope.Of(scope.SeatsRead, scope.MembersRead, scope.MembersWrite)})
	if err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		route, scope string
		class        int
		refusal      usage.Rejection
	}{
		{"GET /me", "", 2, ""}, {"GET /seats", "seats.read", 2, ""}, {"GET /seats", "seats.read", 4, usage.RejectedRateLimit},
		{"GET /workspace_members", "members.read", 2, ""}, {"GET /workspace_members", "members.read", 4, ""}, {"GET /workspace_members", "members.read", 5, ""},
		{"POST /workspace_members", "members.write", 2, ""}, {"GET /api_keys", "api_keys.read", 4, usage.RejectedScope}, {"", "", 4, ""}, {"", "", 4, usage.RejectedExpired},
	}
	counts := usage.Counts{ID: rand.Text()}
	var total int64
	for i, kind := range kinds {
		for hour := range days * 24 {
			at := s.Now().Add(-time.Duration(hour) * time.Hour)
			requests := int64(1 + (hour+i)%3)
			counts.Rows = append(counts.Rows, usage.Count{
				APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: usage.Hourly.Start(at), Route: kind.route, Scope: kind.scope, StatusClass: kind.class,
				Rejection: kind.refusal, Requests: requests, Caller: usage.Caller{Address: "192.0.2.1", UserAgent: "curl/8"}, First: at, Last: at,
			})
			total += requests
		}
	}
	if err := s.AddUsage(t.Context(), counts); err != nil {
		t.Fatal(err)
	}
	return key, total
}

// TestReportAddsUp checks that the lists of a report have the same sum as the list of keys, in every
// window.
func TestReportAddsUp(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, total := s.busy(t, 8)
		kolkata, err := time.LoadLocation("Asia/Kolkata")
		if err != nil {
			t.Fatal(err)
		}
		for name, window := range map[string]usage.Window{
			"24 hours": usage.LastHours(s.Now(), 24), "7 days by hour": usage.LastHours(s.Now(), 168), "7 days": usage.LastDays(s.Now(), 7, kolkata),
			"90 days": usage.LastDays(s.Now(), 90, kolkata), "UTC": usage.Between(s.Now().AddDate(0, 0, -3), s.Now(), usage.Daily),
		} {
			report, err := s.UsageReport(s.ctx, s.id, key.ID, window)
			if err != nil {
				t.Fatal(err)
			}
			sums := map[string]usage.Sum{}
			for part, list := range map[string][]usage.Part{"route": report.Routes, "scope": report.Scopes, "refusal": report.Rejections} {
				sums[part] = sumOf(list, func(p usage.Part) usage.Sum { return p.Sum })
			}
			sums["period"] = sumOf(report.Periods, func(sum usage.Sum) usage.Sum { return sum })
			for part, sum := range sums {
				if sum != report.Total {
					t.Errorf("%s: sum by %s = %v, total = %v", name, part, sum, report.Total)
				}
			}
			var classes int64
			for _, requests := range report.Total.Classes {
				classes += requests
			}
			totals, err := s.UsageTotals(s.ctx, s.id, []string{key.ID}, window.Starts[0])
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, name+" requests by class", classes, report.Total.Requests)
			if name != "UTC" && totals[key.ID].Requests != report.Total.Requests {
				t.Errorf("%s: requests in the list = %d, want %d", name, totals[key.ID].Requests, report.Total.Requests)
			}
			if totals[key.ID].Rejected < report.Total.Rejected {
				t.Errorf("%s: rejected in the list = %d, want at least %d", name, totals[key.ID].Rejected, report.Total.Rejected)
			}
			if name == "90 days" && report.Total.Requests != total {
				t.Errorf("requests = %d, want %d", report.Total.Requests, total)
			}
		}
		if ever, err := s.RequestsEver(s.ctx, s.id, key.ID); err != nil || ever != total {
			t.Errorf("requests ever = %d, %v, want %d", ever, err, total)
		}
		if ever, err := s.RequestsEver(s.ctx, "ws_other", key.ID); err != nil || ever != 0 {
			t.Errorf("requests in another workspace = %d, %v, want 0", ever, err)
		}
		_, err = s.UsageReport(s.ctx, "ws_other", key.ID, usage.LastHours(s.Now(), 24))
		wantKind(t, err, models.NotFound)
	})
}

func sumOf[T any](list []T, of func(T) usage.Sum) (sum usage.Sum) {
	for _, one := range list {
		part := of(one)
		sum.Requests, sum.Rejected = sum.Requests+part.Requests, sum.Rejected+part.Rejected
		for class, requests := range part.Classes {
			sum.Classes[class] += requests
		}
	}
	return sum
}

// TestRequestsAreInTheDaysOfTheViewer checks days in the time zone of the viewer.
func TestRequestsAreInTheDaysOfTheViewer(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		newYork, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Fatal(err)
		}
		midnight := time.Date(2026, time.March, 13, 0, 0, 0, 0, newYork) // 04:00 in UTC
		for at, route := range map[time.Time]string{
			midnight.Add(-time.Millisecond): "GET /before", midnight: "GET /at", midnight.Add(24*time.Hour - 1): "GET /late", s.Now(): "GET /now",
		} {
			record(t, s.Store, countsOf(use{key: key, at: at, route: route}))
		}
		report, err := s.UsageReport(s.ctx, s.id, key.ID, usage.LastDays(s.Now(), 3, newYork))
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, day := range report.Periods {
			got = append(got, day.Requests)
		}
		if diff := cmp.Diff([]int64{1, 2, 1}, got); diff != "" {
			t.Errorf("by day (-want +got):\n%s", diff)
		}
	})
}

// TestReportTakesAConstantNumberOfQueries compares an unused key and one used every hour for 90 days.
func TestReportTakesAConstantNumberOfQueries(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, _ := s.busy(t, 90)
		window := usage.LastDays(s.Now(), 90, time.FixedZone("", 3600))
		for _, id := range []string{key.ID, s.key(t, "Unused").ID} {
			queries := s.statements(t, func() error {
				_, err := s.UsageReport(s.ctx, s.id, id, window)
				return err
			})
			if queries != 3 {
				t.Errorf("queries = %d, want 3", queries)
			}
		}
	})
}

// BenchmarkUsageReport reports on a key used in ten ways every hour for 90 days.
func BenchmarkUsageReport(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		s := open(b)
		workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
		h := fixture{Store: s, id: workspace.ID, ctx: b.Context()}
		key, _ := h.busy(b, 90)
		for zone, location := range map[string]*time.Location{"UTC": time.UTC, "1h": time.FixedZone("", 3600), "12h": time.FixedZone("", 12*3600)} {
			b.Run(name+"/"+zone, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.UsageReport(b.Context(), h.id, key.ID, usage.LastDays(s.Now(), 90, location)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
