package apikeys

import (
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/ui"
)

// AccessFormOf is the form with the access that key has.
func AccessFormOf(key *models.APIKey) AccessForm {
	return AccessForm{
		Before: key.Scopes.String(),
		Access: Access{Scopes: key.Scopes.Names(), Expiry: ExpiryKeep},
	}
}

// chosenExpiry is the radio button that is on.
func (f AccessForm) chosenExpiry() string {
	if f.Expiry == "" {
		return ExpiryKeep
	}
	return f.Expiry
}

// expiryChoices are those of a new key, after that of keeping what the key has.
func (p AccessPage) expiryChoices(now time.Time, location *time.Location) []expiryChoice {
	keep := expiryChoice{Value: ExpiryKeep, Label: "As it is", Result: "No expiry"}
	if at := p.Key.ExpiresAt; at != nil {
		keep.Result = ui.Date(*at, location)
		if !now.Before(*at) {
			keep.Result = "Expired"
		}
	}
	choices := []expiryChoice{keep}
	for _, choice := range expiryChoices(now, location) {
		if choice.Value == ExpiryNever && p.Key.ExpiresAt == nil {
			continue // that is how it is
		}
		choices = append(choices, choice)
	}
	return choices
}

// change says what it means to tick or to untick the box of s.
func (p AccessPage) change(s scope.Scope) ui.Change {
	routes := p.needing(s)
	if !p.Key.Scopes.Has(s) {
		change := ui.Change{Checked: true, Label: "Added"}
		if len(routes) > 0 {
			change.Effect = "With it the key can call " + list(routes) + "."
		}
		return change
	}
	change := ui.Change{Label: "Removed"}
	if len(routes) > 0 {
		change.Effect = "Without it the key cannot call " + list(routes) + "."
	}
	for _, name := range routes {
		if name == p.Key.LastUsedRoute {
			change.Danger = "The key was last used for " + name + "."
		}
	}
	return change
}

// needing are the names of the routes that need s.
func (p AccessPage) needing(s scope.Scope) []string {
	var names []string
	for _, route := range p.Routes {
		if route.Scope == s.String() {
			names = append(names, route.Name)
		}
	}
	return names
}

// list writes several things in a row: "a", "a and b", "a, b and c".
func list(things []string) string {
	last := len(things) - 1
	if last < 1 {
		return strings.Join(things, "")
	}
	return strings.Join(things[:last], ", ") + " and " + things[last]
}
