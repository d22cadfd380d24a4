package models_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestTxIsAtomic(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		create := func(tx *models.Store, name string) {
			t.Helper()
			if _, _, err := tx.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
		tests := []struct {
			name string
			fn   func(tx *models.Store) error
		}{
			{"the only one fails", func(tx *models.Store) error { create(tx, "a"); return errStop }},
			{"the outer fails after the inner", func(tx *models.Store) error {
				create(tx, "a")
				if err := tx.Tx(s.ctx, func(tx *models.Store) error { create(tx, "b"); return nil }); err != nil {
					t.Error(err)
				}
				return errStop
			}},
			{"the inner fails", func(tx *models.Store) error {
				create(tx, "a")
				return tx.Tx(s.ctx, func(tx *models.Store) error { create(tx, "b"); return errStop })
			}},
		}
		for _, tt := range tests {
			wantUnchanged(t, s.Store, func() {
				if err := s.Tx(s.ctx, tt.fn); !errors.Is(err, errStop) {
					t.Errorf("%s: error = %v, want errStop", tt.name, err)
				}
			})
		}
		wantUnchanged(t, s.Store, func() {
			defer func() {
				if recover() == nil {
					t.Error("Tx recovered a panic")
				}
			}()
			_ = s.Tx(s.ctx, func(tx *models.Store) error { create(tx, "a"); panic("stop") })
		})
		err := s.Tx(s.ctx, func(tx *models.Store) error {
			create(tx, "a")
			wantNames(t, s, s.Store.Store) // not visible outside the transaction yet
			wantNames(t, s, tx, "a")
			_ = tx.Tx(s.ctx, func(tx *models.Store) error { create(tx, "b"); return errStop }) // joins the outer transaction
			return tx.Tx(s.ctx, func(tx *models.Store) error { create(tx, "c"); return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, s, s.Store.Store, "c", "b", "a")
	})
}

// wantNames fails unless the keys that s sees have these names, the newest first.
func wantNames(t *testing.T, at fixture, s *models.Store, want ...string) {
	t.Helper()
	page, err := s.APIKeysInState(at.ctx, at.id, models.StateActive, models.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, key := range page.Items {
		names = append(names, key.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("the keys are %q, want %q", names, want)
	}
}

func TestTxHasFixedTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		var key *models.APIKey
		start := s.Now()
		err := s.Tx(s.ctx, func(tx *models.Store) (err error) {
			s.Clock.Advance(time.Hour)
			if got := tx.Now(); !got.Equal(start) {
				t.Errorf("inside it is %v, want %v", got, start)
			}
			if key, _, err = tx.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"}); err != nil {
				return err
			}
			s.Clock.Advance(time.Hour)
			_, err = tx.UpdateAPIKey(s.ctx, s.id, key.ID, models.KeyUpdate{Name: models.To("Builds")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Now(); !got.Equal(start.Add(2 * time.Hour)) {
			t.Errorf("Now() after the transaction = %v", got)
		}
		stored, err := s.APIKey(s.ctx, s.id, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !stored.CreatedAt.Equal(start) || !stored.UpdatedAt.Equal(start) {
			t.Errorf("CreatedAt = %v, UpdatedAt = %v; want both to be %v", stored.CreatedAt, stored.UpdatedAt, start)
		}
		for _, event := range eventsOf(t, s, key.ID) {
			if !event.CreatedAt.Equal(start) {
				t.Errorf("%s is noted at %v, want %v", event.Action, event.CreatedAt, start)
			}
		}
	})
}

func TestRowsOfAChangeShareOneTime(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": modelstest.SQLiteURL, "postgres": modelstest.PostgreSQLURL} {
		t.Run(name, func(t *testing.T) {
			clock := modelstest.NewClock()
			ticking := func() time.Time { clock.Advance(time.Second); return clock.Now() }
			store, err := models.Open(address(t), models.Options{Clock: ticking})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			if _, err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := &modelstest.Store{Store: store}
			workspace, admin := s.NewWorkspace(t, "Acme", "ada@acme.test")
			events, err := store.AuditEventsOf(t.Context(), workspace.ID, workspace.ID, 10)
			if err != nil || len(events) != 1 {
				t.Fatalf("events = %v, error = %v; want 1", events, err)
			}
			for what, at := range map[string]time.Time{
				"workspace updated": workspace.UpdatedAt, "user": admin.User.CreatedAt, "member": admin.CreatedAt, "event": events[0].CreatedAt,
			} {
				if !at.Equal(workspace.CreatedAt) {
					t.Errorf("time of %s = %v, want that of the workspace, %v", what, at, workspace.CreatedAt)
				}
			}
		})
	}
}

func TestIDsAreUniqueAndIncreasing(t *testing.T) {
	s := modelstest.NewSQLite(t)
	for _, tt := range []struct {
		name string
		step time.Duration
	}{
		{"within one millisecond", 0},
		{"across milliseconds", 300 * time.Microsecond},
		{"while the clock is set back", -300 * time.Microsecond},
	} {
		seen := map[string]bool{}
		for _, ids := range atOnce(8, func(int) []string {
			ids := make([]string, 500)
			for i := range ids {
				ids[i] = s.NewID("key")
				s.Clock.Advance(tt.step)
			}
			return ids
		}) {
			if !slices.IsSorted(ids) {
				t.Errorf("%s: IDs are not in ascending order", tt.name)
			}
			for _, id := range ids {
				if seen[id] {
					t.Fatalf("%s: ID %s is a duplicate", tt.name, id)
				}
				modelstest.Equal(t, tt.name+" ID length", len(id), len("key_")+26)
				if !strings.HasPrefix(id, "key_") {
					t.Errorf("%s: ID = %q, want prefix key_", tt.name, id)
				}
				seen[id] = true
			}
		}
	}
}

func TestIDsIncreaseInsideTx(t *testing.T) {
	s := modelstest.NewSQLite(t)
	err := s.Tx(context.Background(), func(tx *models.Store) error {
		last := ""
		for range 20 {
			id := tx.NewID("key")
			if id <= last {
				t.Errorf("ID %s follows %s", id, last)
			}
			last = id
			s.Clock.Advance(time.Millisecond)
			s.NewID("key")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimesAreExactAndSortable(t *testing.T) {
	east, west := time.FixedZone("east", 5*3600+1800), time.FixedZone("west", -8*3600)
	base := modelstest.Start.Add(48 * time.Hour)
	later := []time.Duration{ // in order
		0, time.Millisecond, 10 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 101 * time.Millisecond,
		999 * time.Millisecond, time.Second, 1100 * time.Millisecond, 10 * time.Second, time.Minute, 10 * time.Hour, 400 * 24 * time.Hour,
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		made := make([]string, len(later))
		for _, i := range []int{7, 3, 12, 0, 9, 5, 1, 11, 4, 8, 2, 10, 6} {
			at := base.Add(later[i]).In([]*time.Location{time.UTC, east, west}[i%3])
			finer := at.Add(400 * time.Microsecond)
			key, secret, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI", ExpiresAt: &finer})
			if err != nil {
				t.Fatal(err)
			}
			stored, err := s.APIKeyByDigest(s.ctx, secret.Digest())
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string]time.Time{"returned": *key.ExpiresAt, "stored": *stored.ExpiresAt} {
				if !got.Equal(at) || got.Location() != time.UTC {
					t.Errorf("%s %v, want %v in UTC", what, got, at)
				}
			}
			if !stored.CreatedAt.Equal(key.CreatedAt) || stored.CreatedAt.Location() != time.UTC {
				t.Errorf("CreatedAt = %v, stored as %v", key.CreatedAt, stored.CreatedAt)
			}
			made[i] = key.ID
			if err := s.DB().Model(key).Where("id = ?", key.ID).UpdateColumn("created_at", at).Error; err != nil {
				t.Fatal(err)
			}
		}
		for _, column := range []string{"expires_at", "created_at"} {
			var sorted []string
			if err := s.DB().Table("api_keys").Order(column).Pluck("id", &sorted).Error; err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sorted, made) {
				t.Errorf("ordered by %s: %v, want %v", column, sorted, made)
			}
		}
	})
}
