package apikeys

import (
	"strconv"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// AccessFormOf returns the form filled in with the access of a key.
func AccessFormOf(key *models.APIKey, scopes *scope.Catalog) AccessForm {
	return AccessForm{
		Before: VersionOf(key), Allowlist: allowlist.FormOf(key.Allowlist),
		Access: Access{Scopes: scopes.Names(key.Scopes), Expiry: ExpiryKeep, RateLimit: limitText(key.RateLimit)},
	}
}

// VersionOf identifies what the form for the access of a key shows, except for the expiry, which it keeps.
func VersionOf(key *models.APIKey) string {
	version := key.Scopes.String() + "/" + strconv.Itoa(key.RateLimit)
	if key.Allowlist.Mode != models.AllowlistInherit {
		version += "/" + key.Allowlist.String()
	}
	return version
}

// allowlistField returns the field for the allowlist.
func (p AccessPage) allowlistField(v viewer.Viewer) allowlist.Field {
	ofWorkspace := v.KeyPolicy().Allowlist
	return allowlist.Field{
		Allowlist: p.Form.Allowlist, Errors: p.Form.Errors, Legend: "IP allowlist", Default: &ofWorkspace, Seen: len(p.Seen) > 0, Left: p.Left, Warnings: p.Warnings,
	}
}

// limitText returns a rate limit for a field, which is empty for the server's limit.
func limitText(limit int) string {
	if limit == 0 {
		return ""
	}
	return strconv.Itoa(limit)
}

// rateLimitHelp explains the field for the rate limit.
func rateLimitHelp(serverLimit int) string {
	help := "Optional. Maximum requests per minute. "
	if serverLimit == 0 {
		return help + "If empty, there’s no limit."
	}
	return help + "If empty, the server’s limit of " + ui.Count(int64(serverLimit)) + " applies."
}

// rateLimitText returns a rate limit in words.
func rateLimitText(limit int) string {
	if limit == 0 {
		return "No limit"
	}
	return ui.Plural(int64(limit), "request") + " per minute"
}

// busiestText says how a suggested rate limit follows from the busiest hour.
func busiestText(busiest models.BusiestHour, location *time.Location) string {
	return "Busiest hour in 30 days: " + ui.Plural(busiest.Requests, "request") + " from " + ui.Exact(busiest.StartsAt, location) +
		", " + ui.Count(busiest.PerMinute()) + " per minute on average. Minutes aren’t recorded, so the suggestion leaves room for bursts of " +
		strconv.Itoa(models.RateLimitRoom) + " times that."
}

func (f AccessForm) selectedExpiry() string {
	if f.Expiry == "" {
		return ExpiryKeep
	}
	return f.Expiry
}

// expiryChoices returns the choices of a new key, preceded by one that keeps the expiry.
func (p AccessPage) expiryChoices(v viewer.Viewer) []ui.Choice {
	keep := ui.Choice{Value: ExpiryKeep, Label: "Keep current", Result: "No expiry"}
	if at := p.Key.ExpiresAt; at != nil {
		keep.Result = ui.Date(*at, v.Location)
		if !v.Now.Before(*at) {
			keep.Result = "Expired"
		}
	}
	return keepOr(keep, p.Key, expiryChoices(v, p.Key.CreatedAt))
}

// keepOr returns keep and other choices. A key that never expires needs no second choice for that.
func keepOr(keep ui.Choice, key *models.APIKey, others []ui.Choice) []ui.Choice {
	choices := []ui.Choice{keep}
	for _, choice := range others {
		if choice.Value != ExpiryNever || key.ExpiresAt != nil {
			choices = append(choices, choice)
		}
	}
	return choices
}

// change describes what checking or unchecking the box of s changes.
func (p AccessPage) change(s scope.Definition) ui.Change {
	routes := p.needing(s.Scope)
	if !p.Key.Scopes.Has(s.Scope) {
		change := ui.Change{Checked: true, Label: "Added"}
		if len(routes) > 0 {
			change.Effect = "Allows " + list(unbroken(routes)) + "."
		}
		return change
	}
	change := ui.Change{Label: "Removed"}
	if len(routes) > 0 {
		change.Effect = "Blocks " + list(unbroken(routes)) + "."
	}
	for _, name := range routes {
		if name == p.Key.LastUsedRoute {
			change.Danger = "This key’s last request was " + ui.Unbroken(name) + "."
		}
	}
	return change
}

// unbroken returns routes whose methods and paths stay on one line.
func unbroken(routes []string) []string {
	kept := make([]string, len(routes))
	for i, route := range routes {
		kept[i] = ui.Unbroken(route)
	}
	return kept
}

// needing returns the names of the routes that need a scope and otherwise only scopes that the key has.
func (p AccessPage) needing(s scope.Scope) []string {
	with := p.Key.Scopes.With(scope.Of(s))
	var names []string
	for _, route := range p.Routes {
		if route.Scopes.Has(s) && with.Contains(route.Scopes) {
			names = append(names, route.Name)
		}
	}
	return names
}

// list joins things: "a", "a and b", "a, b, and c".
func list(things []string) string {
	if len(things) <= 2 {
		return strings.Join(things, " and ")
	}
	last := len(things) - 1
	return strings.Join(things[:last], ", ") + ", and " + things[last]
}
