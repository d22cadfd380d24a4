package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func idsOfKeys(keys ...*models.APIKey) (ids []string) {
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return ids
}

func TestAPIKeysByID(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		older, newer, deleted := s.key(t, "Older"), s.key(t, "Newer"), s.key(t, "Deleted")
		s.key(t, "Not requested")
		s.delete(t, deleted)
		hers := newFixture(t, s.Store, "Other", "eve@other.test").key(t, "Hers")
		if err := s.AddUsage(t.Context(), countsOf(use{older, s.Now(), "192.0.2.7", "curl/8", "GET /me"})); err != nil {
			t.Fatal(err)
		}
		keys, err := s.APIKeysByID(s.ctx, s.id, append(idsOfKeys(older, hers, newer, deleted), "key_1"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, key := range keys {
			names = append(names, key.Name)
		}
		if diff := cmp.Diff([]string{"Deleted", "Newer", "Older"}, names); diff != "" {
			t.Fatalf("names (-want +got):\n%s", diff)
		}
		if keys[0].DeletedAt == nil {
			t.Error("DeletedAt of the deleted key is nil")
		}
		if keys[2].LastUsedAt == nil {
			t.Error("LastUsedAt of the used key is nil")
		}
		for _, ids := range [][]string{nil, make([]string, models.MaxSelectedKeys+1)} {
			_, err := s.APIKeysByID(s.ctx, s.id, ids)
			wantKind(t, err, models.Invalid)
		}
	})
}

func TestBulkDeleteAPIKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		var keys []*models.APIKey
		for i := range models.MaxSelectedKeys {
			keys = append(keys, s.key(t, fmt.Sprint("Robot ", i)))
		}
		left := s.key(t, "Left")
		used := s.Now()
		if err := s.AddUsage(t.Context(), countsOf(use{keys[3], used, "192.0.2.7", "curl/8", "GET /me"})); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE revocation SET wait_ms = 200")
		ids := append(idsOfKeys(keys...), keys[0].ID)
		if _, err := s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.NoConfirmation); !models.IsKind(err, models.Invalid) {
			t.Fatalf("delete more keys than allowed: error = %v, want Invalid", err)
		}
		ids = append(idsOfKeys(keys[1:]...), keys[1].ID)
		ids[0], ids[7] = ids[7], ids[0] // unsorted
		start := time.Now()
		deleted, err := s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		if len(deleted) != len(keys)-1 {
			t.Fatalf("deleted %d keys, want %d", len(deleted), len(keys)-1)
		}
		if took := time.Since(start); took < 210*time.Millisecond {
			t.Errorf("returned after %v, before all leases ended", took)
		}
		for i, key := range deleted {
			receipt, is := key.DeletionReceipt()
			modelstest.Equal(t, "key ID", key.ID, ids[i])
			modelstest.Equal(t, "has a receipt", is, true)
			if receipt.EffectiveAt == nil {
				t.Error("receipt effective at = nil, want a value")
			}
			modelstest.Equal(t, "key changed epoch", key.ChangedEpoch, deleted[0].ChangedEpoch)
			if i == 2 && (receipt.LastUsedAt == nil || receipt.LastUsedAddress != "192.0.2.7") {
				t.Errorf("receipt of the used key = %+v, want its last use", receipt)
			}
		}
		for _, key := range []*models.APIKey{keys[0], left} {
			if s.read(t, key).DeletedAt != nil {
				t.Errorf("%s was deleted, but not selected", key.Name)
			}
		}
		events := eventsOf(t, s, keys[1].ID)
		if events[0].Action != "api_key.deletion_in_force" || events[1].Action != "api_key.deleted" {
			t.Errorf("events = %+v, want a deletion and its receipt", events[:2])
		}
	})
}

func TestBulkDeleteDeletesAllOrNone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		first, second, deleted := s.key(t, "First"), s.key(t, "Second"), s.key(t, "Deleted")
		s.delete(t, deleted)
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		hers := other.key(t, "Hers")
		wantUnchanged(t, s.Store, func() {
			for name, id := range map[string]string{"deleted": deleted.ID, "another workspace's": hers.ID, "missing": "key_1"} {
				_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, []string{first.ID, id, second.ID}, models.NoConfirmation)
				if !models.IsKind(err, models.NotFound) || !strings.Contains(err.Error(), "Nothing was deleted") {
					t.Errorf("with a key that is %s: error = %v, want NotFound", name, err)
				}
			}
			_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, nil, models.NoConfirmation)
			wantKind(t, err, models.Invalid)
		})
	})
}

func TestBulkDeleteRejectsRotationsInUse(t *testing.T) {
	steps := []struct {
		name  string
		moved bool
		after time.Duration // since the last use of the old key
		inUse bool
	}{
		{"not moved", false, 7 * 24 * time.Hour, true},
		{"moved, in use within a day", true, time.Hour, true},
		{"moved and quiet", true, 24 * time.Hour, false},
		{"quiet for a month", false, models.RotationWindow + time.Second, false},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, step := range steps {
			old, idle := s.key(t, "CI"), s.key(t, "Idle")
			next := s.rotate(t, old)
			uses := []use{{old, s.Now(), "192.0.2.7", "a/1", "GET /me"}}
			if step.moved {
				uses = append(uses, use{next, s.Now(), "192.0.2.7", "a/1", "GET /me"})
			}
			if err := s.AddUsage(t.Context(), countsOf(uses...)); err != nil {
				t.Fatal(err)
			}
			s.Clock.Advance(step.after)
			ids := idsOfKeys(idle, old)
			if step.inUse {
				_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.NoConfirmation)
				wantKind(t, err, models.FailedPrecondition)
				wantContains(t, fmt.Sprint(err), old.KeyPrefix)
				wantUnchanged(t, s.Store, func() {
					wantKind(t, errOf(s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.NoConfirmation)), models.FailedPrecondition)
				})
				ids = idsOfKeys(idle, next) // cancels the rotation
			}
			if _, err := s.BulkDeleteAPIKeys(s.ctx, s.id, ids, models.NoConfirmation); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			after := s.read(t, old)
			if deleted := after.DeletedAt != nil; deleted == step.inUse {
				t.Errorf("%s: old key deleted = %v, want %v", step.name, deleted, !step.inUse)
			}
			if after.IsRotating() {
				t.Errorf("%s: old key is still being rotated", step.name)
			}
		}
	})
}

// Receipts record the time of the commit and the time after the wait, even if the caller has gone.
func TestReceiptsRecordCommitAndEffect(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		keys := []*models.APIKey{s.key(t, "First"), s.key(t, "Second")}
		s.Exec(t, "UPDATE revocation SET wait_ms = 1000")
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		start := s.Now()
		var passed sync.Once // the clock of the transaction itself stands still
		updates := s.DB().Callback().Update()
		if err := updates.After("gorm:update").Register("time passes", func(*gorm.DB) { passed.Do(func() { s.Clock.Advance(time.Second) }) }); err != nil {
			t.Fatal(err)
		}
		var awaited sync.Once // counting the nodes is the first step after the commit
		rows := s.DB().Callback().Row()
		if err := rows.Before("gorm:row").Register("nodes are awaited", func(db *gorm.DB) {
			if !strings.Contains(db.Statement.SQL.String(), "FROM nodes") {
				return
			}
			awaited.Do(func() {
				s.Clock.Advance(time.Minute)
				cancel()
			})
		}); err != nil {
			t.Fatal(err)
		}
		deleted, err := s.BulkDeleteAPIKeys(ctx, s.id, idsOfKeys(keys...), models.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range deleted {
			receipt, _ := s.read(t, &key).DeletionReceipt()
			modelstest.Equal(t, "key deleted at", key.DeletedAt, new(start))
			modelstest.Equal(t, "receipt committed at", receipt.CommittedAt, start.Add(time.Second))
			if receipt.EffectiveAt == nil {
				t.Error("receipt effective at = nil, want a value")
			}
			modelstest.Equal(t, "receipt took", receipt.Took, time.Minute)
		}
	})
}

func TestConcurrentBulkDeletesHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ids := idsOfKeys(s.key(t, "First"), s.key(t, "Second"), s.key(t, "Third"))
		reversed := []string{ids[2], ids[1], ids[0]}
		wantOneWinner(t, atOnce(6, func(i int) error {
			order := ids
			if i%2 == 1 {
				order = reversed
			}
			_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, order, models.NoConfirmation)
			return err
		}), isNotFound)
	})
}

func TestConcurrentRotationAndBulkDeleteHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 30 {
			key, idle := s.key(t, "CI"), s.key(t, "Idle")
			record(t, s.Store, countsOf(use{key, s.Now(), "192.0.2.7", "a/1", "GET /me"}))
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					_, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
					return err
				}
				_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, idsOfKeys(idle, key), models.NoConfirmation)
				return err
			})
			rotated, deleted := errs[0] == nil && models.IsKind(errs[1], models.FailedPrecondition), errs[1] == nil && isNotFound(errs[0])
			if rotated == deleted {
				t.Fatalf("rotate: %v; delete: %v; want one of them to succeed", errs[0], errs[1])
			}
		}
	})
}

// Both transactions lock an old key and its replacement.
func TestBulkDeleteDoesNotDeadlockWithUsage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 15 {
			var olds, news []*models.APIKey
			var uses []use
			for range 5 {
				old := s.key(t, "CI")
				next := s.rotate(t, old)
				olds, news = append(olds, old), append(news, next)
				uses = append(uses, use{old, s.Now(), "", "", "GET /me"}, use{next, s.Now(), "", "", "GET /me"})
			}
			deleted := make(chan struct{})
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					defer close(deleted)
					_, err := s.BulkDeleteAPIKeys(s.ctx, s.id, idsOfKeys(news...), models.NoConfirmation)
					return err
				}
				for {
					if err := s.AddUsage(t.Context(), countsOf(uses...)); err != nil {
						return err
					}
					select {
					case <-deleted:
						return nil
					default:
					}
				}
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			if s.read(t, olds[0]).IsRotating() {
				t.Fatal("old key is still being rotated after its replacement was deleted")
			}
		}
	})
}

func TestTrafficOfCountsAcceptedRequests(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		busy, idle := s.key(t, "Busy"), s.key(t, "Idle")
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		hers := other.key(t, "Hers")
		now := s.Now()
		for _, u := range []use{
			{busy, now.Add(-time.Hour).Truncate(time.Hour), "192.0.2.8", "curl/8", "GET /me"},
			{busy, now.Add(-24 * time.Hour).Truncate(time.Hour), "192.0.2.8", "curl/8", "GET /me"},
			{busy, now.Add(-30 * 24 * time.Hour).Truncate(24 * time.Hour), "192.0.2.6", "Go", "GET /seats"},
			{busy, now.Add(-20 * 24 * time.Hour), "192.0.2.7", "Go", "GET /api_keys"},
			{busy, now.Add(-30 * 24 * time.Hour).Truncate(24 * time.Hour).Add(-time.Millisecond), "192.0.2.9", "Go", "GET /members"},
			{hers, now, "192.0.2.7", "curl/8", "GET /me"},
		} {
			if err := s.AddUsage(t.Context(), countsOf(u)); err != nil {
				t.Fatal(err)
			}
		}
		refused := countsOf(use{busy, now, "192.0.2.66", "curl/8", "GET /me"})
		refused.Rows[0].Rejection = usage.RejectedRateLimit
		if err := s.AddUsage(t.Context(), refused); err != nil {
			t.Fatal(err)
		}
		traffic, err := s.TrafficOf(s.ctx, s.id, idsOfKeys(busy, idle, hers))
		if err != nil {
			t.Fatal(err)
		}
		got := traffic.Of(busy.ID)
		var addresses []string
		for _, caller := range got.Callers {
			addresses = append(addresses, caller.Address)
		}
		routes := []models.RouteTraffic{{APIKeyID: busy.ID, Route: "GET /me", Requests: 2}, {APIKeyID: busy.ID, Route: "GET /api_keys", Requests: 1}, {APIKeyID: busy.ID, Route: "GET /seats", Requests: 1}}
		diff := cmp.Diff(routes, got.Routes) + cmp.Diff([]string{"192.0.2.8", "192.0.2.7", "192.0.2.6"}, addresses)
		if diff != "" {
			t.Errorf("traffic of the busy key (-want +got):\n%s", diff)
		}
		modelstest.Equal(t, "hour of the busy key", got.Hour, 1)
		modelstest.Equal(t, "day of the busy key", got.Day, 2)
		modelstest.Equal(t, "month of the busy key", got.Month, 4)
		for name, id := range map[string]string{"the idle": idle.ID, "another workspace's": hers.ID} {
			if of := traffic.Of(id); of.Month != 0 || len(of.Callers) != 0 {
				t.Errorf("traffic of %s key = %+v, want none", name, of)
			}
		}
		total := traffic.Total()
		modelstest.Equal(t, "hour", total.Hour, 1)
		modelstest.Equal(t, "day", total.Day, 2)
		modelstest.Equal(t, "month", total.Month, 4)
		modelstest.Equal(t, "routes", len(total.Routes), 3)
		modelstest.Equal(t, "callers", len(total.Callers), 3)
		if now.Sub(traffic.HourFrom) < time.Hour {
			t.Errorf("hour = %v long, want at least %v", now.Sub(traffic.HourFrom), time.Hour)
		}
		if now.Sub(traffic.DayFrom) < 24*time.Hour {
			t.Errorf("day = %v long, want at least %v", now.Sub(traffic.DayFrom), 24*time.Hour)
		}
		if now.Sub(traffic.MonthFrom) < 30*24*time.Hour {
			t.Errorf("month = %v long, want at least %v", now.Sub(traffic.MonthFrom), 30*24*time.Hour)
		}
	})
}
