package models_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// createdBy returns a context in which a member acts.
func createdBy(t *testing.T, member *models.Member) context.Context {
	t.Helper()
	return models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: member.ID, Name: member.User.Name})
}

func TestDeactivationCanPauseKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		theirs := s
		theirs.ctx = createdBy(t, grace)
		active, paused, deleted := theirs.key(t, "Active"), theirs.key(t, "Paused"), theirs.key(t, "Deleted")
		expired := theirs.keyThatExpires(t, "Expired", s.Now().Add(-time.Hour))
		other := s.key(t, "Of someone else")
		if _, err := s.PauseAPIKey(s.ctx, s.id, paused.ID, s.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteAPIKey(s.ctx, s.id, deleted.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}

		keys, err := s.KeysOfMember(s.ctx, s.id, grace.ID)
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

		member, err := s.DeactivateMemberAndPauseKeys(s.ctx, s.id, grace.ID)
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
		_, err := s.DeactivateMemberAndPauseKeys(s.ctx, s.id, s.admin.ID)
		wantKind(t, err, models.FailedPrecondition)
		if got := s.read(t, key).PausedUntil; got != nil {
			t.Errorf("key is paused until %v, want no pause", got)
		}
	})
}
