package scope_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/models/scope"
)

// contract is the table in section 2 of the HTTP contract.
var contract = []struct {
	scope       scope.Scope
	name, grant string
	write       bool
}{
	{scope.MeetingRequestsRead, "meeting_requests.read", "List and view meeting requests", false},
	{scope.MeetingRequestsWrite, "meeting_requests.write", "Create, cancel, and modify meeting requests", true},
	{scope.MembersRead, "members.read", "List workspace members", false},
	{scope.MembersWrite, "members.write", "Add and deactivate workspace members", true},
	{scope.WebhooksRead, "webhooks.read", "List and view webhook endpoints", false},
	{scope.WebhooksWrite, "webhooks.write", "Create, update, and delete webhook endpoints", true},
	{scope.APIKeysRead, "api_keys.read", "List API keys", false},
	{scope.APIKeysWrite, "api_keys.write", "Create and delete API keys", true},
	{scope.SeatsRead, "seats.read", "View seat usage and capacity", false},
	{scope.SeatsWrite, "seats.write", "Assign seats and update capacity", true},
}

func TestBuiltinScopesMatchTheContract(t *testing.T) {
	if got := scope.All.Len(); got != len(contract) {
		t.Fatalf("scopes = %d, want %d", got, len(contract))
	}
	if got := scope.Builtin.Active(); got != scope.All {
		t.Errorf("active = %q, want %q", got, scope.All)
	}
	for i, want := range contract {
		s, known := scope.Builtin.Parse(want.name)
		if !known || s != want.scope {
			t.Errorf("Parse(%q) = %v, %t, want %v", want.name, s, known, want.scope)
		}
		d, _ := scope.Builtin.Definition(s)
		if d.Name != want.name || s.String() != want.name {
			t.Errorf("names = %q and %q, want %q", d.Name, s, want.name)
		}
		if d.Help != want.grant {
			t.Errorf("%s: help = %q, want %q", want.name, d.Help, want.grant)
		}
		if got := scope.ReadOnly.Has(s); got == want.write {
			t.Errorf("%s: read-only = %t, want %t", want.name, got, !want.write)
		}
		if got := scope.All.Scopes()[i]; got != s {
			t.Errorf("scope %d = %s, want %s", i, got, s)
		}
		if got, want := d.Warning != "", s == scope.APIKeysWrite || s == scope.MembersWrite; got != want {
			t.Errorf("%s: warning = %q, want one: %t", s, d.Warning, want)
		}
	}
	resources := scope.Builtin.Resources(scope.All)
	if got := len(resources); got != 5 {
		t.Fatalf("resources = %d, want 5", got)
	}
	for i, resource := range resources {
		for j, action := range []string{"read", "write"} {
			if got, want := resource.Scopes[j].Name, resource.Name+"."+action; got != want || got != contract[2*i+j].name {
				t.Errorf("scope %d of resource %d = %s, want %s", j, i, got, want)
			}
		}
	}
	if got := scope.Builtin.ReadOnly(scope.All); got != scope.ReadOnly {
		t.Errorf("read-only scopes = %q, want %q", got, scope.ReadOnly)
	}
}

func TestParseAcceptsOnlyExactNames(t *testing.T) {
	for _, name := range []string{
		"", "members", "members.", ".read", "Members.read", "MEMBERS.READ", "members.Read", " members.read", "members.read ",
		"members.read\n", "members.read\x00", "members.reads", "members.*", "*", "members.read members.write", "members.read,members.write",
		"members:read", "members_read", "mеmbers.read" /* a Cyrillic е */, "ｍembers.read", "0", "10", "127", "members.write.read",
	} {
		if s, known := scope.Builtin.Parse(name); known {
			t.Errorf("Parse(%q) = %s, want none", name, s)
		}
		if set, err := scope.Builtin.ParseSet([]string{"seats.read", name}); err == nil || !set.IsEmpty() {
			t.Errorf("ParseSet with %q = %q, %v, want an error", name, set, err)
		}
	}
}

// sets returns sets of every size, with every scope in some and not in others.
func sets() []scope.Set {
	all := []scope.Set{{}, scope.All, scope.ReadOnly, scope.Set{^uint64(0), ^uint64(0)}, scope.Set{0xAAAAAAAAAAAAAAAA, 0x5555555555555555}}
	some := scope.Set{}
	for s := range scope.Scope(scope.Max) {
		some = some.With(scope.Of(s * 37 % scope.Max))
		all = append(all, scope.Of(s), some)
	}
	return all
}

func TestSetsSurviveStorage(t *testing.T) {
	for _, set := range sets() {
		stored, err := set.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{stored, []byte(stored.(string))} {
			got := scope.All
			if err := got.Scan(value); err != nil || got != set {
				t.Fatalf("Scan(%q) = %q, %v, want %q", value, got, err, set)
			}
		}
		if got := scope.Of(set.Scopes()...); got != set || len(set.Scopes()) != set.Len() {
			t.Fatalf("Of(%v) = %q, want %q", set.Scopes(), got, set)
		}
		for s := range scope.Scope(scope.Max) {
			if set.Has(s) != slices.Contains(strings.Fields(set.String()), s.String()) {
				t.Fatalf("%q: Has(%s) = %t", set, s, set.Has(s))
			}
		}
		if set.Has(scope.Max) || set.Has(255) {
			t.Fatalf("%q has a scope above the highest", set)
		}
	}
}

// A node verifies a key that a later version has stored by the scopes that it knows.
func TestScanIgnoresUnknownScopes(t *testing.T) {
	for stored, want := range map[string]scope.Set{
		"members.read rockets.fly":       scope.Of(scope.MembersRead),
		"Members.read seats.read":        scope.Of(scope.SeatsRead),
		"members.read,seats.read":        {},
		"seats.read 9 +10 010 128 1e1":   scope.Of(scope.SeatsRead),
		"10 127 seats.write 18446744073": scope.Of(10, 127, scope.SeatsWrite),
	} {
		var set scope.Set
		if err := set.Scan(stored); err != nil || set != want {
			t.Errorf("Scan(%q) = %q, %v, want %q", stored, set, err, want)
		}
	}
	for _, value := range []any{nil, 3} {
		set := scope.Of(scope.SeatsRead)
		if err := set.Scan(value); err == nil || set != scope.Of(scope.SeatsRead) {
			t.Errorf("Scan(%v) = %q, %v, want an error and no change", value, set, err)
		}
	}
}

func TestSetOperations(t *testing.T) {
	all := sets()
	for _, a := range all {
		for _, b := range all[:40] {
			contains := true
			for s := range scope.Scope(scope.Max) {
				contains = contains && (a.Has(s) || !b.Has(s))
				if got, want := a.With(b).Has(s), a.Has(s) || b.Has(s); got != want {
					t.Fatalf("%q with %q: Has(%s) = %t", a, b, s, got)
				}
				if got, want := a.Without(b).Has(s), a.Has(s) && !b.Has(s); got != want {
					t.Fatalf("%q without %q: Has(%s) = %t", a, b, s, got)
				}
				if got, want := a.And(b).Has(s), a.Has(s) && b.Has(s); got != want {
					t.Fatalf("%q and %q: Has(%s) = %t", a, b, s, got)
				}
			}
			if got := a.Contains(b); got != contains {
				t.Fatalf("%q contains %q = %t, want %t", a, b, got, contains)
			}
		}
	}
}

// shop returns a catalog with a custom resource that has a scope of each status.
func shop(hideBuiltin bool) *scope.Catalog {
	return scope.New([]scope.Resource{{Name: "orders", Label: "Orders", Scopes: []scope.Definition{
		{Scope: 127, Name: "orders.refund", Label: "Refund", Status: scope.Active},
		{Scope: 10, Name: "orders.read", Label: "Read", Status: scope.Active},
		{Scope: 64, Name: "orders.export", Label: "Export", Status: scope.Retired},
		{Scope: 63, Name: "orders.archive", Label: "Archive", Status: scope.Removed},
	}}}, hideBuiltin)
}

func TestCatalogOfCustomScopes(t *testing.T) {
	held := scope.Of(scope.SeatsRead, 10, 63, 64, 127)
	tests := []struct {
		name      string
		got, want any
	}{
		{"names in the order of the catalog", shop(false).Text(held), "seats.read orders.refund orders.read orders.export orders.archive"},
		{"names without an unknown scope", shop(false).Text(scope.Of(10, 99)), "orders.read"},
		{"name of an unknown scope", shop(false).Name(99), "99"},
		{"active", shop(false).Active(), scope.All.With(scope.Of(10, 127))},
		{"retired", shop(false).Retired(), scope.Of(64)},
		{"known", shop(false).Known(), scope.All.With(scope.Of(10, 64, 127))},
		{"offered", shop(false).Offered(), scope.All.With(scope.Of(10, 127))},
		{"offered with hidden built-in scopes", shop(true).Offered(), scope.Of(10, 127)},
		{"active with hidden built-in scopes", shop(true).Active(), scope.All.With(scope.Of(10, 127))},
		{"read-only", shop(false).ReadOnly(shop(false).Offered()), scope.ReadOnly.With(scope.Of(10))},
		{"read-only with hidden built-in scopes", shop(true).ReadOnly(shop(true).Offered()), scope.Of(10)},
		{"resources", len(shop(false).Resources(held)), 2},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if s, known := shop(true).Parse("orders.export"); !known || s != 64 {
		t.Errorf("Parse of a retired scope = %v, %t, want 64", s, known)
	}
	if s, known := shop(true).Parse("orders.archive"); known {
		t.Errorf("Parse of a removed scope = %v, want none", s)
	}
	if names := shop(false).Names(scope.Set{}); names == nil {
		t.Error("names of the empty set = nil, want an empty slice")
	}
}
