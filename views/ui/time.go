package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Relative returns how far at is from now, such as "3 hours ago", "in 12 days" or "just now". The
// script static/src/time.js produces the same text.
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

// Lasting returns a duration in words, such as "3 hours" or "less than a minute".
func Lasting(d time.Duration) string {
	if words := distance(d); words != "" {
		return words
	}
	return "less than a minute"
}

// distance returns a duration in words, or "" for less than 45 seconds.
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

// TimeInput is the layout of the value of an input of type datetime-local.
const TimeInput = "2006-01-02T15:04"

// Exact formats a time to the minute, with its time zone.
func Exact(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006, 15:04 MST")
}

// Precise formats a time to the millisecond, with its time zone. The script static/src/time.js
// produces the same text.
func Precise(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006, 15:04:05.000 MST")
}

// Milliseconds formats a short duration, such as "525 ms".
func Milliseconds(d time.Duration) string { return Count(d.Milliseconds()) + " ms" }

// AtMost describes the duration of something that takes at most d, such as "less than a second" or
// "about 6 seconds".
func AtMost(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return "about " + Plural(int64(math.Ceil(d.Seconds())), "second")
}

// Days returns a number of days in words, such as "90 days" or "1 year".
func Days(n int) string {
	if n%365 == 0 {
		return Plural(int64(n/365), "year")
	}
	return Plural(int64(n), "day")
}

// Clock formats the time of day, with its time zone.
func Clock(at time.Time, location *time.Location) string {
	return at.In(location).Format("15:04 MST")
}

// Date formats the date of a time.
func Date(at time.Time, location *time.Location) string {
	return at.In(location).Format("2 Jan 2006")
}

// Count formats a number with commas, such as 10,000.
func Count(n int64) string {
	digits := fmt.Sprintf("%d", n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Compact returns a number with at most three digits and a unit, such as "950", "12.3K", or "4M".
func Compact(n int64) string {
	value, unit := float64(n), ""
	for _, next := range []string{"K", "M", "B", "T"} {
		if math.Abs(value) < 999.5 {
			break
		}
		value, unit = value/1000, next
	}
	if unit == "" {
		return Count(n)
	}
	decimals := 1
	if math.Abs(value) >= 99.95 {
		decimals = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', decimals, 64), ".0") + unit
}

// Plural returns a number of things, such as "1 key" or "10,000 keys".
func Plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(n) + " " + thing + "s"
}
