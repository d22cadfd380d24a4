// Package policy renders Settings > Policy.
package policy

import (
	"strconv"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/ui"
)

// Choices of Form.Lifetime.
const (
	LifetimeAny     = "any"     // keys may never expire
	LifetimeExpires = "expires" // keys must expire
	LifetimeLimited = "limited" // keys must expire within Form.MaxDays
)

// Form is the form that changes the policy. Numbers of days are as entered.
type Form struct {
	Lifetime         string `form:"lifetime"`
	MaxDays          string `form:"max_days"`
	DefaultDays      string `form:"default_days"`
	ReviewUnusedDays string `form:"review_unused_days"`
	ReviewIdleDays   string `form:"review_idle_days"`
	ReviewOldDays    string `form:"review_old_days"`

	SecondFactorRequired bool `form:"second_factor_required"`
	SingleSignOnRequired bool `form:"single_sign_on_required"`
	allowlist.Allowlist
}

// FormOf returns the form filled in with a policy.
func FormOf(p models.KeyPolicy) Form {
	form := Form{
		Lifetime: LifetimeAny, MaxDays: optional(p.MaxDays), DefaultDays: optional(p.DefaultDays),
		ReviewUnusedDays: optional(p.ReviewUnusedDays), ReviewIdleDays: optional(p.ReviewIdleDays), ReviewOldDays: optional(p.ReviewOldDays),
		SecondFactorRequired: p.SecondFactorRequired, SingleSignOnRequired: p.SingleSignOnRequired,
		Allowlist: allowlist.FormOf(p.Allowlist),
	}
	switch {
	case p.MaxDays > 0:
		form.Lifetime = LifetimeLimited
	case p.ExpiryRequired:
		form.Lifetime = LifetimeExpires
	}
	return form
}

// optional returns a number, or nothing for zero.
func optional(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Page is the data of the page.
type Page struct {
	Form     Form
	Over     int64 // number of keys that expire later than the policy allows
	Warnings allowlist.Warnings
	Errors   models.Fields
	Message  string // an error that concerns no single field
}

var lifetimes = []ui.Choice{
	{Value: LifetimeAny, Label: "Optional", Help: "Keys can have any expiry, or none."},
	{Value: LifetimeExpires, Label: "Required", Help: "Keys must have an expiry."},
	{Value: LifetimeLimited, Label: "Limited", Help: "Keys must expire within a number of days.", Reveals: true},
}

// days returns a field for a number of days.
func (p Page) days(name, label, value, help string) ui.Field {
	return ui.Field{
		Name: name, Label: label, Value: value, Help: help, Error: p.Errors.Sentence(name, label), Autocomplete: "off",
		Autofocus: p.Errors[name] != "", Attributes: map[string]any{"inputmode": "numeric"},
	}
}

// keysOver returns how many keys are over the limit.
func (p Page) keysOver() string {
	if p.Over == 1 {
		return "1 key expires"
	}
	return ui.Plural(p.Over, "key") + " expire"
}

// expiryRule returns whether keys must expire, and when.
func expiryRule(f Form) string {
	if f.Lifetime == LifetimeLimited {
		return "Within " + daysOr(f.MaxDays, "")
	}
	for _, choice := range lifetimes {
		if choice.Value == f.Lifetime {
			return choice.Label
		}
	}
	return ""
}

// daysOr returns a number of days in words, or none if there is no number.
func daysOr(number, none string) string {
	days, err := strconv.Atoi(number)
	if err != nil {
		return none
	}
	return ui.Days(days)
}
