package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
)

// PauseUntil is the choice of a PauseForm that goes with its Until.
const PauseUntil = "until"

// PauseTimes are the other choices: how long, as time.ParseDuration reads it.
var PauseTimes = []struct{ Value, Label string }{{"15m", "15 minutes"}, {"1h", "1 hour"}, {"24h", "1 day"}}

// DefaultPause is long enough for most callers to notice, and over before anybody goes home.
const DefaultPause = "1h"

// untilLayout is a moment as a field of the type datetime-local has it.
const untilLayout = "2006-01-02T15:04"

// PauseForm asks for the pause of a key.
type PauseForm struct {
	For   string `form:"for"`   // one of PauseTimes, or PauseUntil
	Until string `form:"until"` // in the viewer's zone

	Errors models.Fields `form:"-"`
}

// UntilAt is the moment that is asked for, or a complaint.
func (f PauseForm) UntilAt(now time.Time, location *time.Location) (time.Time, string) {
	if f.For == PauseUntil {
		at, err := time.ParseInLocation(untilLayout, f.Until, location)
		if err != nil {
			return time.Time{}, "must be a date and a time, such as " + now.In(location).Add(time.Hour).Format(untilLayout)
		}
		return at, ""
	}
	for _, choice := range PauseTimes {
		if d, err := time.ParseDuration(choice.Value); err == nil && f.For == choice.Value {
			return now.Add(d), ""
		}
	}
	return time.Time{}, "must be one of the choices"
}

// PausePage asks before a key is paused.
type PausePage struct {
	Key     *models.APIKey
	Form    PauseForm
	Traffic models.Traffic
	Takes   time.Duration // at most, until the pause is in force
}
