package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// asked records a request with a key that requires a scope.
func (s fixture) asked(t *testing.T, key *models.APIKey, at time.Time, needs scope.Scope, why usage.Rejection) {
	t.Helper()
	counts := countsOf(use{key, at, "192.0.2.1", "curl/8", "GET /" + needs.String()})
	counts.Rows[0].Scope, counts.Rows[0].Rejection = needs.String(), why
	record(t, s.Store, counts)
}

// builtin returns the definition of a built-in scope.
func builtin(s scope.Scope) scope.Definition {
	d, _ := scope.Builtin.Definition(s)
	return d
}

func TestScopeUses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.MembersRead, scope.SeatsRead, scope.SeatsWrite, scope.WebhooksRead)})
		now := s.Now()
		hour, long := now.Truncate(time.Hour), now.Add(-40*24*time.Hour)
		s.asked(t, key, now.Add(-time.Minute), scope.SeatsRead, usage.Accepted)
		s.asked(t, key, now.Add(-2*time.Minute), scope.SeatsRead, usage.Accepted)
		s.asked(t, key, hour.Add(-time.Millisecond), scope.MembersRead, usage.Accepted)
		s.asked(t, key, long, scope.SeatsWrite, usage.Accepted)
		s.asked(t, key, now, scope.WebhooksRead, usage.RejectedRateLimit)
		s.asked(t, key, now, scope.APIKeysRead, usage.RejectedScope)
		record(t, s.Store, countsOf(use{key, now, "192.0.2.1", "curl/8", "GET /me"}))
		s.asked(t, s.key(t, "Other"), now, scope.MembersRead, usage.Accepted)

		at := func(moment time.Time) *time.Time { return &moment }
		ofHour := usage.ScopeUses{Accepted: 3, Scopes: []usage.ScopeUse{
			{Definition: builtin(scope.MembersRead), LastUsedAt: at(hour.Add(-time.Millisecond))},
			{Definition: builtin(scope.WebhooksRead)},
			{Definition: builtin(scope.SeatsRead), Requests: 2, LastUsedAt: at(now.Add(-time.Minute))},
			{Definition: builtin(scope.SeatsWrite), LastUsedAt: at(long)},
		}}
		ofAll := usage.ScopeUses{Accepted: 5, Scopes: []usage.ScopeUse{ofHour.Scopes[0], ofHour.Scopes[1], ofHour.Scopes[2], ofHour.Scopes[3]}}
		ofAll.Scopes[0].Requests, ofAll.Scopes[3].Requests = 1, 1
		for name, tt := range map[string]struct {
			since time.Time
			want  usage.ScopeUses
		}{
			"the hour that it is in": {now, ofHour},
			"41 days":                {now.Add(-41 * 24 * time.Hour), ofAll},
			"a year, by days":        {now.AddDate(-1, 0, 0), ofAll},
		} {
			got, err := s.ScopeUses(s.ctx, s.id, key.ID, tt.since)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
			}
		}
		_, err := s.ScopeUses(s.ctx, "ws_other", key.ID, now)
		wantKind(t, err, models.NotFound)
	})
}

// TestLastUseOfScopeIsTheLatestOfItsRoutes uses a scope on several routes.
func TestLastUseOfScopeIsTheLatestOfItsRoutes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, now := s.key(t, "CI"), s.Now()
		for i, route := range []string{"GET /b", "GET /c", "GET /a"} {
			counts := countsOf(use{key, now.Add(time.Duration(i%2) * time.Minute), "192.0.2.1", "curl/8", route})
			counts.Rows[0].Scope = scope.SeatsRead.String()
			record(t, s.Store, counts)
		}
		uses, err := s.ScopeUses(s.ctx, s.id, key.ID, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(uses.Scopes) != 1 {
			t.Fatalf("scopes = %+v, want 1", uses.Scopes)
		}
		modelstest.Equal(t, "scopes[0] last used at", uses.Scopes[0].LastUsedAt, new(now.Add(time.Minute)))
	})
}

// TestNeededScopesOfOneFlush requires several scopes of a key at once.
func TestNeededScopesOfOneFlush(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: scope.All})
		counts := countsOf(use{key, s.Now(), "", "", "GET /seats"}, use{key, s.Now(), "", "", "POST /seats"}, use{key, s.Now(), "", "", "GET /me"})
		counts.Rows[0].Scope, counts.Rows[1].Scope = "seats.read", "seats.write"
		record(t, s.Store, counts)
		if got := s.read(t, key).NeededScopes; got != scope.Of(scope.SeatsRead, scope.SeatsWrite) {
			t.Errorf("needed scopes = %s, want seats.read and seats.write", got)
		}
	})
}

// TestScopeUsesWithoutHours counts by day once hours are purged.
func TestScopeUsesWithoutHours(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, at := s.key(t, "CI"), s.Now().Truncate(time.Hour)
		s.asked(t, key, at, scope.SeatsRead, usage.Accepted)
		for _, past := range []time.Duration{models.UsageHoursKept - time.Millisecond, models.UsageHoursKept, models.UsageHoursKept + 30*time.Minute} {
			s.Clock.Advance(at.Add(past).Sub(s.Now()))
			if err := s.PurgeExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
			uses, err := s.ScopeUses(s.ctx, s.id, key.ID, at.Add(50*time.Minute))
			if err != nil || uses.Accepted != 1 {
				t.Errorf("after %v: requests = %d, %v, want 1", past, uses.Accepted, err)
			}
		}
	})
}

// TestRouteUses adds accepted and rejected requests in any order.
func TestRouteUses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, now := s.key(t, "CI"), s.Now()
		at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
		ask := func(n int, agent string, why usage.Rejection) usage.Counts {
			counts := countsOf(use{key, at(n), "192.0.2.1", agent, "GET /seats"})
			counts.Rows[0].Scope, counts.Rows[0].Rejection = "seats.read", why
			return counts
		}
		record(t, s.Store, ask(5, "five", usage.Accepted), ask(3, "three", usage.Accepted))
		record(t, s.Store, ask(4, "four", usage.Accepted), ask(8, "eight", usage.RejectedRateLimit))
		record(t, s.Store, ask(7, "seven", usage.Accepted), ask(2, "two", usage.Accepted))
		want := []models.APIKeyRouteUse{
			{APIKeyID: key.ID, WorkspaceID: s.id, Route: "GET /seats", Rejection: usage.RejectedRateLimit, Scope: "seats.read", Requests: 1,
				FirstAt: at(8), LastAt: at(8), LastAddress: "192.0.2.1", LastUserAgent: "eight"},
			{APIKeyID: key.ID, WorkspaceID: s.id, Route: "GET /seats", Scope: "seats.read", Requests: 5,
				FirstAt: at(2), LastAt: at(7), LastAddress: "192.0.2.1", LastUserAgent: "seven"},
		}
		got, err := s.RouteUses(s.ctx, s.id, key.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if other, err := s.RouteUses(s.ctx, "ws_other", key.ID); err != nil || len(other) != 0 {
			t.Errorf("usage in another workspace = %v, %v, want none", other, err)
		}
	})
}
