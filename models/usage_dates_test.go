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
		for _, zone := range []string{"UTC", "Africa/Abidjan", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "America/Los_Angeles"} {
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
