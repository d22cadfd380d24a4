package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func TestLastError(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, other := s.key(t, "CI"), s.key(t, "Other")
		since := s.Now().Add(-24 * time.Hour)
		answered := func(key *models.APIKey, ago time.Duration, route string, class int, rejection usage.Rejection) {
			t.Helper()
			counts := countsOf(use{key, s.Now().Add(-ago), "192.0.2.7", "curl/8", route})
			counts.Rows[0].StatusClass, counts.Rows[0].Rejection = class, rejection
			record(t, s.Store, counts)
		}
		last := func() *models.KeyError {
			t.Helper()
			found, err := s.LastError(s.ctx, s.id, key.ID, since)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		answered(key, 0, "GET /me", 2, usage.Accepted)
		answered(key, 48*time.Hour, "GET /me", 5, usage.Accepted)
		answered(other, 0, "GET /me", 5, usage.Accepted)
		modelstest.Equal(t, "last error", last(), nil)
		answered(key, 3*time.Hour, "GET /seats", 4, usage.Accepted)
		answered(key, 2*time.Hour, "POST /seats", 4, usage.RejectedScope)
		answered(key, 2*time.Hour, "GET /seats", 4, usage.Accepted)
		want := &models.KeyError{Route: "POST /seats", StatusClass: 4, Rejection: usage.RejectedScope, StartsAt: s.Now().Add(-2 * time.Hour).Truncate(time.Hour)}
		if diff := cmp.Diff(want, last()); diff != "" {
			t.Errorf("last error (-want +got):\n%s", diff)
		}
	})
}
