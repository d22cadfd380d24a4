package apikeys

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/calendar"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
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

// FormLike returns the form for a new key like another one, which lasts as long as the other did from its
// creation.
func FormLike(key *models.APIKey, v viewer.Viewer) Form {
	form := Form{Name: copyName(key.Name), Description: key.Description, Environment: key.Environment, Access: Access{Scopes: v.Scopes.Names(key.Scopes), Expiry: ExpiryNever}}
	if key.ExpiresAt != nil {
		days := max(1, int(math.Round(key.ExpiresAt.Sub(key.CreatedAt).Hours()/24)))
		form.Expiry = strconv.Itoa(days)
		if !slices.Contains(ExpiryDays, days) {
			form.Expiry, form.ExpiryDate = ExpiryDate, calendar.Date(v.Now, v.Location).AddDate(0, 0, days).Format(time.DateOnly)
		}
	}
	return form
}

// copyName returns a name for a copy of a key, no longer than a name may be.
func copyName(name string) string {
	const suffix = " (copy)"
	runes := []rune(name)
	return strings.TrimSpace(string(runes[:min(len(runes), models.MaxName-len(suffix))])) + suffix
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
