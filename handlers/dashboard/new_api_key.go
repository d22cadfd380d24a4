package dashboard

import (
	"context"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/viewer"
)

// newAPIKey is what the form asks for, with complaints about what it cannot mean. Its dates
// are those of whoever looks at it in ctx.
func newAPIKey(ctx context.Context, form apikeys.Form) (models.NewAPIKey, models.Fields) {
	wanted := models.NewAPIKey{Name: form.Name, Description: form.Description, FormID: form.FormID}
	fields := models.Fields{}
	set, err := scope.ParseSet(form.Scopes)
	if err != nil {
		fields["scopes"] = "must be scopes of the list"
	}
	wanted.Scopes = set
	if form.FormID == "" {
		fields["form_id"] = "is missing; reload the page and try again"
	}
	look := viewer.Of(ctx)
	expiresAt, complaint := expiryOf(form.Access, look.Now, look.Location)
	if complaint != "" {
		fields["expires_at"] = complaint
	}
	wanted.ExpiresAt = expiresAt
	return wanted, fields
}

// expiryOf is the moment that the form asks for, nil for never, or a complaint. A key that
// expires on a day still works on that day, as the viewer's clock has it.
func expiryOf(form apikeys.Access, now time.Time, location *time.Location) (*time.Time, string) {
	if form.Expiry == apikeys.ExpiryNever {
		return nil, ""
	}
	if form.Expiry == apikeys.ExpiryDate {
		day, err := time.ParseInLocation(time.DateOnly, form.ExpiryDate, location)
		if err != nil {
			return nil, "must be a date, such as " + now.In(location).AddDate(0, 0, 90).Format(time.DateOnly)
		}
		end := day.AddDate(0, 0, 1)
		return &end, ""
	}
	days, err := strconv.Atoi(form.Expiry)
	if err != nil || days < 1 || days > 3650 {
		return nil, "must be one of the choices"
	}
	at := now.Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)
	return &at, ""
}
