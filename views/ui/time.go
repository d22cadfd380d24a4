package ui

import (
	"fmt"
	"math"
	"time"
)

const day = 24 * time.Hour

// Relative says in words how far at is from now: "3 hours ago", "in 12 days", "just now". The
// script in static/src/time.js says the same.
func Relative(at, now time.Time) string {
	away := at.Sub(now)
	switch words := distance(away.Abs()); {
	case words == "" && away > 0:
		return "in a moment"
	case words == "":
		return "just now"
	case away > 0:
		return "in " + words
	default:
		return words + " ago"
	}
}

// Lasting says in words how long something lasts: "3 hours", "less than a minute".
func Lasting(d time.Duration) string {
	if words := distance(d); words != "" {
		return words
	}
	return "less than a minute"
}

// distance is empty for less than three quarters of a minute.
func distance(d time.Duration) string {
	in := func(unit time.Duration) int { return int(math.Round(float64(d) / float64(unit))) }
	switch {
	case d < 45*time.Second:
		return ""
	case in(time.Minute) < 60:
		return Plural(int64(in(time.Minute)), "minute")
	case in(time.Hour) < 24:
		return Plural(int64(in(time.Hour)), "hour")
	case in(day) <= 90:
		return Plural(int64(in(day)), "day")
	case in(day) < 345:
		return Plural(int64(math.Round(d.Hours()/24/30.44)), "month")
	}
	return Plural(int64(math.Round(d.Hours()/24/365.25)), "year")
}

// Exact is a moment to the minute, with the name of the time zone.
func Exact(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006, 15:04 MST")
}

// Precise is a moment to the millisecond, with the name of the time zone. The script in
// static/src/time.js writes the same.
func Precise(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006, 15:04:05.000 MST")
}

// Milliseconds is a short time in words: "525 ms".
func Milliseconds(d time.Duration) string { return Count(d.Milliseconds()) + " ms" }

// Takes says how long something takes that takes at most d: "less than a second", "about 6
// seconds".
func Takes(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return "about " + Plural(int64(math.Ceil(d.Seconds())), "second")
}

// Clock is the time of day of a moment, with the name of the time zone.
func Clock(at time.Time, location *time.Location) string {
	return at.In(location).Format("15:04 MST")
}

// Date is the day of a moment.
func Date(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006")
}

// Count writes a number with commas: 10,000.
func Count(n int64) string {
	digits := fmt.Sprintf("%d", n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Plural is a number of things: "1 key", "10,000 keys".
func Plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(n) + " " + thing + "s"
}
