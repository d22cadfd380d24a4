package models_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

func (s fixture) rotate(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	next, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
	if err != nil {
		t.Fatalf("rotate %s: %v", key.ID, err)
	}
	return next
}

func isFailedPrecondition(err error) bool { return models.IsKind(err, models.FailedPrecondition) }

func TestRotateAPIKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		end := s.Now().Add(90 * 24 * time.Hour)
		old := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite), ExpiresAt: &end})
		s.Clock.Advance(60 * 24 * time.Hour)
		next, secret, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		if next.ID == old.ID {
			t.Errorf("ID = %q, want another", old.ID)
		}
		modelstest.Equal(t, "name", next.Name, "CI")
		modelstest.Equal(t, "scopes", next.Scopes, old.Scopes)
		modelstest.Equal(t, "expires at", next.ExpiresAt, new(s.Now().Add(90*24*time.Hour)))
		modelstest.Equal(t, "replaces ID", next.ReplacesID, new(old.ID))
		modelstest.Equal(t, "rotation ID", next.RotationID, new(old.ID))
		modelstest.Equal(t, "replacement ID", next.ReplacementID, nil)
		if found, err := s.APIKeyByDigest(s.ctx, secret.Digest()); err != nil || found.ID != next.ID {
			t.Errorf("key with the secret = %+v, error = %v, want %s", found, err, next.ID)
		}
		after := s.read(t, old)
		if !after.IsRotating() || *after.ReplacementID != next.ID {
			t.Errorf("replacement of the old key = %v, want %s", after.ReplacementID, next.ID)
		}
		if !after.AcceptedAt(s.Now()) {
			t.Error("old key is not accepted")
		}
		if !after.Access().Equal(old.Access()) {
			t.Errorf("access of the old key = %+v, want %+v", after.Access(), old.Access())
		}
		event := eventsOf(t, s, old.ID)[0]
		want := map[string]string{"successor_id": next.ID, "key_prefix": next.KeyPrefix, "expires_at": "2026-08-11T09:26:53Z"}
		if event.Action != "api_key.rotated" {
			t.Errorf("audit action = %s, want api_key.rotated", event.Action)
		}
		if diff := cmp.Diff(want, event.Details); diff != "" {
			t.Errorf("audit details (-want +got):\n%s", diff)
		}
		if created := eventsOf(t, s, next.ID)[0]; created.Action != "api_key.created" || created.Details["rotated_from"] != old.ID {
			t.Errorf("audit event of the replacement = %+v", created)
		}
	})
}

func TestRotateAPIKeyPublishesEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		next := s.rotate(t, old)
		var events []models.Event
		if err := s.DB().Order("id DESC").Limit(2).Find(&events).Error; err != nil {
			t.Fatal(err)
		}
		var data struct {
			ID          string
			RotatedFrom string `json:"rotated_from"`
		}
		if err := json.Unmarshal([]byte(events[0].Data), &data); err != nil {
			t.Fatal(err)
		}
		if events[0].Type != models.APIKeyRotatedEvent || events[1].Type != models.APIKeyCreatedEvent {
			t.Errorf("events = %+v, want api_key.created, then api_key.rotated", events)
		}
		if data.ID != next.ID || data.RotatedFrom != old.ID {
			t.Errorf("event data = %+v, want %s rotated from %s", data, next.ID, old.ID)
		}
	})
}

func TestRotateAPIKeyToFewerScopes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		both, read := scope.Of(scope.SeatsRead, scope.SeatsWrite), scope.Of(scope.SeatsRead)
		old := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: both})
		next, _, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{
			Scopes: models.To(read), ExpiresAt: models.To(ptr(s.Now().Add(time.Hour + time.Microsecond))),
		})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "scopes", next.Scopes, read)
		modelstest.Equal(t, "expires at", next.ExpiresAt, new(s.Now().Add(time.Hour)))
		if got := eventsOf(t, s, old.ID)[0].Details["scopes_removed"]; got != "seats.write" {
			t.Errorf("scopes_removed = %q, want seats.write", got)
		}
		if got := s.read(t, old).Scopes; got != both {
			t.Errorf("scopes of the old key = %s, want %s", got, both)
		}
	})
}

func TestRotateAPIKeyRejectsInvalidRequests(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key, rotated, deleted := s.key(t, "CI"), s.key(t, "Rotated"), s.key(t, "Deleted")
		expired := s.keyThatExpires(t, "Expired", s.Now())
		s.rotate(t, rotated)
		s.delete(t, deleted)
		past := s.Now()
		tests := []struct {
			name      string
			workspace string
			id        string
			n         models.NewReplacement
			kind      models.Kind
		}{
			{"already being rotated", s.id, rotated.ID, models.NewReplacement{}, models.FailedPrecondition},
			{"deleted", s.id, deleted.ID, models.NewReplacement{}, models.NotFound},
			{"expired", s.id, expired.ID, models.NewReplacement{}, models.FailedPrecondition},
			{"of another workspace", "ws_other", key.ID, models.NewReplacement{}, models.NotFound},
			{"invalid id", s.id, "key_\x00", models.NewReplacement{}, models.NotFound},
			{"more scopes", s.id, key.ID, models.NewReplacement{Scopes: models.To(scope.All)}, models.Invalid},
			{"expires now", s.id, key.ID, models.NewReplacement{ExpiresAt: models.To(&past)}, models.Invalid},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				wantUnchanged(t, s.Store, func() {
					_, secret, err := s.RotateAPIKey(s.ctx, tt.workspace, tt.id, tt.n)
					wantKind(t, err, tt.kind)
					if secret.Reveal() != "" {
						t.Error("a secret was returned")
					}
				})
			})
		}
	})
}

func TestConcurrentRotationsHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		nodes := []fixture{s, {s.Another(t), s.id, s.admin, s.ctx}}
		wantOneWinner(t, atOnce(8, func(i int) error {
			_, _, err := nodes[i%2].RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
			return err
		}), isFailedPrecondition)
		if count := s.keyCount(t); count != 2 {
			t.Errorf("keys = %d, want the old one and its replacement", count)
		}
	})
}

func TestRotateAPIKeyOncePerForm(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		wantOneWinner(t, atOnce(8, func(int) error {
			_, _, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{FormID: "form"})
			return err
		}), func(err error) bool { return errors.Is(err, models.ErrFormAlreadyUsed) })
	})
}

// Either the rotation fails, or it happens before the deletion.
func TestConcurrentDeletionAndRotation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 4 {
			old := s.key(t, "CI")
			errs := atOnce(2, func(i int) (err error) {
				if i == 0 {
					_, err = s.DeleteAPIKey(s.ctx, s.id, old.ID, models.NoConfirmation)
				} else {
					_, _, err = s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
				}
				return err
			})
			rotated := errs[1] == nil
			if errs[0] != nil {
				t.Errorf("delete: %v", errs[0])
			}
			if !rotated && !isNotFound(errs[1]) {
				t.Errorf("rotate: error = %v, want none or NotFound", errs[1])
			}
			modelstest.Equal(t, "has a replacement", s.read(t, old).ReplacementID != nil, rotated)
		}
	})
}

func TestCancelRotation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "CI")
		_, err := s.CancelRotation(s.ctx, s.id, old.ID, models.Confirmation{})
		wantKind(t, err, models.FailedPrecondition)
		next := s.rotate(t, old)
		record(t, s.Store, countsOf(use{key: next, at: s.Now()}))
		wantUnchanged(t, s.Store, func() {
			_, err := s.CancelRotation(s.ctx, s.id, old.ID, models.Confirmation{Name: "ci"})
			wantFields(t, err, "confirm_name")
		})
		deleted, err := s.CancelRotation(s.ctx, s.id, old.ID, models.Confirmation{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		if deleted.ID != next.ID || s.read(t, next).DeletedAt == nil {
			t.Fatalf("deleted key = %s, want %s", deleted.ID, next.ID)
		}
		if after := s.read(t, old); after.ReplacementID != nil || !after.AcceptedAt(s.Now()) {
			t.Errorf("old key = %+v, want it accepted and not being rotated", after)
		}
		if event := eventsOf(t, s, old.ID)[0]; event.Action != "api_key.rotation_abandoned" || event.Details["successor_id"] != next.ID {
			t.Errorf("event = %+v, want the cancellation", event)
		}
		again := s.rotate(t, old)
		s.delete(t, old)
		wantKind(t, errOf(s.CancelRotation(s.ctx, s.id, old.ID, models.Confirmation{})), models.NotFound)
		s.delete(t, again)
		if got := s.read(t, old).ReplacementID; got == nil || *got != again.ID {
			t.Errorf("ReplacementID of the deleted key = %v, want %s", got, again.ID)
		}
	})
}

func errOf[T any](_ T, err error) error { return err }

// One of the two keys must remain.
func TestConcurrentEndAndCancelHaveOneWinner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 30 {
			old := s.key(t, "CI")
			next := s.rotate(t, old)
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return errOf(s.EndRotation(s.ctx, s.id, old.ID, models.Confirmation{}))
				}
				return errOf(s.CancelRotation(s.ctx, s.id, old.ID, models.Confirmation{}))
			})
			wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.FailedPrecondition) || isNotFound(err) })
			if next, old := s.read(t, next), s.read(t, old); (next.DeletedAt == nil) == (old.DeletedAt == nil) {
				t.Fatalf("old key = %s, new key = %s; end: %v; cancel: %v", old.StatusAt(s.Now()), next.StatusAt(s.Now()), errs[0], errs[1])
			}
		}
	})
}

func TestRotationHistory(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		first := s.key(t, "CI")
		s.key(t, "Another")
		canceled := s.rotate(t, first)
		s.delete(t, canceled)
		second := s.rotate(t, first)
		s.delete(t, first)
		third := s.rotate(t, second)
		want := []string{first.ID, canceled.ID, second.ID, third.ID}
		for _, key := range []*models.APIKey{first, canceled, third} {
			history, err := s.RotationHistory(s.ctx, s.read(t, key))
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, key := range history {
				ids = append(ids, key.ID)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("rotation history of %s (-want +got):\n%s", key.ID, diff)
			}
		}
	})
}
