package scope_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/scope"
)

// contract is the table of the HTTP contract, section 2, word for word.
var contract = []struct {
	scope       scope.Scope
	word, grant string
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

func TestScopesAreThoseOfTheContract(t *testing.T) {
	if got := scope.All.Len(); got != len(contract) {
		t.Fatalf("there are %d scopes, want %d", got, len(contract))
	}
	for i, want := range contract {
		s, known := scope.Parse(want.word)
		if !known || s != want.scope {
			t.Errorf("Parse(%q) = %v, %v", want.word, s, known)
		}
		if s.String() != want.word || s.Help() != want.grant || scope.ReadOnly.Has(s) == want.write {
			t.Errorf("%s: word %q, help %q, read only %v", want.word, s, s.Help(), scope.ReadOnly.Has(s))
		}
		if shown := scope.All.Scopes()[i]; shown != s {
			t.Errorf("shown at place %d is %s, want %s", i, shown, s)
		}
		group := scope.Groups[i/2]
		if resource, verb, _ := strings.Cut(want.word, "."); group.Name != resource ||
			verb == "read" && group.Read != s || verb == "write" && group.Write != s {
			t.Errorf("%s is in the group %+v", s, group)
		}
	}
	if got := len(scope.Groups); got != 5 {
		t.Errorf("there are %d groups, want 5", got)
	}
}

func TestWarningsStandWhereAKeyCanMakeKeysOrMembers(t *testing.T) {
	for _, s := range scope.All.Scopes() {
		want := s == scope.APIKeysWrite || s == scope.MembersWrite
		if got := s.Warning() != ""; got != want {
			t.Errorf("%s: warning %q", s, s.Warning())
		}
	}
}

func TestOnlyTheExactWordIsAScope(t *testing.T) {
	for _, word := range []string{
		"", "members", "members.", ".read", "Members.read", "MEMBERS.READ", "members.Read", " members.read", "members.read ",
		"members.read\n", "members.read\x00", "members.reads", "members.*", "*", "members.read members.write", "members.read,members.write",
		"members:read", "members_read", "mеmbers.read" /* a Cyrillic е */, "ｍembers.read", "invalid scope", "members.write.read",
	} {
		if s, known := scope.Parse(word); known {
			t.Errorf("%q is taken for %s", word, s)
		}
		if set, err := scope.ParseSet([]string{"seats.read", word}); err == nil || set != 0 {
			t.Errorf("ParseSet with %q = %q, %v", word, set, err)
		}
	}
}

func TestEverySetSurvivesEveryWayOut(t *testing.T) {
	for set := range scope.All + 1 {
		if got, err := scope.ParseSet(set.Words()); err != nil || got != set {
			t.Fatalf("words of %q: %q, %v", set, got, err)
		}
		stored, err := set.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{stored, []byte(stored.(string))} {
			got := scope.All
			if err := got.Scan(value); err != nil || got != set {
				t.Fatalf("Scan(%v) = %q, %v", value, got, err)
			}
		}
		if got := scope.Of(set.Scopes()...); got != set || len(set.Scopes()) != set.Len() {
			t.Fatalf("Of(%v) = %q", set.Scopes(), got)
		}
		for _, s := range scope.All.Scopes() {
			if set.Has(s) != strings.Contains(" "+set.String()+" ", " "+s.String()+" ") {
				t.Fatalf("%q: Has(%s) = %v", set, s, set.Has(s))
			}
		}
	}
}

func TestScanRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, value := range []any{nil, 3, "members.read members.raed", "Members.read", "members.read,seats.read", []byte("all")} {
		set := scope.Of(scope.SeatsRead)
		if err := set.Scan(value); err == nil {
			t.Errorf("Scan(%v) = %q", value, set)
		}
		if set != scope.Of(scope.SeatsRead) {
			t.Errorf("Scan(%v) failed and left %q behind", value, set)
		}
	}
}

func TestSetIsAnArrayInJSON(t *testing.T) {
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
	if words := scope.Set(0).Words(); words == nil {
		t.Error("the words of the empty set are nil")
	}
}

func TestContainsMeansEveryScope(t *testing.T) {
	for a := range scope.All + 1 {
		for b := scope.Set(0); b <= scope.All; b += 7 {
			want := true
			for _, s := range b.Scopes() {
				want = want && a.Has(s)
			}
			if got := a.Contains(b); got != want {
				t.Fatalf("%q contains %q: %v", a, b, got)
			}
			if without := b.Without(a); (without == 0) != want || a.Contains(without) && without != 0 {
				t.Fatalf("%q without %q is %q", b, a, without)
			}
		}
	}
}

func TestWriteDoesNotImplyRead(t *testing.T) {
	for _, group := range scope.Groups {
		if scope.Of(group.Write).Has(group.Read) || scope.Of(group.Read).Has(group.Write) {
			t.Errorf("%s: one implies the other", group.Name)
		}
		if !scope.ReadOnly.Has(group.Read) || scope.ReadOnly.Has(group.Write) {
			t.Errorf("%s: ReadOnly is %q", group.Name, scope.ReadOnly)
		}
	}
}
