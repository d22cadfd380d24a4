package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// PauseUntil is the choice of a PauseForm that uses its Until.
const PauseUntil = "until"

// pauseChoices are the choices of a pause. Except for PauseUntil, their values are durations in
// the syntax of time.ParseDuration.
var pauseChoices = []ui.Choice{
	{Value: "15m", Label: "15 minutes"},
	{Value: "1h", Label: "1 hour"},
	{Value: "24h", Label: "1 day"},
	{Value: PauseUntil, Label: "Until a date…", Reveals: true},
}

// DefaultPause is long enough for most callers to notice.
const DefaultPause = "1h"

// PauseForm is the form that pauses a key.
type PauseForm struct {
	For   string `form:"for"`   // value of a choice
	Until string `form:"until"` // in the viewer's time zone
}

// UntilAt returns when the pause ends, or what is wrong with the form.
func (f PauseForm) UntilAt(now time.Time, location *time.Location) (time.Time, models.Fields) {
	if f.For == PauseUntil {
		at, err := time.ParseInLocation(ui.TimeInput, f.Until, location)
		if err != nil {
			return time.Time{}, models.Fields{"until": "must be a date and time"}
		}
		return at, nil
	}
	for _, choice := range pauseChoices {
		if d, err := time.ParseDuration(choice.Value); err == nil && f.For == choice.Value {
			return now.Add(d), nil
		}
	}
	return time.Time{}, models.Fields{"until": "must be one of the options"}
}

// PausePage asks how long to pause a key.
type PausePage struct {
	ChangeTime time.Duration // longest time until the pause takes effect
	Key        *models.APIKey
	Form       PauseForm
	Errors     models.Fields
	Message    string // an error that concerns no single field
	Traffic    models.Traffic
}

func (p PausePage) choices() ui.RadioGroup {
	return ui.RadioGroup{
		Name: "for", Legend: "Pause for", Value: p.Form.For, Choices: pauseChoices, Columns: 2,
		Error: p.Errors.Sentence("until", "End time"), ErrorID: "until-error",
	}
}

// canPause reports whether a pause of the key would change anything.
func canPause(key *models.APIKey, now time.Time) bool {
	status := key.StatusAt(now)
	return status == models.KeyActive || status == models.KeyExpiresSoon
}

// canSchedule reports whether the deletion of the key can be scheduled.
func canSchedule(key *models.APIKey, now time.Time) bool {
	return key.StatusAt(now) != models.KeyExpired && !key.IsRotating() && !key.IsScheduledForDeletion()
}

func untilBounds(v viewer.Viewer) (first, last string) {
	return v.Now.In(v.Location).Format(ui.TimeInput), v.Now.Add(models.MaxPause).In(v.Location).Format(ui.TimeInput)
}

const maxPauseDays = int(models.MaxPause / day)
