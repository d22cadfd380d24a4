package usage

import (
	"sort"
	"time"
)

// Window is the time that a report covers, divided into consecutive periods. Because requests are
// stored by hour of UTC, a period consists of the hours that start in it.
type Window struct {
	Starts   []time.Time    // of the periods, at full hours of UTC, earliest first
	Until    time.Time      // end of the last period, exclusive
	By       Period         // the counts to read
	Location *time.Location // of days other than those of UTC, otherwise nil
}

// LastHours returns a window of n hours, the last of which contains now.
func LastHours(now time.Time, n int) Window {
	until := Hourly.Start(now).Add(time.Hour)
	window := Window{Until: until, By: Hourly}
	for i := n; i > 0; i-- {
		window.Starts = append(window.Starts, until.Add(-time.Duration(i)*time.Hour))
	}
	return window
}

// LastDays returns a window of n days in a time zone, the last of which contains now.
func LastDays(now time.Time, n int, location *time.Location) Window {
	year, month, day := now.In(location).Date()
	midnight := func(daysAgo int) time.Time {
		// In some zones a day starts at half past.
		return ceil(time.Date(year, month, day-daysAgo, 0, 0, 0, 0, location), Hourly)
	}
	window := Window{Until: midnight(-1), By: Daily}
	if location != time.UTC {
		window.Location = location
	}
	for i := n - 1; i >= 0; i-- {
		window.Starts = append(window.Starts, midnight(i))
	}
	return window
}

// Between returns a window of the periods that start at from or later and before until.
func Between(from, until time.Time, by Period) Window {
	window := Window{By: by}
	for at := ceil(from, by); at.Before(until); at = at.Add(time.Duration(by)) {
		window.Starts = append(window.Starts, at)
	}
	if len(window.Starts) > 0 {
		window.Until = window.Starts[len(window.Starts)-1].Add(time.Duration(by))
	}
	return window
}

func ceil(at time.Time, by Period) time.Time {
	if floor := by.Start(at); floor.Before(at) {
		return floor.Add(time.Duration(by))
	}
	return at.UTC()
}

// Period returns the index of the period that contains at, which must be in the window.
func (w Window) Period(at time.Time) int {
	after := sort.Search(len(w.Starts), func(i int) bool { return w.Starts[i].After(at) })
	return after - 1
}

// FirstDate returns the day of UTC that has the date of the first period.
func (w Window) FirstDate() time.Time {
	year, month, day := w.Starts[0].In(w.Location).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// PeriodOfDate returns the index of the period that has the date of at in UTC. It may be outside
// the window.
func (w Window) PeriodOfDate(at time.Time) int {
	return int(Daily.Start(at).Sub(w.FirstDate()) / time.Duration(Daily))
}

// Shift is a range of hours around one midnight that the daily counts put into one period but that
// belong to another in the time zone of the window.
type Shift struct {
	Start, End time.Time // End is exclusive
	From, To   int       // indexes of periods, which may be outside the window
}

// Shifts returns the hours to move between the periods of a window of days outside UTC. Adding up
// the hours of 90 days is too slow for a busy key, so each day of UTC stands for the local day with
// the same date, corrected by these hours.
func (w Window) Shifts() (shifts []Shift) {
	for i := range len(w.Starts) + 1 {
		start, midnight := w.Until, w.FirstDate().AddDate(0, 0, i)
		if i < len(w.Starts) {
			start = w.Starts[i]
		}
		switch {
		case start.Before(midnight):
			shifts = append(shifts, Shift{start, midnight, i - 1, i})
		case start.After(midnight):
			shifts = append(shifts, Shift{midnight, start, i, i - 1})
		}
	}
	return shifts
}
