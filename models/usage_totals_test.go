package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

// TestUsageTotals counts whole days, and the first day from its hour on.
func TestUsageTotals(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		one, two, unused := s.key(t, "One"), s.key(t, "Two"), s.key(t, "Unused")
		today := s.Now().Truncate(24 * time.Hour)
		since := today.Add(-42*time.Hour + 30*time.Minute) // half past six, the day before yesterday
		for at, times := range map[time.Time]int{
			since.Add(-31 * time.Minute): 50, // the hour before
			since.Add(-29 * time.Minute): 1,  // the hour that it is in
			since.Add(10 * time.Hour):    2,
			today.Add(-24 * time.Hour):   32, // the first hour of a whole day
			today.Add(-time.Millisecond): 4,
			today:                        8,
			today.Add(30 * time.Hour):    16, // by a clock that is ahead
		} {
			for range times {
				record(t, s.Store, countsOf(use{key: one, at: at, route: "GET /me"}))
			}
		}
		s.asked(t, two, today, 0, usage.Accepted)
		s.asked(t, two, today, 0, usage.RejectedScope)
		want := map[string]usage.Total{
			one.ID: {Requests: 63, Days: []int64{3, 36, 24}},
			two.ID: {Requests: 2, Rejected: 1, Days: []int64{0, 0, 2}},
		}
		totals := func(workspaceID string, since time.Time) map[string]usage.Total {
			t.Helper()
			got, err := s.UsageTotals(s.ctx, workspaceID, []string{one.ID, two.ID, unused.ID}, since)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if diff := cmp.Diff(want, totals(s.id, since)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := totals(s.id, s.Now().AddDate(-1, 0, 0))[one.ID]; got.Requests != 113 || len(got.Days) != 366 {
			t.Errorf("in a year: requests = %d in %d days, want 113 in 366", got.Requests, len(got.Days))
		}
		if got := totals(s.id, today.Add(29*time.Hour))[one.ID]; !cmp.Equal(got, usage.Total{Requests: 16, Days: []int64{16}}) {
			t.Errorf("from tomorrow on: %+v", got)
		}
		got, err := s.UsageTotals(s.ctx, s.id, nil, since)
		if err != nil {
			t.Fatal(err)
		}
		if got == nil {
			t.Error("totals = nil, want an empty map")
		}
		modelstest.Equal(t, "totals", len(got), 0)
		if other := totals("ws_other", since); len(other) != 0 {
			t.Errorf("totals in another workspace = %v, want none", other)
		}
	})
}

// TestUsageTotalsWithoutHours counts from the start of the day once hours are purged.
func TestUsageTotalsWithoutHours(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, at := s.key(t, "CI"), s.Now()
		record(t, s.Store, countsOf(use{key: key, at: at}))
		s.Clock.Advance(models.UsageHoursKept + time.Hour)
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := s.UsageTotals(s.ctx, s.id, []string{key.ID}, at)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "requests", got[key.ID].Requests, 1)
		modelstest.Equal(t, "days[0]", got[key.ID].Days[0], 1)
		modelstest.Equal(t, "days", len(got[key.ID].Days), 91)
	})
}

func TestUsageTotalsAreOneQuery(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		record(t, s.Store, countsOf(use{key: key, at: s.Now()}))
		for _, many := range []int{1, 5000} {
			ids := []string{key.ID}
			for len(ids) < many {
				ids = append(ids, s.NewID("key"))
			}
			var got map[string]usage.Total
			queries := s.statements(t, func() (err error) {
				got, err = s.UsageTotals(s.ctx, s.id, ids, s.Now())
				return err
			})
			if queries != 1 || got[key.ID].Requests != 1 {
				t.Errorf("%d keys: queries = %d, totals = %v, want 1 query", many, queries, got)
			}
		}
	})
}
