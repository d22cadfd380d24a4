package usage

import (
	"slices"
	"sort"
	"time"

	"github.com/skipup/keys/models/calendar"
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
	today := calendar.Date(now, location)
	window := Window{Until: startOf(today.AddDate(0, 0, 1), location), By: Daily}
	if location != time.UTC {
		window.Location = location
	}
	next := window.Until
	for date := today; len(window.Starts) < n; date = date.AddDate(0, 0, -1) {
		if start := startOf(date, location); start.Before(next) { // otherwise, the zone skipped the date
			window.Starts = append(window.Starts, start)
			next = start
		}
	}
	slices.Reverse(window.Starts)
	return window
}

// startOf returns the first full hour of a date. In some zones a day starts at half past.
func startOf(date time.Time, location *time.Location) time.Time {
	return ceil(calendar.FirstMoment(date, location), Hourly)
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

// Dates returns the days of UTC that have the dates of the first period and of the day after the last.
func (w Window) Dates() (first, end time.Time) {
	return calendar.Date(w.Starts[0], w.Location), calendar.Date(w.Starts[len(w.Starts)-1], w.Location).AddDate(0, 0, 1)
}

// PeriodOfDate returns the index of the period that has the date of at in UTC, or begins with it if the
// time zone skipped it. It may be outside the window.
func (w Window) PeriodOfDate(at time.Time) int {
	start := startOf(Daily.Start(at), w.Location)
	if !start.Before(w.Until) {
		return len(w.Starts)
	}
	return w.Period(start)
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
	first, end := w.Dates()
	for midnight := first; !midnight.After(end); midnight = midnight.AddDate(0, 0, 1) {
		start, before, after := startOf(midnight, w.Location), w.PeriodOfDate(midnight.AddDate(0, 0, -1)), w.PeriodOfDate(midnight)
		switch {
		case before == after: // the zone skipped the date before
		case start.Before(midnight):
			shifts = append(shifts, Shift{start, midnight, before, after})
		case start.After(midnight):
			shifts = append(shifts, Shift{midnight, start, after, before})
		}
	}
	return shifts
}
