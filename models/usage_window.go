package models

import (
	"sort"
	"time"
)

// UsageWindow is the time that a report is about, in periods one after the other. Requests are
// kept by hour of UTC: a period is made of the hours that start in it.
type UsageWindow struct {
	Starts []time.Time // of the periods, at full hours of UTC, the earliest first
	Until  time.Time   // the end of the last, which is not included
	by     Period      // what it is read from

	location *time.Location // of days other than those of UTC; else nil
}

// LastHours is a window of n hours, of which now is in the last.
func LastHours(now time.Time, n int) UsageWindow {
	until := now.UTC().Truncate(time.Hour).Add(time.Hour)
	window := UsageWindow{Until: until, by: Hourly}
	for i := n; i > 0; i-- {
		window.Starts = append(window.Starts, until.Add(-time.Duration(i)*time.Hour))
	}
	return window
}

// LastDays is a window of n days of a time zone, of which now is in the last.
func LastDays(now time.Time, n int, location *time.Location) UsageWindow {
	year, month, day := now.In(location).Date()
	midnight := func(daysAgo int) time.Time {
		return fullHour(time.Date(year, month, day-daysAgo, 0, 0, 0, 0, location))
	}
	window := UsageWindow{Until: midnight(-1), by: Daily}
	if location != time.UTC {
		window.location = location
	}
	for i := n - 1; i >= 0; i-- {
		window.Starts = append(window.Starts, midnight(i))
	}
	return window
}

// HoursBetween is a window of the hours that start between one time and another, which is not
// included.
func HoursBetween(from, until time.Time) UsageWindow { return between(from, until, Hourly) }

// DaysBetween is the same of the days of UTC.
func DaysBetween(from, until time.Time) UsageWindow { return between(from, until, Daily) }

func between(from, until time.Time, by Period) UsageWindow {
	window := UsageWindow{by: by}
	for at := ceil(from, by.length); at.Before(until); at = at.Add(by.length) {
		window.Starts = append(window.Starts, at)
	}
	if len(window.Starts) > 0 {
		window.Until = window.Starts[len(window.Starts)-1].Add(by.length)
	}
	return window
}

// fullHour is the first full hour of UTC that is not before at: in some zones a day begins at
// half past.
func fullHour(at time.Time) time.Time { return ceil(at, time.Hour) }

func ceil(at time.Time, length time.Duration) time.Time {
	floor := at.UTC().Truncate(length)
	if floor.Before(at) {
		return floor.Add(length)
	}
	return floor
}

// period is the index of the period that at is in, which is in the window.
func (w UsageWindow) period(at time.Time) int {
	after := sort.Search(len(w.Starts), func(i int) bool { return w.Starts[i].After(at) })
	return after - 1
}
