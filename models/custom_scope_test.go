package models_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// shopFile has two custom resources.
const shopFile = `
resources:
  - name: orders
    label: Orders
    scopes:
      - name: orders.read
        help: List and view orders
      - name: orders.refund
        warning: This scope can move money.
  - name: invoices
    label: Invoices
    scopes:
      - name: invoices.read
`

func scopeFile(t *testing.T, text string) models.ScopeFile {
	t.Helper()
	file, err := models.ParseScopeFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// apply applies a file of scopes and returns its changes, such as "added orders.read".
func (s fixture) apply(t *testing.T, text string) []string {
	t.Helper()
	applied, err := s.ApplyScopes(s.ctx, scopeFile(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return changeNames(applied.Changes)
}

func changeNames(changes []models.ScopeChange) []string {
	var names []string
	for _, c := range changes {
		names = append(names, string(c.Kind)+" "+c.Name)
	}
	return names
}

// scopeNamed returns the scope with a name.
func (s fixture) scopeNamed(t *testing.T, name string) scope.Scope {
	t.Helper()
	found, known := s.Scopes().Parse(name)
	if !known {
		t.Fatalf("scope %q is unknown", name)
	}
	return found
}

func TestApplyScopes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		plan, err := s.PlanScopes(s.ctx, scopeFile(t, shopFile))
		if err != nil {
			t.Fatal(err)
		}
		added := []string{"added orders.read", "added orders.refund", "added invoices.read"}
		modelstest.Equal(t, "plan", changeNames(plan), added)
		modelstest.Equal(t, "custom resources after a plan", len(s.Scopes().Custom()), 0)
		modelstest.Equal(t, "changes", s.apply(t, shopFile), added)
		modelstest.Equal(t, "changes of the same file", s.apply(t, shopFile), nil)
		want := []scope.Resource{
			{Name: "orders", Label: "Orders", Scopes: []scope.Definition{
				{Scope: 10, Name: "orders.read", Label: "Read", Help: "List and view orders", Status: scope.Active},
				{Scope: 11, Name: "orders.refund", Label: "Refund", Warning: "This scope can move money.", Status: scope.Active},
			}},
			{Name: "invoices", Label: "Invoices", Scopes: []scope.Definition{{Scope: 12, Name: "invoices.read", Label: "Read", Status: scope.Active}}},
		}
		if diff := cmp.Diff(want, s.Scopes().Custom()); diff != "" {
			t.Errorf("custom resources (-want +got):\n%s", diff)
		}
		again, err := s.PlanScopes(s.ctx, s.ScopeFile())
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "changes of the exported file", changeNames(again), nil)

		modelstest.Equal(t, "changes of another file", s.apply(t, `
hide_builtin: true
resources:
  - name: invoices
    label: Bills
    scopes:
      - name: invoices.read
        help: List invoices
  - name: orders
    label: Orders
    scopes:
      - name: orders.export
      - name: orders.read
        help: List and view orders
        retired: true
`), []string{
			"removed orders.refund", "changed invoices", "changed invoices.read", "added orders.export", "retired orders.read", "changed hide_builtin", "changed resources",
		})
		modelstest.Equal(t, "scopes offered", s.Scopes().Text(s.Scopes().Offered()), "invoices.read orders.export")
		modelstest.Equal(t, "retired scopes", s.Scopes().Text(s.Scopes().Retired()), "orders.read")
		modelstest.Equal(t, "number of invoices.read", s.scopeNamed(t, "invoices.read"), 12)
		if exported := s.scopeNamed(t, "orders.export"); exported <= 12 {
			t.Errorf("number of orders.export = %d, want one that no scope had", exported)
		}
		modelstest.Equal(t, "changes that reactivate", s.apply(t, shopFile), []string{
			"removed orders.export", "reactivated orders.read", "added orders.refund", "changed invoices", "changed invoices.read", "changed hide_builtin", "changed resources",
		})
		modelstest.Equal(t, "changes that remove everything", s.apply(t, "resources: []"),
			[]string{"removed orders.read", "removed orders.refund", "removed invoices.read"})
		modelstest.Equal(t, "custom resources", len(s.Scopes().Custom()), 0)
	})
}

// When ApplyScopes has returned, every node has the catalog.
func TestScopesAreInEffectOnAllNodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "UPDATE revocation SET node_lease_ms = 60000, node_wait_ms = 60000")
		other := fixture{Store: s.Another(t), id: s.id, admin: s.admin, ctx: s.ctx}
		other.confirm(t, other.silentNode(t, "web-2"))
		applied, err := s.ApplyScopes(s.ctx, scopeFile(t, shopFile))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "nodes that confirmed", applied.Effect.Nodes, new(1))
		modelstest.Equal(t, "active scopes of the other node", other.Scopes().Text(other.Scopes().Active().Without(scope.All)), "orders.read orders.refund invoices.read")
		if _, err := s.RetireScope(s.ctx, "orders.refund"); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "retired scopes of the other node", other.Scopes().Text(other.Scopes().Retired()), "orders.refund")
	})
}

func TestHeldScopesCannotBeRemoved(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, shopFile)
		held := scope.Of(s.scopeNamed(t, "orders.refund"), s.scopeNamed(t, "invoices.read"))
		first, second := s.keyOf(t, models.NewAPIKey{Name: "First", Scopes: held}), s.keyOf(t, models.NewAPIKey{Name: "Second", Scopes: held})
		expired := s.keyThatExpires(t, "Expired", s.Now())
		s.Exec(t, "UPDATE api_keys SET scopes = '10' WHERE id = $1", expired.ID)
		_, err := s.ApplyScopes(s.ctx, scopeFile(t, "resources: []"))
		mistakes := new(models.MistakesError)
		if !errors.As(err, &mistakes) {
			t.Fatalf("error = %v, want a MistakesError", err)
		}
		if diff := cmp.Diff([]models.Mistake{
			{Message: `can't remove "orders.read", because 1 API key holds it; keep it in the file with "retired: true"`},
			{Message: `can't remove "orders.refund", because 2 API keys hold it; keep it in the file with "retired: true"`},
			{Message: `can't remove "invoices.read", because 2 API keys hold it; keep it in the file with "retired: true"`},
		}, mistakes.Mistakes); diff != "" {
			t.Errorf("mistakes (-want +got):\n%s", diff)
		}
		modelstest.Equal(t, "changes after the rejection", s.apply(t, shopFile), nil)

		// A deleted key keeps the names of its scopes, and no other scope gets their numbers.
		for _, key := range []*models.APIKey{first, second, expired} {
			s.delete(t, key)
		}
		s.apply(t, "resources: []")
		modelstest.Equal(t, "names of the scopes of a deleted key", s.Scopes().Text(held), "orders.refund invoices.read")
		if _, known := s.Scopes().Parse("orders.refund"); known {
			t.Error("a removed scope is still known")
		}
		s.apply(t, "resources: [{name: cats, label: Cats, scopes: [{name: cats.pet}]}]")
		if pet := s.scopeNamed(t, "cats.pet"); held.Has(pet) || pet == 10 {
			t.Errorf("number of a new scope = %d, which a deleted key has", pet)
		}
		s.apply(t, shopFile)
		modelstest.Equal(t, "number of a scope that was added again", held.Has(s.scopeNamed(t, "orders.refund")), true)
	})
}

func TestRetiredScopesAreOnlyKept(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, shopFile)
		refund := scope.Of(s.scopeNamed(t, "orders.refund"))
		holder := s.keyOf(t, models.NewAPIKey{Name: "Holder", Scopes: refund})
		other := s.key(t, "Other")
		applied, err := s.RetireScope(s.ctx, "orders.refund")
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "changes", applied.Changes, []models.ScopeChange{{Kind: models.ScopeRetired, Name: "orders.refund", Details: []string{"keys that keep it: 1"}}})
		again, err := s.RetireScope(s.ctx, "orders.refund")
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "changes when it is retired again", again.Changes, nil)

		_, _, err = s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "New", Scopes: refund})
		wantFields(t, err, "scopes")
		_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, other.ID, other.Access(), models.KeyAccess{Scopes: other.Scopes.With(refund)})
		wantFields(t, err, "scopes")
		kept := models.KeyAccess{Scopes: refund.With(scope.Of(scope.SeatsRead))}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, holder.ID, holder.Access(), kept); err != nil {
			t.Errorf("change of a key that keeps the scope: %v", err)
		}
		next, _, err := s.RotateAPIKey(s.ctx, s.id, holder.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "scopes of the replacement", next.Scopes, kept.Scopes)
		review, err := s.ReviewAPIKeys(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "keys to review", review.Counts[models.FindRetired], 2)
		list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{Finding: models.FindRetired, PageNumber: 1, PageSize: 10})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "keys with the finding", list.Matching, 2)
		for name, kind := range map[string]models.Kind{"orders.fly": models.NotFound, "seats.read": models.FailedPrecondition} {
			_, err := s.RetireScope(s.ctx, name)
			wantKind(t, err, kind)
		}
	})
}

// A node that hasn't read the change yet must not give a removed or retired scope to a key.
func TestNodesBehindCannotGrantRemovedScopes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, shopFile)
		behind := fixture{Store: s.Another(t), id: s.id, admin: s.admin, ctx: s.ctx}
		if _, err := behind.Migrate(s.ctx); err != nil { // loads the scopes
			t.Fatal(err)
		}
		read, refund := scope.Of(behind.scopeNamed(t, "invoices.read")), scope.Of(behind.scopeNamed(t, "orders.refund"))
		key := behind.key(t, "CI")
		s.apply(t, "resources: [{name: orders, label: Orders, scopes: [{name: orders.read}, {name: orders.refund, retired: true}]}]")
		for name, set := range map[string]scope.Set{"removed": read, "retired": refund} {
			_, _, err := behind.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: name, Scopes: set})
			wantFields(t, err, "scopes")
			_, err = behind.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, key.Access(), models.KeyAccess{Scopes: set})
			wantFields(t, err, "scopes")
		}
	})
}

// Either the scope is removed and no key gets it, or a key gets it and it stays.
func TestScopesAreNotRemovedWhileKeysGetThem(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 5 {
			s.apply(t, shopFile)
			wanted := models.NewAPIKey{Name: "CI", Scopes: scope.Of(s.scopeNamed(t, "orders.read"))}
			var workers sync.WaitGroup
			var created, removed error
			workers.Go(func() { _, _, created = s.CreateAPIKey(s.ctx, s.id, wanted) })
			workers.Go(func() { _, removed = s.ApplyScopes(s.ctx, scopeFile(t, "resources: []")) })
			workers.Wait()
			if (created == nil) == (removed == nil) {
				t.Fatalf("creation: %v, removal: %v; want exactly one error", created, removed)
			}
			list, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{})
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range list.Items {
				s.delete(t, &key)
			}
		}
	})
}

func TestAsManyScopesAsFit(t *testing.T) {
	file := func(scopes int) string {
		var text strings.Builder
		text.WriteString("resources: [{name: many, label: Many, scopes: [")
		for i := range scopes {
			fmt.Fprintf(&text, "{name: many.a%d}, ", i)
		}
		return text.String() + "]}]"
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, file(scope.MaxCustom))
		last := s.scopeNamed(t, fmt.Sprintf("many.a%d", scope.MaxCustom-1))
		modelstest.Equal(t, "highest number", last, scope.Scope(scope.Max-1))
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: s.Scopes().Active()})
		stored, err := s.APIKey(s.ctx, s.id, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "scopes of a key with all", stored.Scopes.Len(), scope.Max)
		modelstest.Equal(t, "names", stored.Wire(s.Scopes(), s.Clock.Now()).Scopes[scope.Max-1], "many.a117")
	})
	_, err := models.ParseScopeFile([]byte(file(scope.MaxCustom + 1)))
	if want := "line 1: the file has 119 scopes; there can be at most 118 custom scopes"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}

func TestScopeFileReportsAllMistakes(t *testing.T) {
	tests := map[string]struct {
		file     string
		mistakes []string
	}{
		"empty":          {"", []string{`the file is empty; write "resources: []" to remove all custom scopes`}},
		"syntax":         {"a: [\n", []string{"line 1: invalid YAML: did not find expected node content"}},
		"a list":         {"- a", []string{"line 1: the file must have the fields resources, hide_builtin, key_prefix"}},
		"no list":        {"resources: a", []string{"line 1: resources must be a list"}},
		"two documents":  {"resources: []\n---\nresources: []\n", []string{"line 2: the file must have only one document"}},
		"nothing to see": {"resources: []\nhide_builtin: true", []string{"line 2: hide_builtin needs a custom scope that isn't retired; otherwise, forms would offer no scopes"}},
		"not a prefix":   {"resources: []\nkey_prefix: Acme_", []string{`line 2: "Acme_" can't be the prefix of API keys; use 2 to 20 lowercase letters and digits, starting with a letter`}},
		"long prefix":    {"resources: []\nkey_prefix: a23456789012345678901", []string{"line 2: key_prefix must be 20 characters or fewer (you have 21)"}},
		"empty prefix":   {"resources: []\nkey_prefix: ''", []string{"line 2: key_prefix is required"}},
		"not a flag":     {"resources: []\nhide_builtin: 1", []string{"line 2: hide_builtin must be true or false"}},
		"an alias": {"resources:\n  - &a {name: a, label: A, scopes: [{name: a.b}]}\n  - *a\n",
			[]string{"line 3: a resource must have the fields name, label, scopes"}},
		"many": {`hide_bultin: true
resources:
  - name: orders
    label: 7
    scopes:
      - name: Orders.read
      - name: orders.read
        halp: x
      - name: orders.read
      - name: seats.read
        help: |
          two
          lines
      - name: orders.` + strings.Repeat("a", 60) + `
      - {}
  - name: members
    label: Members
    scopes: []
  - name: orders
    label: "zero\u200bwidth"
    scopes: [{name: orders.write, name: orders.write}]
  - orders
`, []string{
			`line 1: unknown field "hide_bultin"; did you mean "hide_builtin"?`,
			`line 4: label must be text; put it in quotes`,
			`line 6: "Orders.read" can't name a scope; write the resource, a dot, and an action, such as "orders.read"`,
			`line 8: unknown field "halp"; did you mean "help"?`,
			`line 9: the scope "orders.read" is already in line 7`,
			`line 10: the name of "seats.read" must begin with its resource: "orders."`,
			`line 11: help must be a single line of text`,
			`line 14: name must be 64 characters or fewer (you have 67)`,
			`line 15: a scope needs the field "name"`,
			`line 16: "members" is a built-in resource; choose another name`,
			`line 18: a resource must have a scope`,
			`line 19: the resource "orders" is already in line 3`,
			`line 20: label must not contain invisible characters`,
			`line 21: "name" is given twice`,
			`line 22: a resource must have the fields name, label, scopes`,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := models.ParseScopeFile([]byte(tt.file))
			mistakes := new(models.MistakesError)
			if !errors.As(err, &mistakes) {
				t.Fatalf("error = %v, want a MistakesError", err)
			}
			var got []string
			for _, m := range mistakes.Mistakes {
				text := (&models.MistakesError{Mistakes: []models.Mistake{m}}).Error()
				got = append(got, text)
			}
			if diff := cmp.Diff(tt.mistakes, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScopeChangesAreAudited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.apply(t, shopFile)
		if _, err := s.RetireScope(s.ctx, "orders.refund"); err != nil {
			t.Fatal(err)
		}
		var events []models.AuditEvent
		if err := s.DB().Where("target_type = 'scopes'").Order("id").Find(&events).Error; err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprint(e.Action, e.Details))
		}
		modelstest.Equal(t, "events", got, []string{
			"scopes.applied" + fmt.Sprint(map[string]string{"added": "orders.read orders.refund invoices.read"}),
			"scopes.retired" + fmt.Sprint(map[string]string{"retired": "orders.refund"}),
		})
	})
}

// A change that fails must not leave behind a catalog that was never committed.
func TestFailedChangeKeepsCatalog(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		before := s.Scopes()
		if _, err := s.RetireScope(s.ctx, "orders.nothing"); !models.IsKind(err, models.NotFound) {
			t.Fatalf("error = %v, want NotFound", err)
		}
		if s.Scopes() != before {
			t.Error("the Store uses a catalog read in a transaction that was rolled back")
		}
	})
}

// TestKeyPrefix also checks that keys with an earlier prefix stay valid, and that every node learns of the
// prefix.
func TestKeyPrefix(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		wantKey := func(prefix string) string {
			t.Helper()
			key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			text := secret.Reveal()
			if !strings.HasPrefix(text, prefix) {
				t.Errorf("key = %.12s…, want prefix %s", text, prefix)
			}
			modelstest.Equal(t, "stored prefix", key.KeyPrefix, text[:len(prefix)+4]+"....")
			return text
		}
		first := wantKey("sk_live_")
		file := "key_prefix: acme" + shopFile
		plan, err := s.PlanScopes(s.ctx, scopeFile(t, file))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "last change of the plan", plan[len(plan)-1], models.ScopeChange{
			Kind: models.ScopeChanged, Name: "key_prefix", Details: []string{`new keys begin with: "sk" → "acme"`},
		})
		s.apply(t, file)
		second := wantKey("acme_live_")
		modelstest.Equal(t, "changes of the same file", s.apply(t, file), nil)
		modelstest.Equal(t, "exported prefix", s.ScopeFile().KeyPrefix, "acme")

		node := s.Another(t)
		if _, err := node.Migrate(s.ctx); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "prefix on another node", node.KeyPrefix(), "acme")
		if _, err := s.RetireScope(s.ctx, "orders.read"); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "prefix after a scope was retired", s.KeyPrefix(), "acme")
		modelstest.Equal(t, "changes of a file without a prefix", s.apply(t, strings.Replace(shopFile, "help: List and view orders", "retired: true", 1)),
			[]string{"changed orders.read", "changed key_prefix"})
		wantKey("sk_live_")
		for _, text := range []string{first, second} {
			digest, err := token.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.APIKeyByDigest(s.ctx, digest); err != nil {
				t.Errorf("key with the prefix of %.9s…: %v", text, err)
			}
		}
	})
}
