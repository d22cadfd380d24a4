package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/scope"
)

// customScope is a scope of an operator.
type customScope struct {
	Number   int `gorm:"primaryKey;autoIncrement:false"` // as a scope.Scope
	Name     string
	Resource string // name of a scopeResource
	Label    string
	Help     string
	Warning  string
	Status   scope.Status
	Position int
}

// scopeResource is what the scopes of an operator give access to.
type scopeResource struct {
	Name     string `gorm:"primaryKey"`
	Label    string
	Position int
}

// scopeCatalog is the single row that every change to custom scopes updates.
type scopeCatalog struct {
	ID          int
	ChangeID    string
	HideBuiltin bool
}

func (scopeCatalog) TableName() string { return "scope_catalog" }

// loadedScopes is a catalog and the change that it was read after.
type loadedScopes struct {
	catalog  *scope.Catalog
	changeID string
}

// loadScopes reads the catalog of scopes, in one statement so that it is consistent.
func (s *Store) loadScopes(db *gorm.DB) error {
	var rows []struct {
		ChangeID      string
		HideBuiltin   bool
		ResourceLabel string
		Custom        customScope `gorm:"embedded"` // zero if there are no custom scopes
	}
	err := db.Raw(`SELECT c.change_id, c.hide_builtin, r.label AS resource_label, s.*
		FROM scope_catalog c LEFT JOIN scope_resources r ON true LEFT JOIN custom_scopes s ON s.resource = r.name
		ORDER BY r.position, r.name, s.position, s.number`).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("read scopes: %w", orMissing(err))
	}
	var resources []scope.Resource
	for _, row := range rows {
		c := row.Custom
		if c.Number == 0 {
			continue
		}
		if last := len(resources) - 1; last < 0 || resources[last].Name != c.Resource {
			resources = append(resources, scope.Resource{Name: c.Resource, Label: row.ResourceLabel})
		}
		of := &resources[len(resources)-1]
		of.Scopes = append(of.Scopes, scope.Definition{
			Scope: scope.Scope(c.Number), Name: c.Name, Label: c.Label, Help: c.Help, Warning: c.Warning, Status: c.Status,
		})
	}
	s.scopes.Store(&loadedScopes{scope.New(resources, rows[0].HideBuiltin), rows[0].ChangeID})
	return nil
}

// ScopeFile returns the custom scopes as a file that ApplyScopes accepts.
func (s *Store) ScopeFile() ScopeFile {
	catalog := s.Scopes()
	file := ScopeFile{HideBuiltin: catalog.HidesBuiltin(), Resources: []ScopeFileResource{}}
	for _, resource := range catalog.Resources(catalog.Known().Without(scope.All)) {
		r := ScopeFileResource{Name: resource.Name, Label: resource.Label}
		for _, d := range resource.Scopes {
			r.Scopes = append(r.Scopes, ScopeFileScope{Name: d.Name, Label: d.Label, Help: d.Help, Warning: d.Warning, Retired: d.Status == scope.Retired})
		}
		file.Resources = append(file.Resources, r)
	}
	return file
}

// ScopesApplied is what ApplyScopes or RetireScope changed, and how that took effect.
type ScopesApplied struct {
	Changes []ScopeChange
	Effect  Effect
}

// PlanScopes returns the changes that ApplyScopes would make, or its error.
func (s *Store) PlanScopes(ctx context.Context, file ScopeFile) (changes []ScopeChange, err error) {
	err = s.snapshot(ctx, func(tx *Store) error {
		plan, err := tx.planScopes(ctx, file)
		changes = plan.changes
		return err
	})
	return changes, err
}

// ApplyScopes replaces the custom scopes by those in a file from ParseScopeFile, and returns once the change
// is in effect on all nodes. A scope that a key holds can't be removed, only retired, unless the key is
// deleted. Then, or if there would be too many scopes, the error is a *MistakesError and nothing changes.
func (s *Store) ApplyScopes(ctx context.Context, file ScopeFile) (ScopesApplied, error) {
	return s.changeScopes(ctx, "scopes.applied", func(tx *Store) (scopePlan, error) { return tx.planScopes(ctx, file) })
}

// RetireScope keeps a custom scope from being given to keys, and returns once that is in effect on all nodes.
// Keys that hold the scope keep it. It returns NotFound if there is no such custom scope.
func (s *Store) RetireScope(ctx context.Context, name string) (ScopesApplied, error) {
	return s.changeScopes(ctx, "scopes.retired", func(tx *Store) (scopePlan, error) {
		if err := tx.loadScopes(tx.with(ctx)); err != nil {
			return scopePlan{}, err
		}
		file := tx.ScopeFile()
		for _, resource := range file.Resources {
			for i := range resource.Scopes {
				if s := &resource.Scopes[i]; s.Name == name {
					s.Retired = true
					return tx.planScopes(ctx, file)
				}
			}
		}
		return scopePlan{}, tx.errNoCustomScope(name)
	})
}

func (s *Store) errNoCustomScope(name string) error {
	catalog := s.Scopes()
	if _, builtin := scope.Builtin.Parse(name); builtin {
		return Errorf(FailedPrecondition, "Built-in scopes can't be retired. To hide them from forms, set hide_builtin in the file of scopes.")
	}
	if nearest := Nearest(name, catalog.Names(catalog.Known().Without(scope.All))); nearest != "" {
		return Errorf(NotFound, "There is no such custom scope. Did you mean %q?", nearest)
	}
	return Errorf(NotFound, "There is no such custom scope.")
}

// changeScopes makes a change to the custom scopes, and returns once it is in effect on all nodes, even if
// there was nothing to change: a concurrent call may just have made the change.
func (s *Store) changeScopes(ctx context.Context, action string, plan func(tx *Store) (scopePlan, error)) (applied ScopesApplied, err error) {
	applied.Effect, err = s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		// Keys can't get the scopes until the transaction ends; see requireActive.
		if err := tx.with(ctx).Model(&scopeCatalog{}).Where("id = 1").UpdateColumn("change_id", tx.id("chg")).Error; err != nil {
			return nil, fmt.Errorf("lock scopes: %w", err)
		}
		var locked []customScope
		if err := tx.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("number").Find(&locked).Error; err != nil {
			return nil, fmt.Errorf("lock scopes: %w", err)
		}
		p, err := plan(tx)
		if err != nil {
			return nil, err
		}
		if applied.Changes = p.changes; len(p.changes) == 0 {
			return nil, errNothingToChange
		}
		if err := tx.writeScopes(ctx, p); err != nil {
			return nil, err
		}
		return nil, tx.audit(ctx, "", action, target{"scopes", "1", "scopes"}, p.auditDetails())
	})
	if errors.Is(err, errNothingToChange) {
		applied.Effect, err = s.awaitEpoch(ctx)
	}
	if err != nil {
		return ScopesApplied{}, err
	}
	return applied, s.loadScopes(s.with(context.WithoutCancel(ctx)))
}

var errNothingToChange = errors.New("nothing to change")

// writeScopes carries out a plan.
func (s *Store) writeScopes(ctx context.Context, p scopePlan) error {
	all := clause.OnConflict{UpdateAll: true}
	keptResources, keptScopes := []string{""}, []int{0}
	for _, r := range p.resources {
		keptResources = append(keptResources, r.Name)
	}
	for _, c := range p.scopes {
		keptScopes = append(keptScopes, c.Number)
	}
	steps := []func(db *gorm.DB) *gorm.DB{
		func(db *gorm.DB) *gorm.DB { return db.Where("number NOT IN ?", keptScopes).Delete(&customScope{}) },
		func(db *gorm.DB) *gorm.DB { return db.Where("name NOT IN ?", keptResources).Delete(&scopeResource{}) },
		func(db *gorm.DB) *gorm.DB {
			return db.Model(&scopeCatalog{}).Where("id = 1").UpdateColumn("hide_builtin", p.hideBuiltin)
		},
	}
	if len(p.scopes) > 0 {
		steps = append(steps,
			func(db *gorm.DB) *gorm.DB { return db.Clauses(all).Create(&p.resources) },
			func(db *gorm.DB) *gorm.DB { return db.Clauses(all).Create(&p.scopes) })
	}
	for _, step := range steps {
		if err := step(s.with(ctx)).Error; err != nil {
			return fmt.Errorf("write scopes: %w", err)
		}
	}
	return nil
}

// KeysByScope returns, for each scope, the number of keys that hold it and aren't deleted.
func (s *Store) KeysByScope(ctx context.Context) (map[scope.Scope]int64, error) {
	uses, err := s.scopeHolders(ctx)
	return uses.live, err
}

// scopeHolders are the keys that hold scopes.
type scopeHolders struct {
	live      map[scope.Scope]int64 // keys that aren't deleted
	mentioned scope.Set             // in any row of api_keys
}

func (s *Store) scopeHolders(ctx context.Context) (scopeHolders, error) {
	holders := scopeHolders{live: map[scope.Scope]int64{}}
	var rows []struct {
		Scopes, NeededScopes scope.Set
		Live                 bool
		Keys                 int64
	}
	err := s.with(ctx).Raw(`SELECT scopes, needed_scopes, deleted_at IS NULL AS live, count(*) AS keys FROM api_keys
		GROUP BY scopes, needed_scopes, deleted_at IS NULL`).Scan(&rows).Error
	if err != nil {
		return holders, fmt.Errorf("count keys by scope: %w", err)
	}
	for _, row := range rows {
		holders.mentioned = holders.mentioned.With(row.Scopes).With(row.NeededScopes)
		if !row.Live {
			continue
		}
		for _, held := range row.Scopes.Scopes() {
			holders.live[held] += row.Keys
		}
	}
	return holders, nil
}

// requireActive returns an Invalid error if one of the scopes that a key is about to get isn't active in the
// database, and keeps them active until the transaction ends. Otherwise, a scope could be removed while a
// key gets it.
func (s *Store) requireActive(ctx context.Context, added scope.Set) error {
	added = added.Without(scope.All)
	if added.IsEmpty() {
		return nil
	}
	var numbers, active []int
	for _, each := range added.Scopes() {
		numbers = append(numbers, int(each))
	}
	err := s.with(ctx).Model(&customScope{}).Clauses(clause.Locking{Strength: "SHARE"}).
		Where("number IN ? AND status = ?", numbers, scope.Active).Pluck("number", &active).Error
	if err != nil {
		return fmt.Errorf("lock scopes: %w", err)
	}
	for _, number := range active {
		added = added.Without(scope.Of(scope.Scope(number)))
	}
	fields := Fields{}
	checkAdded(fields, added, s.Scopes())
	return fields.err()
}

// checkAdded adds an error if there are scopes that a key can't get.
func checkAdded(fields Fields, unavailable scope.Set, scopes *scope.Catalog) {
	if !unavailable.IsEmpty() {
		names := make([]string, 0, unavailable.Len())
		for _, s := range unavailable.Scopes() {
			names = append(names, scopes.Name(s))
		}
		fields.add("scopes", "can't include %s, which no key can get anymore", strings.Join(names, ", "))
	}
}

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

// ScopeChange is a change to a custom scope, to a resource, or to the setting hide_builtin.
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
