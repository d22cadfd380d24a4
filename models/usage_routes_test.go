package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/migrations"
)

// TestEarlierUsageHasRouteUses: the step that makes their table fills it from the counts.
func TestEarlierUsageHasRouteUses(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key := s.key(t, "CI")
		for _, day := range []int{-100, -3, -2} {
			record(t, s.Store, batchOf(t, use{key, s.Now().AddDate(0, 0, day), "192.0.2.1", "curl/8", "GET /me"}))
		}
		s.Clock.Advance(time.Hour)
		if err := s.PurgeExpired(t.Context()); err != nil { // of the first, the hour is not kept
			t.Fatal(err)
		}
		now := s.Now()
		s.Exec(t, "DELETE FROM api_key_route_uses")
		step, err := migrations.FS.ReadFile(s.DB().Name() + "/00010_route_uses.sql")
		if err != nil {
			t.Fatal(err)
		}
		_, fill, found := strings.Cut(string(step), ");\n\n-- Of earlier")
		if !found {
			t.Fatal("the step does not fill the table")
		}
		s.Exec(t, "-- Of earlier"+fill)
		want := []models.APIKeyRouteUse{{
			APIKeyID: key.ID, WorkspaceID: s.id, Route: "GET /me", Requests: 3,
			FirstAt: now.AddDate(0, 0, -100).Truncate(24 * time.Hour), LastAt: now.Add(-time.Hour).AddDate(0, 0, -2).Truncate(time.Hour),
		}}
		if diff := cmp.Diff(want, s.routes(t, key)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
