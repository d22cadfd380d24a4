package models

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The days of a viewer are not those of UTC, by which requests are kept besides the hours. To add
// up the hours of 90 days takes too long for a busy key: instead each day of UTC counts for the
// viewer's of the same date, and the hours that belong to a neighbour of it are moved there.

// datesFirst is the day of UTC with the date of the first period.
func (w UsageWindow) datesFirst() time.Time {
	year, month, day := w.Starts[0].In(w.location).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// dateOf is the index of the period with the date that at has in UTC, or one outside the window.
func (w UsageWindow) dateOf(at time.Time) int {
	return int(at.UTC().Truncate(Daily.length).Sub(w.datesFirst()) / Daily.length)
}

// movedHours are the hours of a day of UTC that are in another day of the viewer's at any time of
// the window.
func (w UsageWindow) movedHours() []string {
	moved := map[int]bool{}
	for i, start := range append(slices.Clone(w.Starts), w.Until) {
		midnight := w.datesFirst().AddDate(0, 0, i)
		for at := start; at.Before(midnight); at = at.Add(time.Hour) {
			moved[at.Hour()] = true
		}
		for at := midnight; at.Before(start); at = at.Add(time.Hour) {
			moved[at.Hour()] = true
		}
	}
	var hours []string
	for hour := range 24 {
		if moved[hour] {
			hours = append(hours, strconv.Itoa(hour))
		}
	}
	return hours
}

// eachCountOfDates is eachCount for a window of the days of a zone. A count that is moved away is
// there once more, less than zero.
func (s *Store) eachCountOfDates(ctx context.Context, key *APIKey, window UsageWindow, do func(period int, count UsageCount)) error {
	part := func(by Period, isHour string) string {
		return "SELECT " + s.dialect.epoch("starts_at") + ", route, scope, status_class, refusal, requests, " + isHour + " AS is_hour FROM " + by.table +
			" WHERE " + ofKey + " AND starts_at >= ? AND starts_at < ?"
	}
	first := window.datesFirst()
	// One statement, since between two somebody may fold.
	query, args := part(Daily, "0"), []any{key.WorkspaceID, key.ID, first, first.AddDate(0, 0, len(window.Starts))}
	if moved := window.movedHours(); len(moved) > 0 {
		query += " UNION ALL " + part(Hourly, "1") + " AND " + s.dialect.hour("starts_at") + " IN (" + strings.Join(moved, ", ") + ")"
		args = append(args, key.WorkspaceID, key.ID, first.Add(-Daily.length), window.Until.Add(Daily.length))
	}
	within := func(period int) bool { return period >= 0 && period < len(window.Starts) }
	return s.scanCounts(ctx, key, query, args, func(at time.Time, isHour bool, count UsageCount) {
		date := window.dateOf(at)
		if !isHour {
			do(date, count)
			return
		}
		period := -1
		if !at.Before(window.Starts[0]) && at.Before(window.Until) {
			period = window.period(at)
		}
		if period == date {
			return
		}
		if within(period) {
			do(period, count)
		}
		if within(date) {
			count.Requests = -count.Requests
			do(date, count)
		}
	})
}
