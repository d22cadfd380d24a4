package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PresetUsed ticks the scopes that were needed lately.
const PresetUsed = "used"

// RotateForm asks for the successor of a key.
type RotateForm struct {
	FormID string `form:"form_id"`
	Access
}

// RotatePage asks before a key is rotated.
type RotatePage struct {
	Key  *models.APIKey
	Form RotateForm
	Uses models.ScopeUses // of the last UsageDays
}

// unused are the scopes of the key that no request needed, if there were requests to tell.
func (p RotatePage) unused() []models.ScopeUse {
	var unused []models.ScopeUse
	for _, use := range p.Uses.Scopes {
		if use.Requests == 0 && p.Uses.Accepted > 0 {
			unused = append(unused, use)
		}
	}
	return unused
}

// isLeftOut reports whether the form leaves out all that are unused.
func (p RotatePage) isLeftOut() bool {
	for _, use := range p.unused() {
		if p.Form.Chosen().Has(use.Scope) {
			return false
		}
	}
	return true
}

// box is the check box of a scope, with the evidence of its use.
func (p RotatePage) box(use models.ScopeUse) ui.Check {
	check := ui.Check{
		Name: "scopes", Value: use.Scope.String(), Label: use.Scope.Help(), Checked: p.Form.Chosen().Has(use.Scope),
		Help: p.evidence(use), Warning: use.Scope.Warning(), Change: ui.Change{Label: "Left out"},
	}
	if use.Requests > 0 {
		check.Change.Danger = "Such requests will be answered with 403 when they come with the new key."
	}
	return check
}

// evidence says how often a scope was needed: "0 of 41,233 requests needed members.write".
func (p RotatePage) evidence(use models.ScopeUse) string {
	if p.Uses.Accepted == 0 {
		return use.Scope.String()
	}
	needed := "request needed "
	if p.Uses.Accepted != 1 {
		needed = "requests needed "
	}
	return ui.Count(use.Requests) + " of " + ui.Count(p.Uses.Accepted) + " " + needed + use.Scope.String()
}

// expiryChoices are those of a new key, after that of living as long as the old one was to.
func (p RotatePage) expiryChoices(now time.Time, location *time.Location) []expiryChoice {
	keep := expiryChoice{Value: ExpiryKeep, Label: "As before", Result: "No expiry"}
	if at := p.Key.RenewedExpiry(now); at != nil {
		keep.Label, keep.Result = "As long again", ui.Date(*at, location)
	}
	choices := []expiryChoice{keep}
	for _, choice := range expiryChoices(now, location) {
		if choice.Value == ExpiryNever && p.Key.ExpiresAt == nil {
			continue // that is as before
		}
		choices = append(choices, choice)
	}
	return choices
}

// chosenExpiry is the radio button that is on.
func (f RotateForm) chosenExpiry() string {
	if f.Expiry == "" {
		return ExpiryKeep
	}
	return f.Expiry
}

// words are the words of scopes in use.
func words(uses []models.ScopeUse) []string {
	words := make([]string, len(uses))
	for i, use := range uses {
		words[i] = use.Scope.String()
	}
	return words
}

// next is where the page of a new key leads: to the list, or to the rotation that it is part of.
func (p CreatedPage) next() string {
	if p.Key.ReplacesID != nil {
		return path.APIKeyRotation(*p.Key.ReplacesID)
	}
	return path.APIKeys
}

// LeaveOutUnused unticks the scopes that no request needed.
func (p *RotatePage) LeaveOutUnused() {
	chosen := p.Form.Chosen()
	for _, use := range p.unused() {
		chosen = chosen.Without(scope.Of(use.Scope))
	}
	p.Form.Scopes = chosen.Names()
}
