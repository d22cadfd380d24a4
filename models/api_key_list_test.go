package models_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// keyNamesOf returns the names of all keys that match a filter, in its order.
func keyNamesOf(t *testing.T, s fixture, filter models.APIKeyFilter) []string {
	t.Helper()
	filter.PageNumber, filter.PageSize = 1, 1000
	list, err := s.APIKeys(s.ctx, s.id, filter)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, key := range list.Keys {
		names = append(names, key.Name)
	}
	return names
}

func TestAPIKeysFiltersAndSorts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{PageNumber: 1, PageSize: 25})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "keys", len(list.Keys), 0)
		modelstest.Equal(t, "matching", list.Matching, 0)
		first := s.keyOf(t, models.NewAPIKey{Name: "beta", Scopes: scope.Of(scope.MembersRead)})
		s.Clock.Advance(time.Minute)
		alpha := s.keyOf(t, models.NewAPIKey{Name: "Alpha", Scopes: scope.Of(scope.MembersRead, scope.MembersWrite), ExpiresAt: ptr(s.Now().Add(time.Hour))})
		s.Clock.Advance(time.Minute)
		s.keyOf(t, models.NewAPIKey{Name: "gamma", ExpiresAt: ptr(s.Now().Add(100 * 24 * time.Hour))})
		s.use(t, first)
		deleted := s.key(t, "deleted")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, deleted.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		foreign := newFixture(t, s.Store, "Globex", "gil@globex.test").key(t, "foreign")
		tests := []struct {
			name   string
			filter models.APIKeyFilter
			want   []string
		}{
			{"newest first", models.APIKeyFilter{}, []string{"gamma", "Alpha", "beta"}},
			{"oldest first", models.APIKeyFilter{Ascending: true}, []string{"beta", "Alpha", "gamma"}},
			{"by name", models.APIKeyFilter{Sort: models.SortName, Ascending: true}, []string{"Alpha", "beta", "gamma"}},
			{"by name, descending", models.APIKeyFilter{Sort: models.SortName}, []string{"gamma", "beta", "Alpha"}},
			{"by last use, unused last", models.APIKeyFilter{Sort: models.SortLastUsed}, []string{"beta", "gamma", "Alpha"}},
			{"by last use, ascending, unused last", models.APIKeyFilter{Sort: models.SortLastUsed, Ascending: true}, []string{"beta", "Alpha", "gamma"}},
			{"by expiry, never last", models.APIKeyFilter{Sort: models.SortExpires, Ascending: true}, []string{"Alpha", "gamma", "beta"}},
			{"by expiry, descending, never last", models.APIKeyFilter{Sort: models.SortExpires}, []string{"gamma", "Alpha", "beta"}},
			{"by unknown column", models.APIKeyFilter{Sort: "digest; DROP TABLE api_keys"}, []string{"gamma", "Alpha", "beta"}},
			{"deleted", models.APIKeyFilter{Status: models.KeyDeleted}, []string{"deleted"}},
			{"ID", models.APIKeyFilter{Search: alpha.ID}, []string{"Alpha"}},
			{"ID of a deleted key", models.APIKeyFilter{Search: deleted.ID}, []string{"deleted"}},
			{"prefix of a deleted key", models.APIKeyFilter{Search: deleted.KeyPrefix}, []string{"deleted"}},
			{"part of the prefix of a deleted key", models.APIKeyFilter{Search: deleted.KeyPrefix[:11]}, nil},
			{"ID, other status", models.APIKeyFilter{Search: deleted.ID, Status: models.KeyActive}, nil},
			{"ID in another workspace", models.APIKeyFilter{Search: foreign.ID}, nil},
			{"active", models.APIKeyFilter{Status: models.KeyActive}, []string{"gamma", "beta"}},
			{"expires soon", models.APIKeyFilter{Status: models.KeyExpiresSoon}, []string{"Alpha"}},
			{"expired", models.APIKeyFilter{Status: models.KeyExpired}, nil},
			{"unknown status", models.APIKeyFilter{Status: "x\x00\xff' OR 1=1"}, nil},
			{"a scope", models.APIKeyFilter{Scope: ptr(scope.MembersRead)}, []string{"Alpha", "beta"}},
			{"another scope", models.APIKeyFilter{Scope: ptr(scope.MembersWrite)}, []string{"Alpha"}},
			{"unused scope", models.APIKeyFilter{Scope: ptr(scope.SeatsWrite)}, nil},
			{"combined", models.APIKeyFilter{Search: "a", Status: models.KeyExpiresSoon, Scope: ptr(scope.MembersRead), Sort: models.SortName}, []string{"Alpha"}},
			{"combined, other status", models.APIKeyFilter{Search: "a", Status: models.KeyExpired, Scope: ptr(scope.MembersRead)}, nil},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if diff := gocmp.Diff(tt.want, keyNamesOf(t, s, tt.filter)); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func TestSearchIsLiteral(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, name := range []string{"100% CI", "100 CI", `back\slash`, "under_score", "underXscore", "o'clock", "ÉCOLE Straße", "école", "ΣΊΣΥΦΟΣ", "МОСКВА", "日本語", "🔑 key", "ä  ö"} {
			s.key(t, name)
		}
		prefixed := s.key(t, "Prefix")
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		other.key(t, "100% hers")
		tests := []struct {
			search string
			want   []string
		}{
			{"100%", []string{"100% CI"}},
			{"%", []string{"100% CI"}},
			{"100% ci", []string{"100% CI"}},
			{"_SCORE", []string{"under_score"}},
			{`\`, []string{`back\slash`}},
			{`k\S`, []string{`back\slash`}},
			{`\%`, nil},
			{"'", []string{"o'clock"}},
			{"' OR '1'='1", nil},
			{"?", nil}, {"$1", nil}, {"@p1", nil}, {"{}", nil},
			{"École", []string{"école", "ÉCOLE Straße"}},
			{"STRAß", []string{"ÉCOLE Straße"}},
			{"москва", []string{"МОСКВА"}},
			{"本", []string{"日本語"}},
			{"🔑", []string{"🔑 key"}},
			{"ä  ö", []string{"ä ö"}},
			{"Ä Ö", []string{"ä ö"}},
			{"äö", nil}, // unlike "ab", it can't be part of a random prefix,
			{prefixed.KeyPrefix, []string{"Prefix"}},
			{strings.ToUpper(prefixed.KeyPrefix), []string{"Prefix"}},
			{"\x00", nil}, {"\xff", nil},
			{strings.Repeat("%", 200_000), nil},
			{strings.Repeat("é", 101), nil},
		}
		for _, tt := range tests {
			if diff := gocmp.Diff(tt.want, keyNamesOf(t, s, models.APIKeyFilter{Search: tt.search})); diff != "" {
				t.Errorf("search %.40q (-want +got):\n%s", tt.search, diff)
			}
		}
		if got := keyNamesOf(t, s, models.APIKeyFilter{Search: "sk_live_"}); len(got) != 14 {
			t.Errorf("search for the common prefix found %q, want 14 keys", got)
		}
		long := strings.Repeat("🔑", 100)
		s.key(t, long)
		if got := keyNamesOf(t, s, models.APIKeyFilter{Search: long}); len(got) != 1 {
			t.Errorf("search for the longest name found %q", got)
		}
	})
}

func TestAPIKeysSortsPages(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		keys := make([]*models.APIKey, 300)
		for i := range keys {
			s.Clock.Advance(time.Duration(i%3) * time.Millisecond)
			n := models.NewAPIKey{Name: fmt.Sprintf("%cey %03d", 'K'+32*rune(i%2), i*7%100), Scopes: scope.Set{uint64(i), 0}.And(scope.All)}
			if i%4 > 0 {
				n.ExpiresAt = ptr(s.Now().Add(time.Duration(1+i*37%50) * 24 * time.Hour))
			}
			keys[i] = s.keyOf(t, n)
			if i%5 == 0 {
				keys[i] = s.use(t, keys[i])
			}
		}
		byTime := func(at func(*models.APIKey) *time.Time) func(a, b *models.APIKey) int {
			return func(a, b *models.APIKey) int { return at(a).Compare(*at(b)) }
		}
		sorts := map[models.APIKeySort]struct {
			missing func(*models.APIKey) bool
			compare func(a, b *models.APIKey) int
		}{
			"":                  {nil, func(a, b *models.APIKey) int { return 0 }},
			models.SortCreated:  {nil, byTime(func(k *models.APIKey) *time.Time { return &k.CreatedAt })},
			models.SortName:     {nil, func(a, b *models.APIKey) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }},
			models.SortLastUsed: {func(k *models.APIKey) bool { return k.LastUsedAt == nil }, byTime(func(k *models.APIKey) *time.Time { return k.LastUsedAt })},
			models.SortExpires:  {func(k *models.APIKey) bool { return k.ExpiresAt == nil }, byTime(func(k *models.APIKey) *time.Time { return k.ExpiresAt })},
		}
		for sort, by := range sorts {
			for _, ascending := range []bool{true, false} {
				for _, wanted := range []*scope.Scope{nil, ptr(scope.MembersRead)} {
					var want []string
					for _, key := range sorted(keys, by.missing, by.compare, ascending) {
						if wanted == nil || key.Scopes.Has(*wanted) {
							want = append(want, key.ID)
						}
					}
					got := walk(t, s, models.APIKeyFilter{Sort: sort, Ascending: ascending, Scope: wanted, PageSize: 64}, len(want))
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Errorf("sort %q, ascending %v, scope %v (-want +got):\n%s", sort, ascending, wanted, diff)
					}
				}
			}
		}
	})
}

// sorted returns keys in order, with keys without a value last and equal keys by ID.
func sorted(keys []*models.APIKey, missing func(*models.APIKey) bool, compare func(a, b *models.APIKey) int, ascending bool) []*models.APIKey {
	sign := -1
	if ascending {
		sign = 1
	}
	return slices.SortedFunc(slices.Values(keys), func(a, b *models.APIKey) int {
		if missing != nil {
			switch aMissing, bMissing := missing(a), missing(b); {
			case aMissing && bMissing:
				return sign * cmp.Compare(a.ID, b.ID)
			case aMissing:
				return 1
			case bMissing:
				return -1
			}
		}
		return sign * cmp.Or(compare(a, b), cmp.Compare(a.ID, b.ID))
	})
}

// walk reads every page of a list and returns the IDs on them.
func walk(t *testing.T, s fixture, filter models.APIKeyFilter, matching int) []string {
	t.Helper()
	var ids []string
	for filter.PageNumber = 1; ; filter.PageNumber++ {
		list, err := s.APIKeys(s.ctx, s.id, filter)
		if err != nil {
			t.Fatal(err)
		}
		if int(list.Matching) != matching {
			t.Fatalf("page %d: Matching = %d, want %d", filter.PageNumber, list.Matching, matching)
		}
		for _, key := range list.Keys {
			ids = append(ids, key.ID)
		}
		if len(list.Keys) < filter.PageSize {
			return ids
		}
	}
}

func TestAPIKeysPastLastPage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "CI")
		for _, number := range []int{2, 3, 1000, math.MaxInt32, math.MaxInt/25 + 2, math.MaxInt} {
			list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{PageNumber: number, PageSize: 25})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "keys", len(list.Keys), 0)
			modelstest.Equal(t, "matching", list.Matching, 1)
		}
	})
}

// TestAPIKeysByOwner checks that the filter includes keys that keys created, and stays in the workspace.
func TestAPIKeysByOwner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		parent := s.keyOf(t, models.NewAPIKey{Name: "parent", Scopes: scope.Of(scope.APIKeysWrite)})
		grace := s.joined(t, "grace@acme.test", models.Admin)
		hers := s
		hers.ctx = actingAsMember(t, grace)
		hers.key(t, "hers")
		s.child(t, parent, "child")
		byOperator := s
		byOperator.ctx = models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
		byOperator.key(t, "nobody's")
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		other.key(t, "theirs")
		for owner, want := range map[string][]string{
			s.admin.ID: {"child", "parent"}, grace.ID: {"hers"}, models.NoOwner: {"nobody's"}, other.admin.ID: nil, "mem_\x00": nil,
		} {
			if diff := gocmp.Diff(want, keyNamesOf(t, s, models.APIKeyFilter{Owner: owner})); diff != "" {
				t.Errorf("keys of %q (-want +got):\n%s", owner, diff)
			}
		}
		if got := keyNamesOf(t, s, models.APIKeyFilter{Owner: s.admin.ID, Scope: ptr(scope.APIKeysWrite)}); !slices.Equal(got, []string{"parent"}) {
			t.Errorf("combined with a scope: %q, want only parent", got)
		}
		for search, want := range map[string][]string{"ada adm": {"child", "parent"}, "grace@acme.test": {"hers"}, "ada@": nil, "gil": nil, "hers": {"hers"}} {
			if diff := gocmp.Diff(want, keyNamesOf(t, s, models.APIKeyFilter{Search: search})); diff != "" {
				t.Errorf("keys found by %q (-want +got):\n%s", search, diff)
			}
		}
		owners, err := s.AllKeyOwners(s.ctx, s.id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff([]string{s.admin.ID, grace.ID}, owners.IDs); diff != "" {
			t.Errorf("owners, most keys first (-want +got):\n%s", diff)
		}
		modelstest.Equal(t, "some have no owner", owners.SomeUnset, true)
		modelstest.Equal(t, "name of an owner", owners.ByID[s.admin.ID].DisplayName(), "Ada Admin")
	})
}
