package models_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func TestChangeAPIKeyAccess(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		soon, later := s.Now().Add(time.Hour), s.Now().Add(48*time.Hour)
		steps := []struct {
			name    string
			access  models.KeyAccess
			details map[string]string
		}{
			{"more", models.KeyAccess{Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite)}, map[string]string{"scopes_added": "seats.write"}},
			{"other", models.KeyAccess{Scopes: scope.Of(scope.SeatsWrite, scope.MembersRead)},
				map[string]string{"scopes_added": "members.read", "scopes_removed": "seats.read"}},
			{"an end", models.KeyAccess{Scopes: scope.Of(scope.SeatsWrite, scope.MembersRead), ExpiresAt: &soon},
				map[string]string{"expires_at_before": "never", "expires_at": "2026-03-14T10:26:53Z"}},
			{"another end and nothing to do", models.KeyAccess{ExpiresAt: &later}, map[string]string{
				"scopes_removed": "members.read seats.write", "expires_at_before": "2026-03-14T10:26:53Z", "expires_at": "2026-03-16T09:26:53Z",
			}},
			{"no end", models.KeyAccess{}, map[string]string{"expires_at_before": "2026-03-16T09:26:53Z", "expires_at": "never"}},
		}
		key := s.key(t, "CI")
		for _, step := range steps {
			changed, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, s.read(t, key).Access(), step.access)
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			for _, k := range []*models.APIKey{changed, s.read(t, key)} {
				if !k.Access().Equal(step.access) {
					t.Errorf("%s: the key has %+v", step.name, k.Access())
				}
			}
			event := eventsOf(t, s, key.ID)[0]
			if diff := cmp.Diff(step.details, event.Details); event.Action != "api_key.access_changed" || diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", step.name, event.Action, diff)
			}
		}
	})
}

func TestAnExpiredKeyMayBeGivenTime(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		expired := s.keyThatExpires(t, "Old", s.Now().Add(-time.Hour))
		access := expired.Access()
		access.Scopes = scope.All // with the expiry as it is
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access); err != nil {
			t.Errorf("other scopes: %v", err)
		}
		later := s.Now().Add(time.Hour)
		access.ExpiresAt = &later
		changed, err := s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access)
		if err != nil || !changed.AcceptedAt(s.Now()) {
			t.Errorf("another expiry: %v", err)
		}
		now := s.Now()
		access.ExpiresAt = &now
		_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access)
		wantFields(t, err, "expires_at")
	})
}

// TestAKeyThatActsHasItsName, though verification does not know it.
func TestAKeyThatActsHasItsName(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		maker := s.key(t, "Maker")
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: maker.ID})
		made, _, err := s.CreateAPIKey(ctx, s.id, models.NewAPIKey{Name: "Made"})
		if err != nil || made.CreatedByName != "Maker" {
			t.Fatalf("made by %q, %v", made.CreatedByName, err)
		}
		deleted, err := s.DeleteAPIKey(ctx, s.id, made.ID)
		if err != nil || deleted.DeletedByName != "Maker" {
			t.Fatalf("deleted by %q, %v", deleted.DeletedByName, err)
		}
		for _, event := range eventsOf(t, s, made.ID) {
			if event.ActorName != "Maker" || event.ActorID == nil || *event.ActorID != maker.ID {
				t.Errorf("%s is by %+v", event.Action, event)
			}
		}
	})
}

// TestAChangeDoesNotUndoAnother that was made since the caller has looked: whoever only wants to
// give a key more time has seen scopes that somebody takes away meanwhile.
func TestAChangeDoesNotUndoAnother(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key, later := s.key(t, "CI"), s.Now().Add(time.Hour)
		seen := key.Access()
		narrowed := sync.OnceFunc(func() {
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{}); err != nil {
				t.Error(err)
			}
		})
		other, err := models.Open(s.URL, models.Options{Clock: func() time.Time { // which is read before the transaction begins
			narrowed()
			return s.Clock.Now()
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		_, err = other.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{Scopes: seen.Scopes, ExpiresAt: &later})
		wantKind(t, err, models.Conflict)
		if read := s.read(t, key); read.Scopes != 0 || read.ExpiresAt != nil {
			t.Errorf("the key has %+v", read.Access())
		}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{}); err != nil {
			t.Errorf("the same change again: %v", err)
		}
	})
}
