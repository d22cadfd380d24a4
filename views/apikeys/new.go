package apikeys

import (
	"fmt"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// expiryChoice is one of the radio buttons of the expiry.
type expiryChoice struct {
	Value, Label, Result string
}

// expiryChoices are the choices for a new key, each with the day that it results in.
func expiryChoices(now time.Time, location *time.Location) []expiryChoice {
	var choices []expiryChoice
	for _, days := range ExpiryDays {
		label := fmt.Sprintf("%d days", days)
		if days == 365 {
			label = "1 year"
		}
		until := ui.Date(now.In(location).AddDate(0, 0, days), location)
		choices = append(choices, expiryChoice{strconv.Itoa(days), label, until})
	}
	return append(choices,
		expiryChoice{ExpiryNever, "Never", "No expiry"},
		expiryChoice{ExpiryDate, "On a date", ""},
	)
}

// chosenExpiry is the radio button that is on.
func (f Form) chosenExpiry() string {
	if f.Expiry == "" {
		return DefaultExpiry
	}
	return f.Expiry
}

// copyLabel names a key in the list to copy from.
func copyLabel(key *models.APIKey) string {
	return key.Name + " (" + key.KeyPrefix + ")"
}

// firstDay is the earliest day that a date field offers.
func firstDay(now time.Time, location *time.Location) string {
	return now.In(location).AddDate(0, 0, 1).Format(time.DateOnly)
}
