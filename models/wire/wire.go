// Package wire defines the JSON objects of the API. Responses and webhooks share them. Optional
// fields are always present and null if they have no value.
package wire

import "time"

// Timestamp is a time that is encoded according to RFC 3339, in UTC and whole seconds.
type Timestamp time.Time

const timeFormat = "2006-01-02T15:04:05Z"

// MarshalText encodes the time, truncated to the second.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(timeFormat)), nil
}

// OptionalTimestamp returns t as a Timestamp, or nil if t is nil.
func OptionalTimestamp(t *time.Time) *Timestamp {
	if t == nil {
		return nil
	}
	stamp := Timestamp(*t)
	return &stamp
}
