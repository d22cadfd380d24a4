package models_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

// far is later than anything in these tests.
var far = modelstest.Start.AddDate(10, 0, 0)

func (s fixture) usage(t *testing.T, key *models.APIKey, by usage.Period) []usage.Count {
	t.Helper()
	counts, err := s.Usage(t.Context(), s.id, key.ID, by, time.Time{}.AddDate(2000, 0, 0), far)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// requests returns the number of requests with a key, and checks that hours, days, callers, and routes
// agree.
func (s fixture) requests(t *testing.T, key *models.APIKey) int64 {
	t.Helper()
	var sums [4]int64
	for i, by := range []usage.Period{usage.Hourly, usage.Daily} {
		for _, count := range s.usage(t, key, by) {
			sums[i] += count.Requests
		}
	}
	for _, caller := range s.callers(t, key) {
		sums[2] += caller.Accepted + caller.Rejected
	}
	for _, route := range s.routes(t, key) {
		sums[3] += route.Requests
	}
	modelstest.Equal(t, "requests by day", sums[1], sums[0])
	modelstest.Equal(t, "requests by caller", sums[2], sums[0])
	modelstest.Equal(t, "requests by route", sums[3], sums[0])
	return sums[0]
}

func (s fixture) callers(t *testing.T, key *models.APIKey) []models.APIKeyCaller {
	t.Helper()
	callers, err := s.CallersOf(t.Context(), s.id, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return callers
}

func (s fixture) routes(t *testing.T, key *models.APIKey) []models.APIKeyRouteUse {
	t.Helper()
	routes, err := s.RouteUses(t.Context(), s.id, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func TestCountsSentTwiceAreAddedOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		counts := countsOf(use{key: key, at: s.Now()}, use{key: key, at: s.Now()})
		record(t, s.Store, counts, counts)
		record(t, s.Store, counts)
		if got := s.requests(t, key); got != 2 {
			t.Errorf("requests = %d", got)
		}
	})
}

func TestUsageByHourAndDay(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		midnight := modelstest.Start.Truncate(24 * time.Hour).Add(24 * time.Hour)
		for _, at := range []time.Time{midnight.Add(-time.Hour), midnight.Add(-1), midnight, midnight.Add(59 * time.Minute), midnight.Add(time.Hour)} {
			counts := countsOf(use{key: key, at: at, route: "GET /me"}, use{key: key, at: at, route: "GET /seats"})
			counts.Rows[1].Scope, counts.Rows[1].StatusClass, counts.Rows[1].Rejection = "seats.read", 4, usage.RejectedScope
			record(t, s.Store, counts)
		}
		count := func(at time.Time, requests int64) []usage.Count {
			me := usage.Count{APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: at, Route: "GET /me", StatusClass: 2, Requests: requests}
			seats := me
			seats.Route, seats.Scope, seats.StatusClass, seats.Rejection = "GET /seats", "seats.read", 4, usage.RejectedScope
			return []usage.Count{me, seats}
		}
		var hours, days []usage.Count
		hours = append(append(append(hours, count(midnight.Add(-time.Hour), 2)...), count(midnight, 2)...), count(midnight.Add(time.Hour), 1)...)
		days = append(append(days, count(midnight.Add(-24*time.Hour), 2)...), count(midnight, 3)...)
		if diff := cmp.Diff(hours, s.usage(t, key, usage.Hourly)); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(days, s.usage(t, key, usage.Daily)); diff != "" {
			t.Errorf("days (-want +got):\n%s", diff)
		}
		part, err := s.Usage(t.Context(), s.id, key.ID, usage.Hourly, midnight, midnight.Add(time.Hour))
		if diff := cmp.Diff(count(midnight, 2), part); diff != "" || err != nil {
			t.Errorf("one hour (-want +got): %v\n%s", err, diff)
		}
		if other, err := s.Usage(t.Context(), "ws_other", key.ID, usage.Hourly, midnight, far); err != nil || len(other) != 0 {
			t.Errorf("usage in another workspace = %v, %v, want none", other, err)
		}
	})
}

func TestLastUseOnlyMovesForward(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, now := s.key(t, "CI"), s.Now()
		record(t, s.Store, countsOf(use{key, now, "192.0.2.1", "new", "GET /me"}))
		for _, earlier := range []time.Duration{0, time.Millisecond, time.Hour} {
			record(t, s.Store, countsOf(use{key, now.Add(-earlier), "192.0.2.2", "old", "GET /seats"}))
		}
		refused := countsOf(use{key, now.Add(time.Hour), "192.0.2.3", "refused", "GET /seats"})
		refused.Rows[0].Rejection = usage.RejectedScope
		record(t, s.Store, refused)
		got := s.read(t, key)
		modelstest.Equal(t, "last used at", got.LastUsedAt, new(now))
		modelstest.Equal(t, "last used address", got.LastUsedAddress, "192.0.2.1")
		modelstest.Equal(t, "last used user agent", got.LastUsedUserAgent, "new")
		modelstest.Equal(t, "last used route", got.LastUsedRoute, "GET /me")
		if !got.UpdatedAt.Equal(key.UpdatedAt) {
			t.Error("a use changed updated_at of the key")
		}
	})
}

// TestAnyUserAgentIsCounted checks that user agents are clipped and keys in them redacted.
func TestAnyUserAgentIsCounted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		_, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Pasted"})
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("é", 600)
		for _, agent := range []string{"", "\x00", "bad\xff\xfeagent", long, strings.Repeat("🔑", 200), "<script>", "'; --", secret.Reveal(), `{"a":"\u0000"}`} {
			key := s.key(t, "CI")
			record(t, s.Store, countsOf(use{key, s.Now(), agent, agent, "GET /me"}))
			got := s.read(t, key).LastUsedUserAgent
			modelstest.Equal(t, "valid UTF-8", utf8.ValidString(got), true)
			if len(got) > 512 {
				t.Errorf("%.20q is stored in %d bytes, want at most 512", agent, len(got))
			}
			if len(agent) > 512 && len(got) < 509 {
				t.Errorf("%.20q is stored in %d bytes, want at least 509", agent, len(got))
			}
			if strings.Contains(got, "\x00") {
				t.Errorf("%.20q is stored as %q, want no NUL", agent, got)
			}
			if strings.Contains(got, secret.Reveal()[12:]) {
				t.Errorf("%.20q is stored as %q, want no key", agent, got)
			}
			if s.requests(t, key) != 1 {
				t.Errorf("%.20q is not counted", agent)
			}
		}
		both := s.key(t, "Both")
		record(t, s.Store, countsOf(use{both, s.Now(), "", long, ""}, use{both, s.Now(), "", long + "x", ""}))
		if callers := s.callers(t, both); len(callers) != 1 || callers[0].Accepted != 2 {
			t.Errorf("callers = %+v, want one for two user agents that are equal once clipped", callers)
		}
	})
}

func TestCallerAddsUpItsRequests(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, now := s.key(t, "CI"), s.Now()
		at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
		ptrTo := func(n int) *time.Time { moment := at(n); return &moment }
		ask := func(n int, why usage.Rejection, route string) usage.Counts {
			counts := countsOf(use{key, at(n), "192.0.2.1", "curl/8", route})
			counts.Rows[0].Rejection = why
			return counts
		}
		// Nodes flush in any order.
		record(t, s.Store, ask(5, usage.RejectedScope, "GET /seats"), ask(3, usage.Accepted, "GET /me"))
		record(t, s.Store, ask(7, usage.RejectedDeleted, ""), ask(1, usage.Accepted, "GET /me"))
		record(t, s.Store, ask(4, usage.RejectedScope, "GET /seats"), ask(6, usage.Accepted, "GET /me"))
		want := []models.APIKeyCaller{{
			APIKeyID: key.ID, WorkspaceID: s.id, Address: "192.0.2.1", UserAgent: "curl/8", Accepted: 3, Rejected: 3,
			FirstSeenAt: at(1), LastSeenAt: at(7), LastAcceptedAt: ptrTo(6), FirstRejectedAt: ptrTo(4), LastRejectedAt: ptrTo(7),
			LastRejection: usage.RejectedDeleted,
		}}
		if diff := cmp.Diff(want, s.callers(t, key)); diff != "" {
			t.Errorf("callers (-want +got):\n%s", diff)
		}
	})
}

// TestCallersAreLimited adds more callers than the limit from two nodes at once. Each address appears.
func TestCallersAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		keys := []*models.APIKey{s.key(t, "One"), s.key(t, "Two")}
		const rounds, each = 8, 30
		for _, failed := range atOnce(rounds, func(round int) error {
			var uses []use
			for n := range each {
				for _, key := range keys {
					uses = append(uses, use{key, s.Now(), fmt.Sprintf("192.0.2.%d", round), fmt.Sprint("agent ", n), "GET /me"})
				}
			}
			node := nodes[round%2]
			return node.AddUsage(context.Background(), countsOf(uses...))
		}) {
			if failed != nil {
				t.Error(failed)
			}
		}
		for _, key := range keys {
			addresses, own := map[string]bool{}, 0
			callers := s.callers(t, key)
			for i := range callers {
				addresses[callers[i].Address] = true
				if !callers[i].IsSeveral() {
					own++
				}
			}
			modelstest.Equal(t, "addresses", len(addresses), rounds)
			if own < models.MaxCallers-rounds || own > models.MaxCallers+rounds {
				t.Errorf("callers with a row of their own = %d, want about %d", own, models.MaxCallers)
			}
			if got := s.requests(t, key); got != rounds*each {
				t.Errorf("requests = %d, want %d", got, rounds*each)
			}
		}
	})
}

// TestNodesAddUsageAtOnce checks that they neither deadlock nor lose counts.
func TestNodesAddUsageAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := []*models.Store{s.Store.Store, s.Another(t).Store}
		keys := make([]*models.APIKey, 20)
		for i := range keys {
			keys[i] = s.key(t, "CI")
		}
		const workers, batches = 8, 10
		var working sync.WaitGroup
		for w := range workers {
			working.Go(func() {
				for range batches {
					var uses []use
					for _, i := range rand.Perm(len(keys)) {
						uses = append(uses, use{keys[i], s.Now(), "192.0.2.1", fmt.Sprint(w), "GET /me"})
					}
					node := nodes[w%2]
					if err := node.AddUsage(context.Background(), countsOf(uses...)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		working.Wait()
		for _, key := range keys {
			if got := s.requests(t, key); got != workers*batches {
				t.Errorf("requests = %d, want %d", got, workers*batches)
			}
		}
	})
}

// TestAddUsageIsAtomic sends counts again after an attempt that failed halfway.
func TestAddUsageIsAtomic(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		counts := countsOf(use{key: key, at: s.Now(), userAgent: "curl/8"})
		s.Exec(t, "ALTER TABLE api_key_callers RENAME TO away")
		wantUnchanged(t, s.Store, func() {
			if err := s.AddUsage(t.Context(), counts); err == nil {
				t.Error("AddUsage succeeded without a table of callers")
			}
		})
		s.Exec(t, "ALTER TABLE away RENAME TO api_key_callers")
		record(t, s.Store, counts)
		if got := s.requests(t, key); got != 1 {
			t.Errorf("requests = %d, want 1", got)
		}
	})
}

func TestUsageOfUnknownKeyIsIgnored(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, gone := s.key(t, "CI"), &models.APIKey{ID: s.NewID("key"), WorkspaceID: s.id}
		record(t, s.Store, countsOf(use{key: gone, at: s.Now()}, use{key: key, at: s.Now()}))
		if got := s.requests(t, key); got != 1 {
			t.Errorf("requests = %d", got)
		}
	})
}

func TestUsageRetention(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		record(t, s.Store, countsOf(use{key: key, at: s.Now(), userAgent: "curl/8"}))
		purge := func(later time.Duration) {
			s.Clock.Advance(later)
			if err := s.PurgeExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, hours, days, callersAndRoutes int) {
			t.Helper()
			got := []int{len(s.usage(t, key, usage.Hourly)), len(s.usage(t, key, usage.Daily)), len(s.callers(t, key)), len(s.routes(t, key))}
			if !cmp.Equal(got, []int{hours, days, callersAndRoutes, callersAndRoutes}) {
				t.Errorf("%s: rows by hour, day, caller, and route = %v", when, got)
			}
		}
		purge(models.UsageHoursKept - time.Hour)
		want("before 90 days", 1, 1, 1)
		purge(time.Hour)
		want("after 90 days", 0, 1, 1)
		purge(models.UsageDaysKept - models.UsageHoursKept - 24*time.Hour)
		want("before two years", 0, 1, 1)
		purge(24 * time.Hour)
		want("after two years", 0, 0, 0)
	})
}

// TestAddUsageWritesTimesLikeGORM checks that a time written by AddUsage compares as equal.
func TestAddUsageWritesTimesLikeGORM(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		at := s.Now().Add(250 * time.Millisecond)
		record(t, s.Store, countsOf(use{key: key, at: at}))
		var found int64
		if err := s.DB().Model(&models.APIKey{}).Where("last_used_at = ?", at).Count(&found).Error; err != nil || found != 1 {
			t.Errorf("keys last used at %[2]v = %[1]d, %[3]v, want 1", found, at, err)
		}
	})
}

// BenchmarkAddUsage adds the counts of a thousand keys in one transaction.
func BenchmarkAddUsage(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *modelstest.Store{"sqlite": modelstest.NewSQLite, "postgres": modelstest.NewPostgreSQL} {
		b.Run(name, func(b *testing.B) {
			s := open(b)
			workspace, _ := s.NewWorkspace(b, "Acme", "ada@acme.test")
			uses := make([]use, 1000)
			for i := range uses {
				key, _, err := s.CreateAPIKey(b.Context(), workspace.ID, models.NewAPIKey{Name: "CI"})
				if err != nil {
					b.Fatal(err)
				}
				uses[i] = use{key, s.Now(), "192.0.2.1", "curl/8", "GET /me"}
			}
			for b.Loop() {
				for i := range uses {
					uses[i].at = uses[i].at.Add(time.Second)
				}
				if err := s.AddUsage(b.Context(), countsOf(uses...)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/float64(len(uses)), "µs/key")
		})
	}
}

// TestManyKeysAtOnce adds more rows than one statement takes.
func TestManyKeysAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		const batches, keys = 6, 5000
		var others []use
		for range keys {
			others = append(others, use{key: &models.APIKey{ID: s.NewID("key"), WorkspaceID: s.id}, at: s.Now(), userAgent: "curl/8"})
		}
		for range batches {
			if err := s.AddUsage(t.Context(), countsOf(append(others, use{key: key, at: s.Now()})...)); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.requests(t, key); got != batches {
			t.Errorf("requests = %d", got)
		}
		for _, other := range []int{0, keys / 2, keys - 1} {
			if got := s.requests(t, others[other].key); got != batches {
				t.Errorf("requests of key %[2]d = %[1]d", got, other)
			}
		}
	})
}

// BenchmarkUsageSize measures the size of the usage of keys that were each used once. Run it with
// -benchtime 1x.
func BenchmarkUsageSize(b *testing.B) {
	const keys, each = 100_000, 1000
	databases := []struct {
		name string
		open func(testing.TB) *modelstest.Store
		size string
	}{
		{"sqlite", modelstest.NewSQLite, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"},
		{"postgres", modelstest.NewPostgreSQL, `SELECT sum(pg_total_relation_size(name)) FROM unnest(CAST('{api_key_usage_hours,api_key_usage_days,api_key_route_uses,api_key_callers}' AS regclass[])) AS name`},
	}
	for _, database := range databases {
		b.Run(database.name, func(b *testing.B) {
			s := database.open(b)
			size := func() (bytes float64) {
				if err := s.DB().Raw(database.size).Scan(&bytes).Error; err != nil {
					b.Fatal(err)
				}
				return bytes
			}
			before, workspaceID := size(), s.NewID("ws")
			for b.Loop() {
				for range keys / each {
					uses := make([]use, each)
					for i := range uses {
						uses[i] = use{&models.APIKey{ID: s.NewID("key"), WorkspaceID: workspaceID}, s.Now(), "192.0.2.1", "curl/8", "GET /me"}
					}
					if err := s.AddUsage(b.Context(), countsOf(uses...)); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric((size()-before)/float64(keys*b.N), "B/key")
		})
	}
}
