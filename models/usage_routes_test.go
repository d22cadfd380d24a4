package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/migrations"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// TestMigrationAddsRouteUses checks that the migration that creates the table fills it.
func TestMigrationAddsRouteUses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		for _, day := range []int{-100, -3, -2} {
			record(t, s.Store, countsOf(use{key, s.Now().AddDate(0, 0, day), "192.0.2.1", "curl/8", "GET /me"}))
		}
		s.Clock.Advance(time.Hour)
		if err := s.PurgeExpired(t.Context()); err != nil { // of the first, the hour is not kept
			t.Fatal(err)
		}
		now := s.Now()
		s.Exec(t, "DELETE FROM api_key_route_uses")
		s.Exec(t, stepFrom(t, s, "00010_route_uses.sql", "INSERT INTO"))
		want := []models.APIKeyRouteUse{{
			APIKeyID: key.ID, WorkspaceID: s.id, Route: "GET /me", Requests: 3,
			FirstAt: now.AddDate(0, 0, -100).Truncate(24 * time.Hour), LastAt: now.Add(-time.Hour).AddDate(0, 0, -2).Truncate(time.Hour),
		}}
		if diff := cmp.Diff(want, s.routes(t, key)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestMigrationAddsNeededScopes checks that the migration that adds the column fills it.
func TestMigrationAddsNeededScopes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, unused := s.key(t, "CI"), s.key(t, "Unused")
		s.calls(t, key, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, key, time.Hour, "GET /seats/1", "seats.read", usage.Accepted)
		s.calls(t, key, time.Hour, "POST /workspace_members", "members.write", usage.Accepted)
		s.calls(t, key, time.Hour, "POST /seats", "seats.write", usage.RejectedScope)
		s.calls(t, unused, time.Hour, "GET /me", "", usage.Accepted)
		before := s.read(t, key)
		s.Exec(t, "UPDATE api_keys SET needed_scopes = ''")
		s.Exec(t, stepFrom(t, s, "00011_review.sql", "UPDATE api_keys"))
		if want := scope.Of(scope.SeatsRead, scope.MembersWrite); before.NeededScopes != want || s.read(t, key).NeededScopes != want {
			t.Errorf("needed scopes = %s, after the migration %s, want %s", before.NeededScopes, s.read(t, key).NeededScopes, want)
		}
		if got := s.read(t, unused).NeededScopes; !got.IsEmpty() {
			t.Errorf("needed scopes of a key used without scopes = %s, want none", got)
		}
	})
}

// TestUnknownNeededScopesAreKept covers scopes written by nodes of a later version.
func TestUnknownNeededScopesAreKept(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ahead, other := s.key(t, "Ahead"), s.key(t, "Other")
		s.Exec(t, "UPDATE api_keys SET needed_scopes = 'rockets.fly' WHERE id = $1", ahead.ID)
		for _, key := range []*models.APIKey{ahead, other} {
			s.calls(t, key, 0, "GET /seats", "seats.read", usage.Accepted)
			if routes := s.routes(t, key); len(routes) != 1 || routes[0].Requests != 1 {
				t.Errorf("%s: routes = %+v, want one request", key.Name, routes)
			}
		}
		if got := s.read(t, other).NeededScopes; got != scope.Of(scope.SeatsRead) {
			t.Errorf("needed scopes of the other key = %s", got)
		}
		var kept string
		if err := s.DB().Raw("SELECT needed_scopes FROM api_keys WHERE id = ?", ahead.ID).Scan(&kept).Error; err != nil || kept != "rockets.fly" {
			t.Errorf("needed scopes = %q, %v, want those of the later version", kept, err)
		}
	})
}

// stepFrom returns a migration from some words on.
func stepFrom(t *testing.T, s fixture, file, words string) string {
	t.Helper()
	step, err := migrations.FS.ReadFile(s.DB().Name() + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(step), words)
	if !found {
		t.Fatalf("%q not found in %s", words, file)
	}
	return words + rest
}
