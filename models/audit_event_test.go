package models_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// eventsOf returns the audit events about a target, newest first.
func eventsOf(t *testing.T, s fixture, id string) []models.AuditEvent {
	t.Helper()
	events, err := s.AuditEventsOf(t.Context(), s.id, id, 100)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestAuditEventsOf(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		robot := s.keyOf(t, models.NewAPIKey{Name: "Actor", Scopes: scope.All})
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: robot.ID, Name: "Actor", Address: "2001:db8::7", UserAgent: "curl/8"})
		expiry := s.Now().Add(24 * time.Hour)
		key, _, err := s.CreateAPIKey(ctx, s.id, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite), ExpiresAt: &expiry})
		if err != nil {
			t.Fatal(err)
		}
		want := models.AuditEvent{
			WorkspaceID: &s.id, ActorType: models.ActorAPIKey, ActorID: &robot.ID, ActorName: "Actor",
			TargetType: "api_key", TargetID: key.ID, Address: "2001:db8::7", UserAgent: "curl/8",
		}
		var history []models.AuditEvent
		expect := func(action, name string, details map[string]string) {
			event := want
			event.Action, event.TargetName, event.Details, event.CreatedAt = action, name, details, s.Now()
			history = append([]models.AuditEvent{event}, history...)
		}
		expect("api_key.created", "CI", map[string]string{
			"scopes": "seats.read seats.write", "key_prefix": key.KeyPrefix, "expires_at": "2026-03-15T09:26:53Z", "owner_id": s.admin.ID,
		})
		s.Clock.Advance(time.Second)
		if err := s.RenameAPIKey(ctx, s.id, key.ID, "Builds"); err != nil {
			t.Fatal(err)
		}
		expect("api_key.renamed", "Builds", map[string]string{"from": "CI"})
		s.Clock.Advance(time.Second)
		if _, err := s.DeleteAPIKey(ctx, s.id, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		expect("api_key.deleted", "Builds", map[string]string{"key_prefix": key.KeyPrefix})
		expect("api_key.deletion_in_force", "Builds", map[string]string{
			"committed_at": "2026-03-14T09:26:55Z", "in_force_at": "2026-03-14T09:26:55Z", "took_ms": "0", "nodes": "0",
		})
		inEffect := &history[0]
		inEffect.ActorType, inEffect.ActorID, inEffect.ActorName = models.ActorSystem, nil, "SkipUp Keys"
		inEffect.Address, inEffect.UserAgent = "", ""

		got := eventsOf(t, s, key.ID)
		for i := range got {
			if got[i].ID[:4] != "aud_" {
				t.Errorf("event id = %s, want prefix aud_", got[i].ID)
			}
			got[i].ID, got[i].Seq, got[i].Hash, got[i].Proof = "", 0, nil, nil
		}
		if diff := cmp.Diff(history, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		newest, err := s.AuditEventsOf(t.Context(), s.id, key.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(newest) != 1 {
			t.Fatalf("newest = %+v, want 1", newest)
		}
		modelstest.Equal(t, "newest[0] action", newest[0].Action, "api_key.deletion_in_force")
	})
}

func TestChangesFailWithoutAuditLog(t *testing.T) {
	changes := map[string]func(s fixture, key *models.APIKey, session string) error{
		"CreateAPIKey": func(s fixture, _ *models.APIKey, _ string) error {
			_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "New"})
			return err
		},
		"RenameAPIKey": func(s fixture, key *models.APIKey, _ string) error {
			return s.RenameAPIKey(s.ctx, s.id, key.ID, "Builds")
		},
		"DeleteAPIKey": func(s fixture, key *models.APIKey, _ string) error {
			_, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
			return err
		},
		"CreateWorkspace": func(s fixture, _ *models.APIKey, _ string) error {
			_, _, err := s.CreateWorkspace(s.ctx, models.NewWorkspace{Name: "New", AdminEmail: "eve@other.test", AdminName: "Eve", Password: modelstest.Password})
			return err
		},
		"ChangePassword": func(s fixture, _ *models.APIKey, session string) error {
			return s.changePassword(session, modelstest.Password, "another long enough passphrase")
		},
		"SignOut": func(s fixture, _ *models.APIKey, session string) error {
			return s.SignOut(s.ctx, session, &s.admin.User)
		},
		"SignOutEverywhere": func(s fixture, _ *models.APIKey, _ string) error {
			return s.SignOutEverywhere(s.ctx, &s.admin.User)
		},
		"SignInNew": func(s fixture, _ *models.APIKey, _ string) error {
			_, err := s.SignInNew(s.ctx, s.admin)
			return err
		},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, session := s.key(t, "CI"), signIn(t, s, ada).SessionID
		if err := s.DB().Exec("ALTER TABLE audit_events RENAME TO lost").Error; err != nil {
			t.Fatal(err)
		}
		for name, change := range changes {
			wantUnchanged(t, s.Store, func() {
				var readable *models.Error
				if err := change(s, key, session); err == nil || errors.As(err, &readable) {
					t.Errorf("%s: error = %v, want a private error", name, err)
				}
			})
		}
		if _, err := s.SignIn(s.ctx, "", ada); err == nil {
			t.Error("SignIn succeeded")
		}
		wantCount(t, s.Store, "sessions", 1)
	})
}

func TestAuditEventStoresAnyUserAgent(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		actor := models.ActorOf(s.ctx)
		for agent, want := range map[string]string{"": "", "a\x00b": "a\ufffdb", "\xff": "\ufffd", "🔑<b>'": "🔑<b>'"} {
			actor.UserAgent = agent
			key, _, err := s.CreateAPIKey(models.WithActor(s.ctx, actor), s.id, models.NewAPIKey{Name: "CI"})
			if err != nil {
				t.Errorf("%q: %v", agent, err)
				continue
			}
			if got := eventsOf(t, s, key.ID)[0].UserAgent; got != want {
				t.Errorf("user agent %q is stored as %q, want %q", agent, got, want)
			}
		}
	})
}

func TestAuditEventWithoutActorIsAnonymous(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, _, err := s.CreateAPIKey(t.Context(), s.id, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		e := eventsOf(t, s, key.ID)[0]
		modelstest.Equal(t, "actor type", e.ActorType, models.ActorAnonymous)
		modelstest.Equal(t, "actor ID", e.ActorID, nil)
		modelstest.Equal(t, "actor name", e.ActorName, "Unknown")
	})
}
