package scope_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestScopesMatchTheContract(t *testing.T) {
	if got := scope.All.Len(); got != len(contract) {
		t.Fatalf("scopes = %d, want %d", got, len(contract))
	}
	for i, want := range contract {
		s, ok := scope.Parse(want.name)
		if !ok || s != want.scope {
			t.Errorf("Parse(%q) = %v, %t, want %v", want.name, s, ok, want.scope)
		}
		if s.String() != want.name {
			t.Errorf("%s: name = %q, want %q", want.name, s, want.name)
		}
		if s.Help() != want.grant {
			t.Errorf("%s: help = %q, want %q", want.name, s.Help(), want.grant)
		}
		if got := scope.ReadOnly.Has(s); got == want.write {
			t.Errorf("%s: read-only = %t, want %t", want.name, got, !want.write)
		}
		if got := scope.All.Scopes()[i]; got != s {
			t.Errorf("scope %d = %s, want %s", i, got, s)
		}
		group := scope.Groups[i/2]
		resource, verb, _ := strings.Cut(want.name, ".")
		if group.Name != resource {
			t.Errorf("%s: group = %s, want %s", s, group.Name, resource)
		}
		if got := map[string]scope.Scope{"read": group.Read, "write": group.Write}[verb]; got != s {
			t.Errorf("%s: the %s scope of the group = %s", s, verb, got)
		}
	}
	if got := len(scope.Groups); got != 5 {
		t.Errorf("groups = %d, want 5", got)
	}
}

func TestWarningsCoverScopesThatCreateKeysOrMembers(t *testing.T) {
	for _, s := range scope.All.Scopes() {
		want := s == scope.APIKeysWrite || s == scope.MembersWrite
		if got := s.Warning() != ""; got != want {
			t.Errorf("%s: warning = %q, want one: %t", s, s.Warning(), want)
		}
	}
}

func TestParseAcceptsOnlyExactNames(t *testing.T) {
	for _, name := range []string{
		"", "members", "members.", ".read", "Members.read", "MEMBERS.READ", "members.Read", " members.read", "members.read ",
		"members.read\n", "members.read\x00", "members.reads", "members.*", "*", "members.read members.write", "members.read,members.write",
		"members:read", "members_read", "mеmbers.read" /* a Cyrillic е */, "ｍembers.read", "invalid scope", "members.write.read",
	} {
		if s, ok := scope.Parse(name); ok {
			t.Errorf("Parse(%q) = %s, want none", name, s)
		}
		if set, err := scope.ParseSet([]string{"seats.read", name}); err == nil || set != 0 {
			t.Errorf("ParseSet with %q = %q, %v, want an error", name, set, err)
		}
	}
}

func TestEverySetSurvivesEveryEncoding(t *testing.T) {
	for set := range scope.All + 1 {
		if got, err := scope.ParseSet(set.Names()); err != nil || got != set {
			t.Fatalf("ParseSet(%q) = %q, %v, want the same set", set, got, err)
		}
		stored, err := set.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{stored, []byte(stored.(string))} {
			got := scope.All
			if err := got.Scan(value); err != nil || got != set {
				t.Fatalf("Scan(%v) = %q, %v, want %q", value, got, err, set)
			}
		}
		if got := scope.Of(set.Scopes()...); got != set || len(set.Scopes()) != set.Len() {
			t.Fatalf("Of(%v) = %q, want %q", set.Scopes(), got, set)
		}
		for _, s := range scope.All.Scopes() {
			if set.Has(s) != strings.Contains(" "+set.String()+" ", " "+s.String()+" ") {
				t.Fatalf("%q: Has(%s) = %t", set, s, set.Has(s))
			}
		}
	}
}

func TestScanRejectsUnknownNames(t *testing.T) {
	for _, value := range []any{nil, 3, "members.read members.raed", "Members.read", "members.read,seats.read", []byte("all")} {
		set := scope.Of(scope.SeatsRead)
		if err := set.Scan(value); err == nil {
			t.Errorf("Scan(%v) = %q, want an error", value, set)
		}
		if set != scope.Of(scope.SeatsRead) {
			t.Errorf("Scan(%v) failed but changed the set to %q", value, set)
		}
	}
}

func TestSetEncodesAsJSONArray(t *testing.T) {
	tests := []struct {
		set  scope.Set
		want string
	}{
		{0, `[]`},
		{scope.Of(scope.SeatsWrite), `["seats.write"]`},
		{scope.Of(scope.SeatsRead, scope.MembersRead), `["members.read","seats.read"]`},
		{scope.ReadOnly, `["meeting_requests.read","members.read","webhooks.read","api_keys.read","seats.read"]`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.set)
		if diff := cmp.Diff(tt.want, string(got)); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if names := scope.Set(0).Names(); names == nil {
		t.Error("Names of the empty set = nil, want an empty slice")
	}
}

func TestContainsRequiresEveryScope(t *testing.T) {
	for a := range scope.All + 1 {
		for b := scope.Set(0); b <= scope.All; b += 7 {
			want := true
			for _, s := range b.Scopes() {
				want = want && a.Has(s)
			}
			if got := a.Contains(b); got != want {
				t.Fatalf("%q contains %q = %t, want %t", a, b, got, want)
			}
			if without := b.Without(a); (without == 0) != want || a.Contains(without) && without != 0 {
				t.Fatalf("%q without %q = %q", b, a, without)
			}
		}
	}
}

func TestWriteDoesNotImplyRead(t *testing.T) {
	for _, group := range scope.Groups {
		if scope.Of(group.Write).Has(group.Read) || scope.Of(group.Read).Has(group.Write) {
			t.Errorf("%s: one scope implies the other", group.Name)
		}
		if !scope.ReadOnly.Has(group.Read) || scope.ReadOnly.Has(group.Write) {
			t.Errorf("%s: ReadOnly = %q, want the read scope only", group.Name, scope.ReadOnly)
		}
	}
}
