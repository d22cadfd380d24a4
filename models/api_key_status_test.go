package models_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

var statuses = []models.KeyStatus{models.KeyActive, models.KeyExpiresSoon, models.KeyPaused, models.KeyExpired, models.KeyDeleted}

func TestStatusAt(t *testing.T) {
	now := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	at := func(d time.Duration) *time.Time { return ptr(now.Add(d)) }
	tests := []struct {
		name                     string
		expires, deleted, paused *time.Time
		want                     models.KeyStatus
		accepted                 bool
	}{
		{"never expires", nil, nil, nil, models.KeyActive, true},
		{"expires in a year", at(365 * 24 * time.Hour), nil, nil, models.KeyActive, true},
		{"expires in just over 14 days", at(models.ExpiresSoon + time.Nanosecond), nil, nil, models.KeyActive, true},
		{"expires in exactly 14 days", at(models.ExpiresSoon), nil, nil, models.KeyExpiresSoon, true},
		{"expires in a nanosecond", at(time.Nanosecond), nil, nil, models.KeyExpiresSoon, true},
		{"expires now", at(0), nil, nil, models.KeyExpired, false},
		{"expired a nanosecond ago", at(-time.Nanosecond), nil, nil, models.KeyExpired, false},
		{"expires now in another time zone", ptr(now.In(time.FixedZone("east", 3600))), nil, nil, models.KeyExpired, false},
		{"deleted", nil, at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted, would expire soon", at(time.Hour), at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted after it expired", at(-2 * time.Hour), at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted in the future", nil, at(time.Hour), nil, models.KeyDeleted, false},
		{"paused", nil, nil, at(time.Nanosecond), models.KeyPaused, false},
		{"at the end of the pause", nil, nil, at(0), models.KeyActive, true},
		{"after the pause", at(time.Hour), nil, at(-time.Hour), models.KeyExpiresSoon, true},
		{"paused, would expire soon", at(time.Hour), nil, at(time.Minute), models.KeyPaused, false},
		{"expired while paused", at(0), nil, at(time.Minute), models.KeyExpired, false},
		{"deleted while paused", nil, at(-time.Minute), at(time.Minute), models.KeyDeleted, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := models.APIKey{ExpiresAt: tt.expires, DeletedAt: tt.deleted, PausedUntil: tt.paused}
			if got := key.StatusAt(now); got != tt.want {
				t.Errorf("status = %s, want %s", got, tt.want)
			}
			if got := key.AcceptedAt(now); got != tt.accepted {
				t.Errorf("accepted = %v, want %v", got, tt.accepted)
			}
		})
	}
}

// The list's filter and counts are computed in SQL. They must agree with StatusAt around every
// boundary and at random times.
func TestSQLAgreesWithStatusAt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	eachDatabase(t, func(t *testing.T, s fixture) {
		var times []*time.Time
		for _, boundary := range []time.Duration{0, models.ExpiresSoon} {
			for _, off := range []time.Duration{-time.Second, -time.Millisecond, 0, time.Millisecond, time.Second} {
				times = append(times, ptr(s.Now().Add(boundary+off)))
			}
		}
		times = append(times, nil)
		for range 40 {
			times = append(times, ptr(s.Now().Add(time.Duration(random.Int64N(int64(40*24*time.Hour)))-20*24*time.Hour).Truncate(time.Millisecond)))
		}
		var keys []*models.APIKey
		for i, at := range times {
			for _, odd := range []string{"", "deleted_at", "paused_until"} {
				key := s.key(t, fmt.Sprint("Key ", i))
				values := map[string]any{"expires_at": at}
				switch odd {
				case "deleted_at":
					key.DeletedAt = ptr(s.Now())
					values[odd] = s.Now()
				case "paused_until":
					key.PausedUntil = times[len(times)-1-i]
					values[odd] = key.PausedUntil
				}
				if err := s.DB().Model(key).Where("id = ?", key.ID).UpdateColumns(values).Error; err != nil {
					t.Fatal(err)
				}
				key.ExpiresAt = at
				keys = append(keys, key)
			}
		}
		for range 4 {
			wantStatuses(t, s, keys)
			s.Clock.Advance(time.Duration(random.Int64N(int64(10 * 24 * time.Hour))).Truncate(time.Millisecond))
		}
	})
}

// wantStatuses fails the test unless the Store's lists agree with StatusAt.
func wantStatuses(t *testing.T, s fixture, keys []*models.APIKey) {
	t.Helper()
	counts, existing, accepted := map[models.KeyStatus]int64{}, []string(nil), []string(nil)
	for _, status := range statuses {
		var want []string
		for _, key := range keys {
			if key.StatusAt(s.Now()) == status {
				want = append(want, key.ID)
			}
		}
		if len(want) > 0 {
			counts[status] = int64(len(want))
		}
		if diff := cmp.Diff(want, keyIDsOf(t, s, models.APIKeyFilter{Status: status, Ascending: true})); diff != "" {
			t.Errorf("%s at %v (-StatusAt +SQL):\n%s", status, s.Now(), diff)
		}
	}
	for _, key := range slices.Backward(keys) {
		if key.DeletedAt == nil {
			existing = append(existing, key.ID)
		}
		if key.AcceptedAt(s.Now()) {
			accepted = append(accepted, key.ID)
		}
	}
	if diff := cmp.Diff(existing, keyIDsOf(t, s, models.APIKeyFilter{})); diff != "" {
		t.Errorf("keys that are not deleted (-want +got):\n%s", diff)
	}
	page, err := s.APIKeysInState(s.ctx, s.id, models.StateActive, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	var active []string
	for _, key := range page.Items {
		active = append(active, key.ID)
	}
	if diff := cmp.Diff(accepted, active); diff != "" {
		t.Errorf("active keys (-AcceptedAt +SQL):\n%s", diff)
	}
	list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{Status: models.KeyDeleted, PageNumber: 1, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counts, list.Counts); diff != "" {
		t.Errorf("counts (-StatusAt +SQL):\n%s", diff)
	}
}

// keyIDsOf returns the IDs of all keys that match a filter, in its order.
func keyIDsOf(t *testing.T, s fixture, filter models.APIKeyFilter) []string {
	t.Helper()
	filter.PageNumber, filter.PageSize = 1, 1000
	list, err := s.APIKeys(s.ctx, s.id, filter)
	if err != nil {
		t.Fatal(err)
	}
	if int(list.Matching) != len(list.Keys) {
		t.Errorf("Matching = %d, want %d", list.Matching, len(list.Keys))
	}
	var ids []string
	for _, key := range list.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}
