package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/usage"
)

// TestDaysOfAnyZoneEqualTheirHours compares days made of daily counts and shifts with sums of hours:
// east and west of UTC, in zones off by half an hour, and when clocks change.
func TestDaysOfAnyZoneEqualTheirHours(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, _ := s.busy(t, 35)
		hours := s.usage(t, key, usage.Hourly)
		for _, zone := range []string{"UTC", "Africa/Abidjan", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "America/Los_Angeles", "America/Santiago", "Australia/Lord_Howe"} {
			location, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			for _, days := range []int{1, 2, 30} {
				window := usage.LastDays(s.Now(), days, location)
				want := map[usage.Count]int64{}
				for _, count := range hours {
					for i := len(window.Starts) - 1; i >= 0; i-- {
						if !count.StartsAt.Before(window.Starts[i]) && count.StartsAt.Before(window.Until) {
							requests := count.Requests
							count.StartsAt, count.Requests = window.Starts[i], 0
							want[count] += requests
							break
						}
					}
				}
				counts, err := s.UsageCounts(s.ctx, s.id, key.ID, window)
				if err != nil {
					t.Fatal(err)
				}
				got := map[usage.Count]int64{}
				for _, count := range counts {
					requests := count.Requests
					count.Requests = 0
					got[count] += requests
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d days of %s (-hours +days):\n%.1000s", days, zone, diff)
				}
				report, err := s.UsageReport(s.ctx, s.id, key.ID, window)
				if err != nil {
					t.Fatal(err)
				}
				var sum int64
				for _, requests := range want {
					sum += requests
				}
				if report.Total.Requests != sum {
					t.Errorf("%d days of %s: requests = %d, want %d", days, zone, report.Total.Requests, sum)
				}
			}
		}
	})
}

// TestEachHourIsInTheDayOfItsDate covers dates without a midnight, with 23.5 to 25 hours, and one that the zone
// skipped, with a request in every hour.
func TestEachHourIsInTheDayOfItsDate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range []struct{ zone, now string }{
			{"America/Santiago", "2026-09-08T20:00:00Z"}, {"America/Santiago", "2026-09-06T20:00:00Z"}, {"America/Santiago", "2026-09-05T20:00:00Z"},
			{"America/Santiago", "2026-04-06T20:00:00Z"}, {"Africa/Cairo", "2026-04-25T12:00:00Z"}, {"America/Havana", "2026-11-02T12:00:00Z"},
			{"Australia/Lord_Howe", "2026-10-05T20:00:00Z"}, {"Australia/Lord_Howe", "2026-04-06T12:00:00Z"}, {"Europe/Berlin", "2026-03-30T12:00:00Z"},
			{"Europe/Berlin", "2026-10-26T12:00:00Z"}, {"Pacific/Apia", "2012-01-01T05:00:00Z"}, {"Pacific/Apia", "2011-12-30T05:00:00Z"},
		} {
			location, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			key, window, want := s.key(t, tt.zone), usage.LastDays(now, 4, location), map[string]int64{}
			var uses []use
			for at := usage.Hourly.Start(now); !at.Before(now.AddDate(0, 0, -7)); at = at.Add(-time.Hour) {
				uses = append(uses, use{key: key, at: at, route: "GET /seats"})
				if !at.Before(window.Starts[0]) {
					want[at.In(location).Format(time.DateOnly)]++
				}
			}
			record(t, s.Store, countsOf(uses...))
			if len(want) != 4 {
				t.Errorf("%s until %s: the window has %d dates, want 4", tt.zone, tt.now, len(want))
			}
			report, err := s.UsageReport(s.ctx, s.id, key.ID, window)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int64{}
			for i, sum := range report.Periods {
				got[window.Starts[i].In(location).Format(time.DateOnly)] += sum.Requests
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("requests by date in %s until %s (-want +got):\n%s", tt.zone, tt.now, diff)
			}
		}
	})
}
