// Package calendar converts between dates and times in a time zone. A date has no first moment at 00:00 if
// clocks are put forward at midnight, and lasts 23 or 25 hours when they change. A time zone can even skip one.
package calendar

import "time"

// Date returns the date of at in a time zone, as midnight in UTC, so that AddDate and Sub count days.
func Date(at time.Time, location *time.Location) time.Time {
	year, month, day := at.In(location).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Parse returns a date in the form 2006-01-02, as Date does.
func Parse(text string) (time.Time, error) { return time.Parse(time.DateOnly, text) }

// FirstMoment returns when a date begins in a time zone. A date that the zone skips begins with the date after it.
func FirstMoment(date time.Time, location *time.Location) time.Time {
	year, month, day := date.Date()
	at := time.Date(year, month, day, 0, 0, 0, 0, location)
	start, end := at.ZoneBounds()
	switch wall := wallClock(at); {
	case wall.Before(date): // midnight doesn't exist, and at has the offset after it
		return end
	case wall.After(date): // at has the offset before it
		return start
	case start.IsZero():
		return at
	}
	_, offset := at.Zone()
	_, before := start.Add(-1).Zone()
	// If clocks are put back to midnight, it comes twice.
	if first := at.Add(time.Duration(offset-before) * time.Second); first.Before(at) && first.Before(start) {
		return first
	}
	return at
}

// wallClock returns the time that clocks show at a time, in UTC.
func wallClock(at time.Time) time.Time {
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}
