package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// descendantsChoice offers to delete the keys that a key created together with it.
type descendantsChoice struct {
	Key       *models.APIKey
	Keys      []models.APIKey
	Challenge models.Challenge // for deleting the key alone
	Entered   models.Confirmation
	Errors    models.Fields
}

// challenge returns what must be entered in addition to Challenge to delete the keys.
func (d descendantsChoice) challenge(now time.Time) models.Challenge {
	if d.Challenge.Name != "" {
		return models.Challenge{}
	}
	return models.Challenge{}.WithDescendants(d.Key, d.Keys, now)
}

func (d descendantsChoice) check(now time.Time) ui.Check {
	check := ui.Check{
		Name: "descendants", Value: "true", Checked: d.Entered.Descendants,
		Label: "Delete " + ui.Plural(int64(len(d.Keys)), "created key") + " too",
		Help:  "Otherwise, they keep working. If this key has leaked, delete them.",
	}
	if !(models.Challenge{}).WithDescendants(d.Key, d.Keys, now).IsNone() {
		check.Warning = "Some of these keys are in use. Anything using them will start failing right away."
	}
	return check
}
