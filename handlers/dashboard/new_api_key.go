package dashboard

import (
	"context"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/calendar"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/viewer"
)

// newAPIKey returns the key that a form describes, and the errors in the form. Dates are in the time
// zone of the viewer in ctx.
func newAPIKey(ctx context.Context, form apikeys.Form) (models.NewAPIKey, models.Fields) {
	wanted := models.NewAPIKey{Name: form.Name, Description: form.Description, Environment: form.Environment, RateLimit: numberOf(form.RateLimit), FormID: form.FormID}
	fields := models.Fields{}
	set, err := viewer.Of(ctx).Scopes.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be from the list"
	}
	wanted.Scopes, wanted.Allowlist = set, form.List(fields)
	if form.FormID == "" {
		fields["form_id"] = "is missing; reload the page and try again"
	}
	look := viewer.Of(ctx)
	expiresAt, message := expiryOf(form.Access, look.Now, look.Location)
	if message != "" {
		fields["expires_at"] = message
	}
	wanted.ExpiresAt = expiresAt
	return wanted, fields
}

// expiryOf returns the expiry selected in a form, nil for never, or an error message. A key that
// expires on a date works until the end of that day in the viewer's time zone.
func expiryOf(form apikeys.Access, now time.Time, location *time.Location) (*time.Time, string) {
	if form.Expiry == apikeys.ExpiryNever {
		return nil, ""
	}
	if form.Expiry == apikeys.ExpiryDate {
		date, err := calendar.Parse(form.ExpiryDate)
		if err != nil {
			return nil, "must be a date, such as " + calendar.Date(now, location).AddDate(0, 0, 90).Format(time.DateOnly)
		}
		return new(calendar.FirstMoment(date.AddDate(0, 0, 1), location)), ""
	}
	days, err := strconv.Atoi(form.Expiry)
	if err != nil || days < 1 || days > 3650 {
		return nil, "must be one of the options"
	}
	return new(now.Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)), ""
}
