package apikeys

import (
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// AccessFormOf returns the form filled in with the access of a key.
func AccessFormOf(key *models.APIKey, scopes *scope.Catalog) AccessForm {
	return AccessForm{
		Before: key.Scopes.String(),
		Access: Access{Scopes: scopes.Names(key.Scopes), Expiry: ExpiryKeep},
	}
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
	routes := p.needing(s.Name)
	if !p.Key.Scopes.Has(s.Scope) {
		change := ui.Change{Checked: true, Label: "Added"}
		if len(routes) > 0 {
			change.Effect = "Allows " + list(routes) + "."
		}
		return change
	}
	change := ui.Change{Label: "Removed"}
	if len(routes) > 0 {
		change.Effect = "Blocks " + list(routes) + "."
	}
	for _, name := range routes {
		if name == p.Key.LastUsedRoute {
			change.Danger = "This key’s last request was " + name + "."
		}
	}
	return change
}

// needing returns the names of the routes that need a scope.
func (p AccessPage) needing(scopeName string) []string {
	var names []string
	for _, route := range p.Routes {
		if route.Scope == scopeName {
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
