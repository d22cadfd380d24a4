package apikeys

import (
	"fmt"
	"strconv"
	"time"

	"github.com/skipup/keys/models/calendar"
	"github.com/skipup/keys/views/ui"
)

// expiryChoices returns the choices for a new key, each with the resulting date.
func expiryChoices(now time.Time, location *time.Location) []ui.Choice {
	var choices []ui.Choice
	for _, days := range ExpiryDays {
		label := fmt.Sprintf("%d days", days)
		if days == 365 {
			label = "1 year"
		}
		until := ui.Date(now.Add(time.Duration(days)*24*time.Hour), location)
		choices = append(choices, ui.Choice{Value: strconv.Itoa(days), Label: label, Result: until})
	}
	return append(choices,
		ui.Choice{Value: ExpiryNever, Label: "Never", Result: "No expiry"},
		ui.Choice{Value: ExpiryDate, Label: "Custom date", Reveals: true},
	)
}

func (f Form) selectedExpiry() string {
	if f.Expiry == "" {
		return DefaultExpiry
	}
	return f.Expiry
}

// firstDay returns the earliest date that a date field offers.
func firstDay(now time.Time, location *time.Location) string {
	return calendar.Date(now, location).AddDate(0, 0, 1).Format(time.DateOnly)
}
