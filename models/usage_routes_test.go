package models_test

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// TestNeededScopes requires the scopes that accepted requests have used.
func TestNeededScopes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, unused := s.key(t, "CI"), s.key(t, "Unused")
		s.calls(t, key, time.Hour, "GET /seats", "seats.read", usage.Accepted)
		s.calls(t, key, time.Hour, "GET /seats/1", "seats.read", usage.Accepted)
		s.calls(t, key, time.Hour, "POST /workspace_members", "members.write", usage.Accepted)
		s.calls(t, key, time.Hour, "POST /seats", "seats.write", usage.RejectedScope)
		s.calls(t, unused, time.Hour, "GET /me", "", usage.Accepted)
		if got, want := s.read(t, key).NeededScopes, scope.Of(scope.SeatsRead, scope.MembersWrite); got != want {
			t.Errorf("needed scopes = %s, want %s", got, want)
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
