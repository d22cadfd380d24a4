package calendar_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models/calendar"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	date, err := calendar.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return date
}

func TestFirstMoment(t *testing.T) {
	for _, tt := range []struct{ zone, date, want string }{
		{"UTC", "2026-09-06", "2026-09-06T00:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00"}, // 23 hours
		{"Europe/Berlin", "2026-03-30", "2026-03-30T00:00:00+02:00"},
		{"Europe/Berlin", "2026-10-25", "2026-10-25T00:00:00+02:00"}, // 25 hours
		{"Europe/Berlin", "2026-10-26", "2026-10-26T00:00:00+01:00"},
		{"America/Santiago", "2026-09-05", "2026-09-05T00:00:00-04:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"}, // no midnight
		{"America/Santiago", "2026-09-07", "2026-09-07T00:00:00-03:00"},
		{"America/Santiago", "2026-04-05", "2026-04-05T00:00:00-04:00"},    // after the hour from 23:00 came twice
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"},        // no midnight, east of UTC
		{"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00"},      // no midnight
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"},      // midnight comes twice
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-04T00:00:00+10:30"}, // 23.5 hours
		{"Australia/Lord_Howe", "2026-10-05", "2026-10-05T00:00:00+11:00"},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T00:00:00-10:00"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"}, // skipped
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"},
	} {
		if got := calendar.FirstMoment(date(t, tt.date), zone(t, tt.zone)).Format(time.RFC3339); got != tt.want {
			t.Errorf("FirstMoment(%s, %s) = %s, want %s", tt.date, tt.zone, got, tt.want)
		}
	}
}

// TestFirstMomentHasTheDate checks that the dates of three years begin with a moment that has the date, after
// one that has another.
func TestFirstMomentHasTheDate(t *testing.T) {
	for _, name := range []string{"America/Santiago", "Australia/Lord_Howe", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia"} {
		location := zone(t, name)
		for day := range 3 * 365 {
			date := date(t, "2025-01-01").AddDate(0, 0, day)
			first := calendar.FirstMoment(date, location)
			if got := calendar.Date(first, location); !got.Equal(date) {
				t.Errorf("%s: first moment of %s has the date %s", name, date.Format(time.DateOnly), got.Format(time.DateOnly))
			}
			if before := calendar.Date(first.Add(-1), location); !before.Equal(date.AddDate(0, 0, -1)) {
				t.Errorf("%s: the moment before %s has the date %s", name, first, before.Format(time.DateOnly))
			}
		}
	}
}
