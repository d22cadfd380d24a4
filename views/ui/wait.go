package ui

import "time"

// WithWait returns an error with the time to wait, if there is one.
func WithWait(message string, wait time.Duration) string {
	message = Curly(message)
	if wait <= 0 {
		return message
	}
	return message + " Try again in " + duration(wait) + "."
}

// duration returns d in seconds or minutes, rounded up.
func duration(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	if seconds <= 90 {
		return Plural(seconds, "second")
	}
	minutes := (seconds + 59) / 60
	return Plural(minutes, "minute")
}
