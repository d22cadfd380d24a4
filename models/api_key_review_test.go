package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

const dayLong = 24 * time.Hour

// aged creates a key some time ago.
func (s fixture) aged(t *testing.T, n models.NewAPIKey, age time.Duration) *models.APIKey {
	t.Helper()
	key := s.keyOf(t, n)
	s.set(t, &models.APIKey{}, "id", key.ID, "created_at", s.Now().Add(-age))
	return s.read(t, key)
}

// set changes a time in the row with an id.
func (s fixture) set(t *testing.T, row any, idColumn, id, column string, at time.Time) {
	t.Helper()
	if err := s.DB().Model(row).Where(idColumn+" = ?", id).UpdateColumn(column, at).Error; err != nil {
		t.Fatal(err)
	}
}

// calls records one request with a key, some time ago.
func (s fixture) calls(t *testing.T, key *models.APIKey, ago time.Duration, route, scopeWord string, refusal usage.Rejection) {
	t.Helper()
	counts := countsOf(use{key, s.Now().Add(-ago), "192.0.2.7", "curl/8", route})
	counts.Rows[0].Scope, counts.Rows[0].Rejection = scopeWord, refusal
	record(t, s.Store, counts)
}

// The ages at which the default policy reviews keys.
const (
	reviewUnused = 30 * dayLong
	reviewIdle   = 90 * dayLong
	reviewOld    = 365 * dayLong
)

func TestReview(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		eve, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "eve@acme.test", Name: "Eve", Role: models.Admin})
		if err != nil {
			t.Fatal(err)
		}
		hers := s
		hers.ctx = models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: eve.ID, Name: "Eve"})
		one, two := scope.Of(scope.SeatsRead), scope.Of(scope.SeatsRead, scope.MembersWrite)
		s.aged(t, models.NewAPIKey{Name: "Young"}, reviewUnused-time.Minute-time.Millisecond)
		s.aged(t, models.NewAPIKey{Name: "Unused"}, reviewUnused-time.Minute)
		newlyUsed := s.aged(t, models.NewAPIKey{Name: "Newly used"}, 50*dayLong)
		idle := s.aged(t, models.NewAPIKey{Name: "Idle", Scopes: one}, 300*dayLong)
		old := s.aged(t, models.NewAPIKey{Name: "Old", Scopes: one}, reviewOld-time.Minute)
		almostOld := s.aged(t, models.NewAPIKey{Name: "Almost old", Scopes: one}, reviewOld-time.Minute-time.Millisecond)
		greedy := s.aged(t, models.NewAPIKey{Name: "Greedy", Scopes: two}, models.ReviewObserved-time.Minute)
		s.aged(t, models.NewAPIKey{Name: "Unused with scopes", Scopes: two}, models.ReviewObserved-time.Minute)
		modest := s.aged(t, models.NewAPIKey{Name: "Modest", Scopes: two}, 200*dayLong)
		newlyGreedy := s.aged(t, models.NewAPIKey{Name: "Newly greedy", Scopes: two}, models.ReviewObserved-time.Minute-time.Millisecond)
		reviewed := s.Now().Add(time.Minute)
		s.keyThatExpires(t, "Expiring later", reviewed.Add(models.ExpiresSoon+time.Millisecond))
		s.keyThatExpires(t, "Expiring soon", reviewed.Add(models.ExpiresSoon))
		s.keyThatExpires(t, "Expiring in a week", reviewed.Add(7*dayLong))
		s.keyThatExpires(t, "Expiring in a day", reviewed.Add(dayLong))
		expiredNow := s.keyThatExpires(t, "Expired now", reviewed)
		orphan := hers.key(t, "Orphan")
		deleted, expired, paused, quiet := s.key(t, "Deleted"), s.key(t, "Expired"), s.key(t, "Paused"), s.key(t, "Quiet")
		resumed, silent := s.key(t, "Resumed"), s.key(t, "Refused while it lived")
		s.calls(t, silent, time.Hour, "GET /members", "members.read", usage.RejectedScope)
		s.delete(t, silent)
		s.calls(t, idle, reviewIdle-time.Minute, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, almostOld, reviewIdle-time.Minute-time.Millisecond, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, old, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, greedy, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, greedy, time.Hour, "POST /workspace_members", "members.write", usage.RejectedRateLimit)
		s.calls(t, modest, 2*time.Hour, "POST /workspace_members", "members.write", usage.Accepted)
		s.calls(t, modest, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, newlyGreedy, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.delete(t, deleted)
		s.delete(t, quiet)
		s.set(t, &models.APIKey{}, "id", expired.ID, "expires_at", s.Now().Add(-dayLong))
		for key, until := range map[*models.APIKey]time.Duration{paused: time.Hour, resumed: time.Minute} {
			if _, err := s.PauseAPIKey(s.ctx, s.id, key.ID, s.Now().Add(until)); err != nil {
				t.Fatal(err)
			}
		}
		s.Clock.Advance(time.Minute)
		s.calls(t, expiredNow, 0, "GET /me", "", usage.RejectedExpired)
		s.calls(t, resumed, time.Second, "GET /me", "", usage.RejectedPaused)
		s.calls(t, deleted, 0, "GET /me", "", usage.RejectedDeleted)
		s.calls(t, deleted, 30*time.Second, "GET /seats", "", usage.RejectedDeleted)
		s.calls(t, expired, 0, "GET /me", "", usage.RejectedExpired)
		s.calls(t, paused, 0, "GET /me", "", usage.RejectedPaused)
		s.calls(t, quiet, models.ReviewStillUsed, "GET /me", "", usage.RejectedDeleted)
		if _, err := s.DeactivateMember(s.ctx, s.id, eve.ID); err != nil {
			t.Fatal(err)
		}
		other := newFixture(t, s.Store, "Other", "mallory@other.test")
		another := other.aged(t, models.NewAPIKey{Name: "Another's"}, 400*dayLong)
		other.calls(t, another, 399*dayLong, "GET /me", "", usage.Accepted)
		if err := s.AddUsage(t.Context(), countsOf(use{newlyUsed, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil {
			t.Fatal(err)
		}

		want := map[models.Finding][]string{
			models.FindUnused:    {"Unused with scopes", "Unused"},
			models.FindIdle:      {"Idle"},
			models.FindExpiring:  {"Expiring in a day", "Expiring in a week", "Expiring soon"},
			models.FindOld:       {"Old"},
			models.FindScopes:    {"Greedy"},
			models.FindOwnerLeft: {"Orphan"},
			models.FindStillUsed: {"Paused", "Expired", "Deleted", "Expired now"},
		}
		review, err := s.ReviewAPIKeys(s.ctx, s.id)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range models.Findings {
			if diff := cmp.Diff(want[finding], keyNamesOf(t, s, models.APIKeyFilter{Finding: finding})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", finding, diff)
			}
			if review.Counts[finding] != int64(len(want[finding])) {
				t.Errorf("%s: count = %d, want %d", finding, review.Counts[finding], len(want[finding]))
			}
		}
		modelstest.Equal(t, "within week", review.WithinWeek, 2)
		modelstest.Equal(t, "within day", review.WithinDay, 1)
		modelstest.Equal(t, "scopes observed", review.ScopesObserved(s.Now()), true)
		modelstest.Equal(t, "recorded since", review.RecordedSince, new(s.Now().Add(-reviewIdle).Truncate(dayLong)))
		if got := keyNamesOf(t, s, models.APIKeyFilter{Finding: models.FindStillUsed, Status: models.KeyDeleted, Search: "del"}); len(got) != 1 {
			t.Errorf("keys with a status and a search = %q", got)
		}
		if got := keyNamesOf(t, s, models.APIKeyFilter{Finding: "dull"}); got != nil {
			t.Errorf("keys with an unknown finding = %q, want none", got)
		}

		evidence := func(finding models.Finding, key *models.APIKey) models.Evidence {
			t.Helper()
			all, err := s.EvidenceOf(s.ctx, s.id, finding, []models.APIKey{*s.read(t, key)})
			if err != nil {
				t.Fatal(err)
			}
			return all[key.ID]
		}
		if got := evidence(models.FindScopes, greedy); got.UnusedScopes != scope.Of(scope.MembersWrite) || !got.ObservedSince.Equal(greedy.CreatedAt) {
			t.Errorf("evidence of the key with unused scopes = %+v", got)
		}
		if got := evidence(models.FindOwnerLeft, orphan); got.GoneAt == nil || !got.GoneAt.Equal(s.Now()) {
			t.Errorf("evidence of the key whose owner left = %+v", got)
		}
		got := evidence(models.FindStillUsed, deleted).RejectedUses
		modelstest.Equal(t, "requests", got.Requests, 2)
		if len(got.Callers) != 1 {
			t.Fatalf("callers = %+v, want 1", got.Callers)
		}
		modelstest.Equal(t, "callers[0] address", got.Callers[0].Address, "192.0.2.7")
		modelstest.Equal(t, "last", got.Last, s.Now())
		modelstest.Equal(t, "since", got.Since, s.Now().Add(-30*time.Second))
	})
}

// TestScopesAreReviewedAfterAMonth checks that a scope used once a month isn't reported as unused too
// early.
func TestScopesAreReviewedAfterAMonth(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		greedy := s.aged(t, models.NewAPIKey{Name: "Greedy", Scopes: scope.All}, 200*dayLong)
		s.Clock.Advance(s.Now().Truncate(dayLong).Add(dayLong).Sub(s.Now())) // usage is known by whole days
		for _, tt := range []struct {
			recorded time.Duration
			found    int64
		}{{-1, 0}, {time.Hour, 0}, {models.ReviewObserved - dayLong, 0}, {models.ReviewObserved, 1}} {
			if tt.recorded >= 0 {
				s.calls(t, greedy, tt.recorded, "GET /seats", "seats.read", usage.Accepted)
			}
			review, err := s.ReviewAPIKeys(s.ctx, s.id)
			listed := keyNamesOf(t, s, models.APIKeyFilter{Finding: models.FindScopes})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "keys found", review.Counts[models.FindScopes], tt.found)
			modelstest.Equal(t, "listed", int64(len(listed)), tt.found)
			modelstest.Equal(t, "review scopes observed", review.ScopesObserved(s.Now()), tt.found > 0)
		}
	})
}

func TestReviewAny(t *testing.T) {
	counts := map[models.Finding]int64{models.FindUnused: 0, models.FindOld: 0}
	if (models.Review{}).Any() || (models.Review{Counts: counts}).Any() {
		t.Error("there is something where nothing was found")
	}
	counts[models.FindOld] = 1
	if !(models.Review{Counts: counts}).Any() {
		t.Error("there is nothing where one key was found")
	}
}

// TestReviewOfManyKeys checks that a review takes three queries, that none scans the rows of all
// workspaces, and that PostgreSQL doesn't compile them, which takes longer than running them.
func TestReviewOfManyKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the tables")
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillKeys(t, s.id, s.admin.ID, 10_000)
		s.Exec(t, `INSERT INTO api_key_callers (api_key_id, workspace_id, address, user_agent, accepted, refused, first_seen_at, last_seen_at, last_refused_at, last_refusal, last_refused_route)
			SELECT 'other_' || i || api_key_id, 'ws_other', address, user_agent, accepted, refused, first_seen_at, last_seen_at, last_refused_at, last_refusal, last_refused_route
			FROM api_key_callers, (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) AS copies`)
		s.Exec(t, "ANALYZE")
		var took time.Duration
		for range 5 {
			start := time.Now()
			if _, err := s.ReviewAPIKeys(s.ctx, s.id); err != nil {
				t.Fatal(err)
			}
			if now := time.Since(start); took == 0 || now < took {
				took = now
			}
		}
		t.Logf("%s: the quickest review of 10,000 keys took %v", s.DB().Name(), took)
		asked := s.asksOf(t, func() error { _, err := s.ReviewAPIKeys(s.ctx, s.id); return err })
		if len(asked) != 3 {
			t.Errorf("queries = %d, want 3: %+v", len(asked), asked)
		}
		for _, one := range asked {
			plan := s.plan(t, one)
			if strings.Contains(plan, "JIT:") {
				t.Errorf("is compiled:\n%s", plan)
			}
			for _, bad := range []string{"api_key_usage_days", "api_key_callers", "api_key_route_uses"} {
				if strings.Contains(plan, "SCAN "+bad+"\n") || strings.Contains(plan, "Seq Scan on "+bad+" ") {
					t.Errorf("%s is read from end to end:\n%s", bad, plan)
				}
			}
		}
	})
}

// asksOf returns the queries that do sends to the database.
func (s fixture) asksOf(t *testing.T, do func() error) (asked []query) {
	t.Helper()
	rows := s.DB().Callback().Row()
	err := rows.After("gorm:row").Register("note rows", func(db *gorm.DB) { asked = append(asked, query{db.Statement.SQL.String(), db.Statement.Vars}) })
	if err != nil {
		t.Fatal(err)
	}
	whole := s.queriesOf(t, do)
	if err := rows.Remove("note rows"); err != nil {
		t.Fatal(err)
	}
	return append(asked, whole...)
}
