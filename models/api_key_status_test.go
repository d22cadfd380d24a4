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

var states = []models.KeyStatus{models.KeyActive, models.KeyExpiresSoon, models.KeyPaused, models.KeyExpired, models.KeyDeleted}

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
		{"in a year", at(365 * 24 * time.Hour), nil, nil, models.KeyActive, true},
		{"just over 14 days", at(models.ExpiresSoon + time.Nanosecond), nil, nil, models.KeyActive, true},
		{"in exactly 14 days", at(models.ExpiresSoon), nil, nil, models.KeyExpiresSoon, true},
		{"in a moment", at(time.Nanosecond), nil, nil, models.KeyExpiresSoon, true},
		{"now", at(0), nil, nil, models.KeyExpired, false},
		{"a moment ago", at(-time.Nanosecond), nil, nil, models.KeyExpired, false},
		{"in another zone", ptr(now.In(time.FixedZone("east", 3600))), nil, nil, models.KeyExpired, false},
		{"deleted", nil, at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted, would expire soon", at(time.Hour), at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted after it expired", at(-2 * time.Hour), at(-time.Hour), nil, models.KeyDeleted, false},
		{"deleted by a clock that is ahead", nil, at(time.Hour), nil, models.KeyDeleted, false},
		{"paused", nil, nil, at(time.Nanosecond), models.KeyPaused, false},
		{"at the end of its pause", nil, nil, at(0), models.KeyActive, true},
		{"after its pause", at(time.Hour), nil, at(-time.Hour), models.KeyExpiresSoon, true},
		{"paused, would expire soon", at(time.Hour), nil, at(time.Minute), models.KeyPaused, false},
		{"paused, and expired since", at(0), nil, at(time.Minute), models.KeyExpired, false},
		{"deleted while it was paused", nil, at(-time.Minute), at(time.Minute), models.KeyDeleted, false},
	}
	for _, tt := range tests {
		key := models.APIKey{ExpiresAt: tt.expires, DeletedAt: tt.deleted, PausedUntil: tt.paused}
		if got, accepted := key.StatusAt(now), key.AcceptedAt(now); got != tt.want || accepted != tt.accepted {
			t.Errorf("%s: %s, accepted %v; want %s, %v", tt.name, got, accepted, tt.want, tt.accepted)
		}
	}
}

// The list's filter and counts, which the database works out, agree with StatusAt about keys
// around every boundary and at random moments.
func TestTheDatabaseAgreesAboutTheState(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	eachHome(t, func(t *testing.T, s home) {
		var moments []*time.Time
		for _, boundary := range []time.Duration{0, models.ExpiresSoon} {
			for _, off := range []time.Duration{-time.Second, -time.Millisecond, 0, time.Millisecond, time.Second} {
				moments = append(moments, ptr(s.Now().Add(boundary+off)))
			}
		}
		moments = append(moments, nil)
		for range 40 {
			moments = append(moments, ptr(s.Now().Add(time.Duration(random.Int64N(int64(40*24*time.Hour)))-20*24*time.Hour).Truncate(time.Millisecond)))
		}
		var keys []*models.APIKey
		for i, moment := range moments {
			for _, odd := range []string{"", "deleted_at", "paused_until"} {
				key := s.key(t, fmt.Sprint("Key ", i))
				values := map[string]any{"expires_at": moment}
				switch odd {
				case "deleted_at":
					key.DeletedAt = ptr(s.Now())
					values[odd] = s.Now()
				case "paused_until":
					key.PausedUntil = moments[len(moments)-1-i]
					values[odd] = key.PausedUntil
				}
				if err := s.DB().Model(key).Where("id = ?", key.ID).UpdateColumns(values).Error; err != nil {
					t.Fatal(err)
				}
				key.ExpiresAt = moment
				keys = append(keys, key)
			}
		}
		for range 4 {
			wantStatuses(t, s, keys)
			s.Clock.Advance(time.Duration(random.Int64N(int64(10 * 24 * time.Hour))).Truncate(time.Millisecond))
		}
	})
}

// wantStatuses fails unless the lists of the Store have the keys of each state by StatusAt.
func wantStatuses(t *testing.T, s home, keys []*models.APIKey) {
	t.Helper()
	counts, living, accepted := map[models.KeyStatus]int64{}, []string(nil), []string(nil)
	for _, state := range states {
		var want []string
		for _, key := range keys {
			if key.StatusAt(s.Now()) == state {
				want = append(want, key.ID)
			}
		}
		if len(want) > 0 {
			counts[state] = int64(len(want))
		}
		if diff := cmp.Diff(want, keyIDsOf(t, s, models.APIKeyFilter{Status: state, Ascending: true})); diff != "" {
			t.Errorf("%s at %v (-StatusAt +database):\n%s", state, s.Now(), diff)
		}
	}
	for _, key := range slices.Backward(keys) {
		if key.DeletedAt == nil {
			living = append(living, key.ID)
		}
		if key.AcceptedAt(s.Now()) {
			accepted = append(accepted, key.ID)
		}
	}
	if diff := cmp.Diff(living, keyIDsOf(t, s, models.APIKeyFilter{})); diff != "" {
		t.Errorf("all but the deleted (-want +got):\n%s", diff)
	}
	page, err := s.ActiveAPIKeys(s.ctx, s.id, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	var active []string
	for _, key := range page.Items {
		active = append(active, key.ID)
	}
	if diff := cmp.Diff(accepted, active); diff != "" {
		t.Errorf("active (-AcceptedAt +database):\n%s", diff)
	}
	list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{Status: models.KeyDeleted, PageNumber: 1, PageSize: 1})
	if diff := cmp.Diff(counts, list.Counts); err != nil || diff != "" {
		t.Errorf("counts, %v (-StatusAt +database):\n%s", err, diff)
	}
}

// keyIDsOf are the ids of all keys that a filter lets through, in its order.
func keyIDsOf(t *testing.T, s home, filter models.APIKeyFilter) []string {
	t.Helper()
	filter.PageNumber, filter.PageSize = 1, 1000
	list, err := s.APIKeys(s.ctx, s.id, filter)
	if err != nil {
		t.Fatal(err)
	}
	if int(list.Matching) != len(list.Keys) {
		t.Errorf("%d match and %d are listed", list.Matching, len(list.Keys))
	}
	var ids []string
	for _, key := range list.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}
