package dashboard

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/calendar"
)

// datesIn returns when the first of two dates begins and the last one ends in a time zone. Either may be
// empty. It adds what is wrong with them to errors, as "from" and "to".
func datesIn(errors models.Fields, from, to string, location *time.Location) (start, end *time.Time) {
	first, last := dateOf(errors, "from", from), dateOf(errors, "to", to)
	if first != nil {
		start = new(calendar.FirstMoment(*first, location))
	}
	if last != nil {
		end = new(calendar.FirstMoment(last.AddDate(0, 0, 1), location))
	}
	if first != nil && last != nil && last.Before(*first) {
		errors["to"] = "can’t be before the start date"
	}
	return start, end
}

// dateOf returns a date. For an invalid date it returns nil and adds to errors.
func dateOf(errors models.Fields, name, text string) *time.Time {
	if text == "" {
		return nil
	}
	date, err := calendar.Parse(text)
	if err != nil {
		errors[name] = "must be a valid date"
		return nil
	}
	return &date
}
