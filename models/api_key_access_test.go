package models_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

func TestChangeAPIKeyAccess(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		soon, later := s.Now().Add(time.Hour), s.Now().Add(48*time.Hour)
		steps := []struct {
			name    string
			access  models.KeyAccess
			details map[string]string
		}{
			{"adds a scope", models.KeyAccess{Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite)}, map[string]string{"scopes_added": "seats.write"}},
			{"replaces a scope", models.KeyAccess{Scopes: scope.Of(scope.SeatsWrite, scope.MembersRead)},
				map[string]string{"scopes_added": "members.read", "scopes_removed": "seats.read"}},
			{"adds an expiry", models.KeyAccess{Scopes: scope.Of(scope.SeatsWrite, scope.MembersRead), ExpiresAt: &soon},
				map[string]string{"expires_at_before": "never", "expires_at": "2026-03-14T10:26:53Z"}},
			{"changes the expiry and removes all scopes", models.KeyAccess{ExpiresAt: &later}, map[string]string{
				"scopes_removed": "members.read seats.write", "expires_at_before": "2026-03-14T10:26:53Z", "expires_at": "2026-03-16T09:26:53Z",
			}},
			{"removes the expiry", models.KeyAccess{}, map[string]string{"expires_at_before": "2026-03-16T09:26:53Z", "expires_at": "never"}},
		}
		key := s.key(t, "CI")
		for _, step := range steps {
			changed, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, s.read(t, key).Access(), step.access)
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			for _, k := range []*models.APIKey{changed, s.read(t, key)} {
				if !k.Access().Equal(step.access) {
					t.Errorf("%s: access = %+v, want %+v", step.name, k.Access(), step.access)
				}
			}
			event := eventsOf(t, s, key.ID)[0]
			if event.Action != "api_key.access_changed" {
				t.Errorf("%s: audit action = %s, want api_key.access_changed", step.name, event.Action)
			}
			if diff := cmp.Diff(step.details, event.Details); diff != "" {
				t.Errorf("%s: audit details (-want +got):\n%s", step.name, diff)
			}
		}
	})
}

func TestChangeAccessOfExpiredKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		expired := s.keyThatExpires(t, "Old", s.Now().Add(-time.Hour))
		access := expired.Access()
		access.Scopes = scope.All // keeps the expiry in the past
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access); err != nil {
			t.Errorf("change scopes: %v", err)
		}
		later := s.Now().Add(time.Hour)
		access.ExpiresAt = &later
		changed, err := s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access)
		if err != nil {
			t.Fatalf("change expiry: %v", err)
		}
		if !changed.AcceptedAt(s.Now()) {
			t.Error("key with a new expiry is not accepted")
		}
		now := s.Now()
		access.ExpiresAt = &now
		_, err = s.ChangeAPIKeyAccess(s.ctx, s.id, expired.ID, s.read(t, expired).Access(), access)
		wantFields(t, err, "expires_at")
	})
}

// The Store must read the name of an acting key, which verification does not provide.
func TestChangesRecordNameOfActingKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		actor := s.key(t, "Actor")
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: actor.ID})
		created, _, err := s.CreateAPIKey(ctx, s.id, models.NewAPIKey{Name: "Created"})
		if err != nil {
			t.Fatal(err)
		}
		if created.CreatedByName != "Actor" {
			t.Errorf("CreatedByName = %q, want Actor", created.CreatedByName)
		}
		deleted, err := s.DeleteAPIKey(ctx, s.id, created.ID, models.NoConfirmation)
		if err != nil {
			t.Fatal(err)
		}
		if deleted.DeletedByName != "Actor" {
			t.Errorf("DeletedByName = %q, want Actor", deleted.DeletedByName)
		}
		for _, event := range eventsOf(t, s, created.ID) {
			if event.Action == "api_key.deletion_in_force" {
				continue // recorded by the system
			}
			modelstest.Equal(t, event.Action+" actor name", event.ActorName, "Actor")
			modelstest.Equal(t, event.Action+" actor ID", event.ActorID, new(actor.ID))
		}
	})
}

// Someone removes the scopes of a key after another caller has read them to extend its expiry.
func TestChangeAccessRejectsOutdatedAccess(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, later := s.key(t, "CI"), s.Now().Add(time.Hour)
		seen := key.Access()
		narrowed := sync.OnceFunc(func() {
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{}); err != nil {
				t.Error(err)
			}
		})
		other, err := models.Open(s.URL, models.Options{Clock: func() time.Time { // read before the transaction starts
			narrowed()
			return s.Clock.Now()
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		_, err = other.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{Scopes: seen.Scopes, ExpiresAt: &later})
		wantKind(t, err, models.Conflict)
		if got := s.read(t, key).Access(); got != (models.KeyAccess{}) {
			t.Errorf("access = %+v, want none", got)
		}
		if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, seen, models.KeyAccess{}); err != nil {
			t.Errorf("repeat the first change: %v", err)
		}
	})
}
