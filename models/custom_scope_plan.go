package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// ScopeChangeKind is the kind of a ScopeChange.
type ScopeChangeKind string

// The kinds of changes.
const (
	ScopeAdded       ScopeChangeKind = "added"
	ScopeChanged     ScopeChangeKind = "changed"
	ScopeRetired     ScopeChangeKind = "retired"
	ScopeReactivated ScopeChangeKind = "reactivated"
	ScopeRemoved     ScopeChangeKind = "removed"
)

// ScopeChange is a change to a custom scope, to a resource, or to the setting hide_builtin or key_prefix.
type ScopeChange struct {
	Kind    ScopeChangeKind `json:"kind"`
	Name    string          `json:"name"`
	Details []string        `json:"details"` // what changes; empty for a scope that is removed
}

// scopePlan is the content of the tables after a change.
type scopePlan struct {
	changes     []ScopeChange
	resources   []scopeResource
	scopes      []customScope
	hideBuiltin bool
	keyPrefix   string
}

// auditDetails returns the names of what changes, by the kind of the change.
func (p scopePlan) auditDetails() map[string]string {
	names := map[ScopeChangeKind][]string{}
	for _, change := range p.changes {
		names[change.Kind] = append(names[change.Kind], change.Name)
	}
	details := map[string]string{}
	for kind, of := range names {
		details[string(kind)] = strings.Join(of, " ")
	}
	return details
}

// scopePlanner compares the tables with a file.
type scopePlanner struct {
	scopePlan
	mistakes  []Mistake
	before    map[string]customScope
	resources map[string]scopeResource // before
	holders   scopeHolders
	used      scope.Set // numbers that no new scope can get, including those of scopes removed by this change
}

// planScopes returns the plan for a file, or a *MistakesError.
func (s *Store) planScopes(ctx context.Context, file ScopeFile) (scopePlan, error) {
	var catalog scopeCatalog
	var resources []scopeResource
	var scopes []customScope
	for _, err := range []error{
		s.with(ctx).Take(&catalog).Error,
		s.with(ctx).Order("position").Find(&resources).Error,
		s.with(ctx).Order("position").Find(&scopes).Error,
	} {
		if err != nil {
			return scopePlan{}, fmt.Errorf("read scopes: %w", err)
		}
	}
	holders, err := s.scopeHolders(ctx)
	if err != nil {
		return scopePlan{}, err
	}
	p := &scopePlanner{before: map[string]customScope{}, resources: map[string]scopeResource{}, holders: holders, used: scope.All.With(holders.mentioned)}
	for _, r := range resources {
		p.resources[r.Name] = r
	}
	for _, c := range scopes {
		p.before[c.Name] = c
	}
	file.KeyPrefix = cmp.Or(file.KeyPrefix, token.DefaultPrefix)
	p.plan(file, catalog, scopes)
	if len(p.mistakes) > 0 {
		return scopePlan{}, &MistakesError{p.mistakes}
	}
	return p.scopePlan, nil
}

func (p *scopePlanner) plan(file ScopeFile, catalog scopeCatalog, scopes []customScope) {
	kept := map[string]bool{}
	for _, resource := range file.Resources {
		for _, s := range resource.Scopes {
			kept[s.Name] = true
		}
	}
	var removed []customScope // still mentioned by rows of keys
	for _, c := range scopes {
		p.used = p.used.With(scope.Of(scope.Scope(c.Number)))
		if !kept[c.Name] && p.remove(c) {
			removed = append(removed, c)
		}
	}
	for i, resource := range file.Resources {
		p.resource(i, resource)
	}
	p.keepRemoved(removed)
	if p.keyPrefix = file.KeyPrefix; p.keyPrefix != catalog.KeyPrefix {
		p.changed("key_prefix", []string{difference("new keys begin with", catalog.KeyPrefix, p.keyPrefix)})
	}
	if p.hideBuiltin = file.HideBuiltin; p.hideBuiltin != catalog.HideBuiltin {
		p.changed("hide_builtin", []string{fmt.Sprintf("%t → %t", catalog.HideBuiltin, file.HideBuiltin)})
	}
	if !slices.Equal(p.order(scopes, kept), p.order(p.scopes, kept)) {
		p.changed("resources", []string{"order of scopes"})
	}
}

// order returns the names of those scopes that there were before and that are kept.
func (p *scopePlanner) order(scopes []customScope, kept map[string]bool) []string {
	var names []string
	for _, c := range scopes {
		if before, existed := p.before[c.Name]; existed && before.Status != scope.Removed && kept[c.Name] {
			names = append(names, c.Name)
		}
	}
	return names
}

// remove plans the removal of a scope, and reports whether its row must be kept.
func (p *scopePlanner) remove(c customScope) (mustKeep bool) {
	number := scope.Scope(c.Number)
	if n := p.holders.live[number]; n > 0 {
		keys := fmt.Sprintf("%d API keys hold it", n)
		if n == 1 {
			keys = "1 API key holds it"
		}
		p.mistakes = append(p.mistakes, Mistake{Message: fmt.Sprintf("can't remove %q, because %s; keep it in the file with \"retired: true\"", c.Name, keys)})
		return true
	}
	if c.Status != scope.Removed {
		p.changes = append(p.changes, ScopeChange{Kind: ScopeRemoved, Name: c.Name, Details: []string{}})
	}
	return p.holders.mentioned.Has(number)
}

// keepRemoved keeps the rows of removed scopes, after all others.
func (p *scopePlanner) keepRemoved(removed []customScope) {
	for _, c := range removed {
		c.Status, c.Position = scope.Removed, len(p.scopes)
		p.scopes = append(p.scopes, c)
		if !slices.ContainsFunc(p.scopePlan.resources, func(r scopeResource) bool { return r.Name == c.Resource }) {
			r := p.resources[c.Resource]
			r.Position = len(p.scopePlan.resources)
			p.scopePlan.resources = append(p.scopePlan.resources, r)
		}
	}
}

func (p *scopePlanner) resource(position int, of ScopeFileResource) {
	before, existed := p.resources[of.Name]
	p.scopePlan.resources = append(p.scopePlan.resources, scopeResource{of.Name, of.Label, position})
	if existed && before.Label != of.Label {
		p.changed(of.Name, []string{difference("label", before.Label, of.Label)})
	}
	for _, s := range of.Scopes {
		p.scope(of.Name, s)
	}
}

func (p *scopePlanner) scope(resource string, s ScopeFileScope) {
	c := customScope{
		Name: s.Name, Resource: resource, Label: s.Label, Help: s.Help, Warning: s.Warning, Status: scope.Active, Position: len(p.scopes),
	}
	if s.Retired {
		c.Status = scope.Retired
	}
	before, existed := p.before[s.Name]
	if existed {
		c.Number = before.Number
	} else if c.Number = p.free(s); c.Number == 0 {
		return
	}
	p.scopes = append(p.scopes, c)
	if !existed || before.Status == scope.Removed {
		details := []string{s.Label}
		if s.Help != "" {
			details[0] += ": " + s.Help
		}
		if s.Retired {
			details = append(details, "retired")
		}
		p.changes = append(p.changes, ScopeChange{ScopeAdded, s.Name, details})
		return
	}
	p.compare(before, c)
}

// compare adds the changes to a scope that exists.
func (p *scopePlanner) compare(before, after customScope) {
	var details []string
	for _, text := range []struct{ name, before, after string }{
		{"label", before.Label, after.Label}, {"help", before.Help, after.Help}, {"warning", before.Warning, after.Warning},
	} {
		if text.before != text.after {
			details = append(details, difference(text.name, text.before, text.after))
		}
	}
	if len(details) > 0 {
		p.changed(after.Name, details)
	}
	if before.Status != after.Status {
		kind, keys := ScopeReactivated, []string{}
		if after.Status == scope.Retired {
			kind = ScopeRetired
			keys = append(keys, fmt.Sprintf("keys that keep it: %d", p.holders.live[scope.Scope(after.Number)]))
		}
		p.changes = append(p.changes, ScopeChange{kind, after.Name, keys})
	}
}

// free returns the lowest number that a new scope can get, or 0 if there is none.
func (p *scopePlanner) free(s ScopeFileScope) int {
	for number := scope.FirstCustom; number < scope.Max; number++ {
		if !p.used.Has(number) {
			p.used = p.used.With(scope.Of(number))
			return int(number)
		}
	}
	p.mistakes = append(p.mistakes, Mistake{s.line, fmt.Sprintf(
		"no room for %q: there can be at most %d custom scopes, including those that this change removes and those that only deleted API keys hold", s.Name, scope.MaxCustom)})
	return 0
}

func (p *scopePlanner) changed(name string, details []string) {
	p.changes = append(p.changes, ScopeChange{ScopeChanged, name, details})
}

func difference(name, before, after string) string {
	return fmt.Sprintf("%s: %q → %q", name, before, after)
}
