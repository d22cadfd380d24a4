package apikeys

import (
	"cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// PresetUsed checks the scopes that recent requests have used.
const PresetUsed = "used"

// RotateForm is the form that creates the replacement of a key.
type RotateForm struct {
	FormID string `form:"form_id"`
	Access
}

// RotatePage is the form and what it is based on.
type RotatePage struct {
	Key  *models.APIKey
	Form RotateForm
	Uses usage.ScopeUses // of the last UsageDays
}

// unused returns the scopes that no request has used. It returns none if there were no requests.
func (p RotatePage) unused() []usage.ScopeUse {
	var unused []usage.ScopeUse
	for _, use := range p.Uses.Scopes {
		if use.Requests == 0 && p.Uses.Accepted > 0 {
			unused = append(unused, use)
		}
	}
	return unused
}

// isReduced reports whether the form leaves out all unused scopes.
func (p RotatePage) isReduced(scopes *scope.Catalog) bool {
	selected := p.Form.Selected(scopes)
	for _, use := range p.unused() {
		if selected.Has(use.Scope) {
			return false
		}
	}
	return true
}

// box returns the checkbox of a scope, with how often the scope was used.
func (p RotatePage) box(use usage.ScopeUse, scopes *scope.Catalog) ui.Check {
	check := ui.Check{
		Name: "scopes", Value: use.Name, Label: cmp.Or(use.Help, use.Name), Checked: p.Form.Selected(scopes).Has(use.Scope),
		Help: p.evidence(use), Warning: use.Warning, Change: ui.Change{Label: "Removed"},
	}
	if use.Requests > 0 {
		check.Change.Danger = "These requests will return 403 with the new key."
	}
	return check
}

// evidence returns how often a scope was used, such as "Used by 0 of 41,233 requests
// (members.write)".
func (p RotatePage) evidence(use usage.ScopeUse) string {
	if p.Uses.Accepted == 0 {
		return use.Name
	}
	return "Used by " + ui.Count(use.Requests) + " of " + ui.Plural(p.Uses.Accepted, "request") + " (" + use.Name + ")"
}

// expiryChoices returns the choices of a new key, preceded by one with the duration of the old key.
func (p RotatePage) expiryChoices(v viewer.Viewer) []ui.Choice {
	keep := ui.Choice{Value: ExpiryKeep, Label: "Same as now", Result: "No expiry"}
	if at := p.Key.RenewedExpiry(v.KeyPolicy(), v.Now); at != nil {
		keep.Label, keep.Result = "Same duration", ui.Date(*at, v.Location)
		if p.Key.ExpiresAt == nil || at.Sub(v.Now) < p.Key.ExpiresAt.Sub(p.Key.CreatedAt) {
			keep.Label = "Limited by policy"
		}
	}
	return keepOr(keep, p.Key, expiryChoices(v, v.Now))
}

func (f RotateForm) selectedExpiry() string {
	if f.Expiry == "" {
		return ExpiryKeep
	}
	return f.Expiry
}

// scopeNames returns the names of scopes.
func scopeNames(uses []usage.ScopeUse) []string {
	names := make([]string, len(uses))
	for i, use := range uses {
		names[i] = use.Name
	}
	return names
}

// next returns the URL of the page that follows: that of the key, or the rotation that it is part of.
func (p CreatedPage) next(in path.Workspace) string {
	if p.Key.ReplacesID != nil {
		return in.APIKeyRotation(*p.Key.ReplacesID)
	}
	return in.APIKey(p.Key.ID)
}

// LeaveOutUnused unchecks the unused scopes.
func (p *RotatePage) LeaveOutUnused(scopes *scope.Catalog) {
	selected := p.Form.Selected(scopes)
	for _, use := range p.unused() {
		selected = selected.Without(scope.Of(use.Scope))
	}
	p.Form.Scopes = scopes.Names(selected)
}
