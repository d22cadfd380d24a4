package models_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// actingAsMember returns a context in which a member acts.
func actingAsMember(t *testing.T, member *models.Member) context.Context {
	t.Helper()
	return models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: member.ID, Name: member.User.Name})
}

func TestDeactivationCanPauseKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		theirs := s
		theirs.ctx = actingAsMember(t, grace)
		active, paused, deleted := theirs.key(t, "Active"), theirs.key(t, "Paused"), theirs.key(t, "Deleted")
		expired := theirs.keyThatExpires(t, "Expired", s.Now().Add(-time.Hour))
		other := s.key(t, "Of someone else")
		if _, err := s.PauseAPIKey(s.ctx, s.id, paused.ID, s.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteAPIKey(s.ctx, s.id, deleted.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}

		keys, err := s.KeysCreatedBy(s.ctx, s.id, grace.ID)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, key := range keys {
			names = append(names, key.Name)
		}
		if diff := cmp.Diff([]string{"Active", "Paused"}, names); diff != "" {
			t.Errorf("keys of the member (-want +got):\n%s", diff)
		}

		member, _, err := s.DeactivateMemberWith(s.ctx, s.id, grace.ID, models.Departure{PauseKeys: true})
		if err != nil {
			t.Fatal(err)
		}
		if member.DeactivatedAt == nil {
			t.Error("the member is not deactivated")
		}
		until := s.Now().Add(models.MaxPause)
		for _, key := range []*models.APIKey{active, paused} {
			if got := s.read(t, key).PausedUntil; got == nil || !got.Equal(until) {
				t.Errorf("%s is paused until %v, want %v", key.Name, got, until)
			}
		}
		for _, key := range []*models.APIKey{expired, other} {
			if got := s.read(t, key).PausedUntil; got != nil {
				t.Errorf("%s is paused until %v, want no pause", key.Name, got)
			}
		}
		if got := eventsOf(t, s, active.ID)[0].Action; got != "api_key.paused" {
			t.Errorf("last event of the key = %q, want api_key.paused", got)
		}
	})
}

func TestRejectedDeactivationPausesNoKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "Of the last admin")
		_, _, err := s.DeactivateMemberWith(s.ctx, s.id, s.admin.ID, models.Departure{PauseKeys: true})
		wantKind(t, err, models.FailedPrecondition)
		if got := s.read(t, key).PausedUntil; got != nil {
			t.Errorf("key is paused until %v, want no pause", got)
		}
	})
}

// TestDeactivationCanAssignKeys checks that the member's keys get another owner together with the deactivation, and that
// an owner who can't be one prevents both.
func TestDeactivationCanAssignKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace, gone := s.joined(t, "grace@acme.test", models.Viewer), s.joined(t, "gone@acme.test", models.Viewer)
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		theirs := s
		theirs.ctx = actingAsMember(t, grace)
		active, deleted := theirs.key(t, "Active"), theirs.key(t, "Deleted")
		expired := theirs.keyThatExpires(t, "Expired", s.Now().Add(-time.Hour))
		given := s.keyOf(t, models.NewAPIKey{Name: "Created by someone else", OwnerID: grace.ID})
		s.delete(t, deleted)
		for _, owner := range []string{grace.ID, gone.ID, "mem_none"} {
			wantUnchanged(t, s.Store, func() {
				_, _, err := s.DeactivateMemberWith(s.ctx, s.id, grace.ID, models.Departure{NewOwnerID: owner, PauseKeys: true})
				wantFields(t, err, "owner_id")
			})
		}
		_, assigned, err := s.DeactivateMemberWith(s.ctx, s.id, grace.ID, models.Departure{NewOwnerID: s.admin.ID, PauseKeys: true})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "assigned keys", assigned, 3)
		for _, key := range []*models.APIKey{active, expired, given} {
			modelstest.Equal(t, "owner of "+key.Name, s.read(t, key).OwnerID, &s.admin.ID)
		}
		modelstest.Equal(t, "owner of the deleted key", s.read(t, deleted).OwnerID, &grace.ID)
		modelstest.Equal(t, "status of a key that they created", s.read(t, active).StatusAt(s.Now()), models.KeyPaused)
		modelstest.Equal(t, "status of a key that they only owned", s.read(t, given).StatusAt(s.Now()), models.KeyActive)
		event := eventsOf(t, s, given.ID)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.owner_changed")
		if diff := cmp.Diff(map[string]string{"from": grace.DisplayName(), "to": "Ada Admin", "owner_id": s.admin.ID}, event.Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
	})
}

// TestLeavingCanAssignKeys checks that who leaves can give their keys another owner, but not someone who can't own keys.
func TestLeavingCanAssignKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		ctx := actingAsMember(t, grace)
		key := s.keyOf(t, models.NewAPIKey{Name: "Of who leaves", OwnerID: grace.ID})
		for _, owner := range []string{grace.ID, "mem_none"} {
			wantUnchanged(t, s.Store, func() {
				_, err := s.LeaveWorkspace(ctx, s.id, grace.ID, owner)
				wantFields(t, err, "owner_id")
			})
		}
		assigned, err := s.LeaveWorkspace(ctx, s.id, grace.ID, s.admin.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "assigned keys", assigned, 1)
		modelstest.Equal(t, "owner", s.read(t, key).OwnerID, &s.admin.ID)
	})
}
