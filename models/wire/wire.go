// Package wire is what the JSON of the API and of its events carries of each thing: the same
// members in an answer and in a webhook. Members that may be missing are there with null
// (API contract §3).
package wire

import "time"

// Timestamp is a moment on the wire: RFC 3339, UTC, whole seconds.
type Timestamp time.Time

const timeFormat = "2006-01-02T15:04:05Z"

// MarshalText writes the moment, cut to the second.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(timeFormat)), nil
}

// OptionalTimestamp is a Timestamp that may be missing, and is null then.
func OptionalTimestamp(t *time.Time) *Timestamp {
	if t == nil {
		return nil
	}
	stamp := Timestamp(*t)
	return &stamp
}
