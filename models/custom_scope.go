package models

import (
	"context"
	"errors"
	"fmt"
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
	KeyPrefix   string
}

func (scopeCatalog) TableName() string { return "scope_catalog" }

// loadedScopes is a catalog, and the change that it was read after.
type loadedScopes struct {
	catalog   *scope.Catalog
	keyPrefix string
	changeID  string
}

// loadScopes makes the catalog in the database the one that the Store uses. Don't call it in a transaction
// that may be rolled back.
func (s *Store) loadScopes(db *gorm.DB) error {
	s.loading.Lock() // so that an earlier read doesn't replace a later one
	defer s.loading.Unlock()
	read, err := readScopes(db)
	if err != nil {
		return err
	}
	s.scopes.Store(read)
	return nil
}

// readScopes reads the catalog of scopes, in one statement so that it is consistent.
func readScopes(db *gorm.DB) (*loadedScopes, error) {
	var rows []struct {
		ChangeID      string
		HideBuiltin   bool
		KeyPrefix     string
		ResourceLabel string
		Custom        customScope `gorm:"embedded"` // zero if there are no custom scopes
	}
	err := db.Raw(`SELECT c.change_id, c.hide_builtin, c.key_prefix, r.label AS resource_label, ` + columnsOf(customScope{}, "s") + `
		FROM scope_catalog c LEFT JOIN scope_resources r ON true LEFT JOIN custom_scopes s ON s.resource = r.name
		ORDER BY r.position, r.name, s.position, s.number`).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("read scopes: %w", orMissing(err))
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
	return &loadedScopes{scope.New(resources, rows[0].HideBuiltin), rows[0].KeyPrefix, rows[0].ChangeID}, nil
}

// ScopeFile returns the custom scopes as a file that ApplyScopes accepts.
func (s *Store) ScopeFile() ScopeFile { return scopeFileOf(s.scopes.Load()) }

func scopeFileOf(loaded *loadedScopes) ScopeFile {
	catalog := loaded.catalog
	file := ScopeFile{KeyPrefix: loaded.keyPrefix, HideBuiltin: catalog.HidesBuiltin(), Resources: []ScopeFileResource{}}
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
		read, err := readScopes(tx.with(ctx))
		if err != nil {
			return scopePlan{}, err
		}
		file := scopeFileOf(read)
		for _, resource := range file.Resources {
			for i := range resource.Scopes {
				if s := &resource.Scopes[i]; s.Name == name {
					s.Retired = true
					return tx.planScopes(ctx, file)
				}
			}
		}
		return scopePlan{}, errNoCustomScope(read.catalog, name)
	})
}

func errNoCustomScope(catalog *scope.Catalog, name string) error {
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
			return db.Model(&scopeCatalog{}).Where("id = 1").UpdateColumns(map[string]any{"hide_builtin": p.hideBuiltin, "key_prefix": p.keyPrefix})
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
