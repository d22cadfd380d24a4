package api

import "time"

// timestamp is a moment on the wire: RFC 3339, UTC, whole seconds.
type timestamp time.Time

const wireTime = "2006-01-02T15:04:05Z"

// MarshalText writes the moment, cut to the second.
func (t timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(wireTime)), nil
}

// moment is a timestamp that may be missing, and is null then.
func moment(t *time.Time) *timestamp {
	if t == nil {
		return nil
	}
	stamp := timestamp(*t)
	return &stamp
}
