package apikeys

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/calendar"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// expiryDays returns the lifetimes that a form offers, in days.
func expiryDays(policy models.KeyPolicy) []int {
	offered := slices.Clone(ExpiryDays)
	for _, days := range []int{policy.DefaultDays, policy.MaxDays} {
		if days > 0 {
			offered = append(offered, days)
		}
	}
	slices.Sort(offered)
	return slices.Compact(offered)
}

// expiryChoices returns the choices that a policy allows for a key created at a time, each with the resulting
// date.
func expiryChoices(v viewer.Viewer, createdAt time.Time) []ui.Choice {
	policy := v.KeyPolicy()
	latest := policy.LatestExpiry(createdAt)
	var choices []ui.Choice
	for _, days := range expiryDays(policy) {
		until := v.Now.Add(time.Duration(days) * 24 * time.Hour)
		if latest == nil || !until.After(*latest) {
			choices = append(choices, ui.Choice{Value: strconv.Itoa(days), Label: ui.Days(days), Result: ui.Date(until, v.Location)})
		}
	}
	if !policy.ExpiryRequired {
		choices = append(choices, ui.Choice{Value: ExpiryNever, Label: "Never", Result: "No expiry"})
	}
	return append(choices, ui.Choice{Value: ExpiryDate, Label: "Custom date", Reveals: true})
}

// policyNote returns what a policy says about the lifetimes of keys, or "".
func policyNote(policy models.KeyPolicy) string {
	switch {
	case policy.MaxDays > 0:
		return "Your workspace’s policy limits keys to " + ui.Days(policy.MaxDays) + "."
	case policy.ExpiryRequired:
		return "Your workspace’s policy requires an expiry."
	}
	return ""
}

// FormLike returns the form for a new key like another one, which lasts as long as the other did from its
// creation, or as long as the policy allows. It has the same owner if they are active.
func FormLike(key *models.APIKey, owner *models.Member, v viewer.Viewer) Form {
	form := Form{
		Name: copyName(key.Name), Description: key.Description, Environment: key.Environment, Allowlist: allowlist.FormOf(key.Allowlist),
		Access: Access{Scopes: v.Scopes.Names(key.Scopes.Without(v.Ungrantable())), Expiry: ExpiryNever, RateLimit: limitText(key.RateLimit)},
	}
	if owner != nil && owner.State() == models.MemberActive {
		form.OwnerID, form.Owner = owner.ID, owner
	}
	if expiresAt := key.RenewedExpiry(v.KeyPolicy(), v.Now); expiresAt != nil {
		days := max(1, int(math.Round(expiresAt.Sub(v.Now).Hours()/24)))
		form.Expiry = strconv.Itoa(days)
		if !slices.Contains(expiryDays(v.KeyPolicy()), days) {
			form.Expiry, form.ExpiryDate = ExpiryDate, calendar.Date(v.Now, v.Location).AddDate(0, 0, days).Format(time.DateOnly)
		}
	}
	return form
}

func (f Form) allowlistField(v viewer.Viewer) allowlist.Field {
	ofWorkspace := v.KeyPolicy().Allowlist
	return allowlist.Field{Allowlist: f.Allowlist, Errors: f.Errors, Legend: "IP allowlist", Default: &ofWorkspace, Warnings: f.Warnings}
}

// copyName returns a name for a copy of a key, no longer than a name may be.
func copyName(name string) string {
	const suffix = " (copy)"
	runes := []rune(name)
	return strings.TrimSpace(string(runes[:min(len(runes), models.MaxName-len(suffix))])) + suffix
}

func (f Form) selectedExpiry(policy models.KeyPolicy) string {
	switch {
	case f.Expiry != "":
		return f.Expiry
	case policy.DefaultDays > 0:
		return strconv.Itoa(policy.DefaultDays)
	}
	return DefaultExpiry
}

// firstDay returns the earliest date that a date field offers.
func firstDay(now time.Time, location *time.Location) string {
	return calendar.Date(now, location).AddDate(0, 0, 1).Format(time.DateOnly)
}
