package models

import (
	"context"
	"slices"
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

// move is the hours around one midnight that are in one period of the viewer and are counted for
// the date of another.
type move struct {
	StartsAt string `json:"starts_at"`
	EndsAt   string `json:"ends_at"` // not included
	Boundary int    `json:"boundary"`

	from, to int // periods, which may be outside the window
}

// moves are those at the boundaries of the periods of a window.
func (s *Store) moves(window UsageWindow) (list []move) {
	for i, start := range append(slices.Clone(window.Starts), window.Until) {
		midnight := window.datesFirst().AddDate(0, 0, i)
		switch {
		case start.Before(midnight):
			list = append(list, move{s.dialect.moment(start), s.dialect.moment(midnight), len(list), i - 1, i})
		case start.After(midnight):
			list = append(list, move{s.dialect.moment(midnight), s.dialect.moment(start), len(list), i, i - 1})
		}
	}
	return list
}

// eachCountOfDates is eachCount for a window of the days of a zone. A count that is moved away is
// there once more, less than zero. The database adds up the hours of each move: to read them one by
// one takes longer than all the rest.
func (s *Store) eachCountOfDates(ctx context.Context, of usageOf, window UsageWindow, do func(period int, count UsageCount)) error {
	first, moves := window.datesFirst(), s.moves(window)
	set, err := recordsetOf([]column{{"starts_at", "timestamptz"}, {"ends_at", "timestamptz"}, {"boundary", "integer"}}, moves)
	if err != nil {
		return err
	}
	// One statement, since between two somebody may fold. In it @rows is one parameter.
	query := "SELECT " + s.dialect.epoch("starts_at") + ", route, scope, status_class, refusal, requests, -1 AS boundary FROM " + Daily.table +
		" WHERE " + ofKeys + " AND starts_at >= ? AND starts_at < ?"
	args := []any{of.workspaceID, of.keyIDs, first, first.AddDate(0, 0, len(window.Starts))}
	if len(moves) > 0 {
		hours := Hourly.table + " AS hours WHERE " + ofKeys + " AND hours.starts_at >= new.starts_at AND hours.starts_at < new.ends_at"
		if s.dialect.name == postgresql {
			// OFFSET 0 keeps it from comparing every hour with every move.
			hours = "LATERAL (SELECT * FROM " + hours + " OFFSET 0) AS moved"
		}
		query += " UNION ALL SELECT 0, route, scope, status_class, refusal, CAST(sum(requests) AS bigint), boundary FROM @rows CROSS JOIN " + hours +
			" GROUP BY boundary, route, scope, status_class, refusal"
		args = append(args, set.text, of.workspaceID, of.keyIDs)
	}
	within := func(period int) bool { return period >= 0 && period < len(window.Starts) }
	return s.scanCounts(ctx, of, s.dialect.expand(set, query), args, func(at time.Time, boundary int, count UsageCount) {
		if boundary < 0 {
			do(window.dateOf(at), count)
			return
		}
		if to := moves[boundary].to; within(to) {
			do(to, count)
		}
		if from := moves[boundary].from; within(from) {
			count.Requests = -count.Requests
			do(from, count)
		}
	})
}
