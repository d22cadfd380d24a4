package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// evidence returns the evidence for a finding about keys, by key id.
func (s fixture) evidence(t *testing.T, finding models.Finding, keys ...*models.APIKey) map[string]models.Evidence {
	t.Helper()
	var rows []models.APIKey
	for _, key := range keys {
		rows = append(rows, *key)
	}
	evidence, err := s.EvidenceOf(s.ctx, s.id, finding, rows)
	if err != nil {
		t.Fatal(err)
	}
	return evidence
}

// TestScopesAreObservedSince checks the later of the first recorded usage and the creation of the key.
func TestScopesAreObservedSince(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		elsewhere := newFixture(t, s.Store, "Other", "eve@other.test")
		elsewhere.calls(t, elsewhere.key(t, "Theirs"), 80*dayLong, "GET /me", "", usage.Accepted)
		old := s.aged(t, models.NewAPIKey{Name: "Old", Scopes: scope.Of(scope.SeatsRead)}, 100*dayLong)
		young := s.aged(t, models.NewAPIKey{Name: "Young", Scopes: scope.Of(scope.SeatsRead)}, 20*dayLong)
		if got := s.evidence(t, models.FindScopes, old)[old.ID]; !got.ObservedSince.Equal(old.CreatedAt) {
			t.Errorf("evidence without usage = %+v", got)
		}
		s.calls(t, old, 50*dayLong, "GET /me", "", usage.Accepted)
		got := s.evidence(t, models.FindScopes, old, young)
		if since := s.Now().Add(-50 * dayLong).Truncate(dayLong); !got[old.ID].ObservedSince.Equal(since) || !got[young.ID].ObservedSince.Equal(young.CreatedAt) {
			t.Errorf("evidence with usage since %v = %+v", since, got)
		}
	})
}

// TestRejectedUses checks recent requests with keys that are no longer accepted.
func TestRejectedUses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		start := s.Now()
		deleted, paused, expired := s.key(t, "Deleted"), s.key(t, "Paused"), s.keyThatExpires(t, "Expired", start.Add(time.Minute))
		knock := func(key *models.APIKey, address string, why usage.Rejection) {
			t.Helper()
			counts := countsOf(use{key, s.Now(), address, "curl/8", "GET /me"})
			counts.Rows[0].Rejection = why
			record(t, s.Store, counts)
		}
		for _, key := range []*models.APIKey{deleted, paused, expired} {
			knock(key, "192.0.2.1", usage.RejectedScope) // it lives still
			knock(key, "192.0.2.9", usage.RejectedScope)
		}
		s.Clock.Advance(time.Minute)
		s.delete(t, deleted)
		if _, err := s.PauseAPIKey(s.ctx, s.id, paused.ID, s.Now().Add(80*dayLong)); err != nil {
			t.Fatal(err)
		}
		dead := s.Now()
		hers := newFixture(t, s.Store, "Other", "eve@other.test").key(t, "Hers")
		for _, address := range []string{"192.0.2.3", "192.0.2.2", "192.0.2.1"} {
			s.Clock.Advance(time.Minute)
			knock(deleted, address, usage.RejectedDeleted)
			knock(paused, address, usage.RejectedPaused)
			knock(expired, address, usage.RejectedExpired)
			knock(hers, address, usage.RejectedPaused)
		}
		knock(deleted, "192.0.2.3", usage.RejectedDeleted)
		for _, tt := range []struct {
			after    time.Duration // since the last knock
			requests int64
			callers  []string
		}{
			{0, 4, []string{"192.0.2.1", "192.0.2.3", "192.0.2.2"}},
			{models.ReviewStillUsed - time.Minute, 4, []string{"192.0.2.1", "192.0.2.3"}}, // the other is a week ago
			{models.ReviewStillUsed, 4, nil},
			{30 * dayLong, 4, nil}, // days are counted whole
			{31 * dayLong, 0, nil},
		} {
			now := dead.Add(3*time.Minute + tt.after)
			s.Clock.Advance(now.Sub(s.Now()))
			for key, requests := range map[*models.APIKey]int64{deleted: tt.requests, paused: max(tt.requests-1, 0), expired: max(tt.requests-1, 0), hers: 0} {
				got := s.evidence(t, models.FindStillUsed, s.anywhere(t, key))[key.ID].RejectedUses
				var callers []string
				for _, caller := range got.Callers {
					callers = append(callers, caller.Address)
				}
				want := tt.callers
				switch {
				case key == hers:
					want = nil
				case key != deleted && len(want) == 3:
					want = []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
				case key != deleted && len(want) == 2:
					want = want[:1]
				}
				if diff := cmp.Diff(want, callers); diff != "" || got.Requests != requests {
					t.Errorf("after %v, %s: requests = %d, want %d; callers (-want +got):\n%s", tt.after, key.Name, got.Requests, requests, diff)
				}
				if key != hers && (!got.Since.Equal(dead) || len(callers) > 0 && !got.Last.Equal(dead.Add(3*time.Minute))) {
					t.Errorf("after %v, %s: requests from %v to %v, inactive since %v", tt.after, key.Name, got.Since, got.Last, dead)
				}
			}
		}
	})
}

// TestRejectedUsesStartWithTheFirstCaller uses a key first by a caller that is not the latest.
func TestRejectedUsesStartWithTheFirstCaller(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "Deleted")
		s.delete(t, key)
		s.Clock.Advance(time.Hour)
		first := s.Now()
		for i, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"} {
			counts := countsOf(use{key, first.Add(time.Duration(i) * time.Minute), address, "curl/8", "GET /me"})
			counts.Rows[0].Rejection = usage.RejectedDeleted
			record(t, s.Store, counts)
		}
		if got := s.evidence(t, models.FindStillUsed, s.read(t, key))[key.ID].RejectedUses; !got.Since.Equal(first) || got.Callers[0].Address != "192.0.2.2" {
			t.Errorf("since = %v, want %v: %+v", got.Since, first, got)
		}
	})
}

// anywhere returns a key as it is stored now, in any workspace.
func (s fixture) anywhere(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	read, err := s.APIKeyByID(s.ctx, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	return read
}
