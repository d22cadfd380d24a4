package models_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (s home) rotate(t *testing.T, key *models.APIKey) *models.APIKey {
	t.Helper()
	next, _, err := s.RotateAPIKey(s.ctx, s.id, key.ID, models.NewReplacement{})
	if err != nil {
		t.Fatalf("rotate %s: %v", key.ID, err)
	}
	return next
}

func isRefused(err error) bool { return models.IsKind(err, models.FailedPrecondition) }

func TestRotateAPIKey(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		end := s.Now().Add(90 * 24 * time.Hour)
		old := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite), ExpiresAt: &end})
		s.Clock.Advance(60 * 24 * time.Hour)
		next, secret, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		if next.ID == old.ID || next.Name != "CI" || next.Scopes != old.Scopes || !next.ExpiresAt.Equal(s.Now().Add(90*24*time.Hour)) ||
			*next.ReplacesID != old.ID || *next.RotationID != old.ID || next.ReplacementID != nil {
			t.Errorf("the successor is %+v", next)
		}
		if found, err := s.APIKeyByDigest(s.ctx, secret.Digest()); err != nil || found.ID != next.ID {
			t.Errorf("the text is that of %+v, %v", found, err)
		}
		now := s.read(t, old)
		if !now.IsRotating() || *now.ReplacementID != next.ID || !now.AcceptedAt(s.Now()) || !now.Access().Equal(old.Access()) {
			t.Errorf("the old key is %+v", now)
		}
		event := eventsOf(t, s, old.ID)[0]
		want := map[string]string{"successor_id": next.ID, "key_prefix": next.KeyPrefix, "expires_at": "2026-08-11T09:26:53Z"}
		if diff := cmp.Diff(want, event.Details); event.Action != "api_key.rotated" || diff != "" {
			t.Errorf("%s (-want +got):\n%s", event.Action, diff)
		}
		if made := eventsOf(t, s, next.ID)[0]; made.Action != "api_key.created" || made.Details["rotated_from"] != old.ID {
			t.Errorf("of the successor: %+v", made)
		}
	})
}

func TestARotationIsToldToWebhooks(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		old := s.key(t, "CI")
		next := s.rotate(t, old)
		var events []models.Event
		if err := s.DB().Order("id DESC").Limit(2).Find(&events).Error; err != nil {
			t.Fatal(err)
		}
		var told struct {
			ID          string
			RotatedFrom string `json:"rotated_from"`
		}
		if err := json.Unmarshal([]byte(events[0].Data), &told); err != nil {
			t.Fatal(err)
		}
		if events[0].Type != models.APIKeyRotatedEvent || told.ID != next.ID || told.RotatedFrom != old.ID || events[1].Type != models.APIKeyCreatedEvent {
			t.Errorf("%+v", events)
		}
	})
}

func TestASuccessorMayDoLess(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		both, read := scope.Of(scope.SeatsRead, scope.SeatsWrite), scope.Of(scope.SeatsRead)
		old := s.keyOf(t, models.NewAPIKey{Name: "CI", Scopes: both})
		next, _, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{
			Scopes: models.To(read), ExpiresAt: models.To(ptr(s.Now().Add(time.Hour + time.Microsecond))), Grantor: &read,
		})
		if err != nil || next.Scopes != read || !next.ExpiresAt.Equal(s.Now().Add(time.Hour)) {
			t.Fatalf("%+v, %v", next, err)
		}
		if got := eventsOf(t, s, old.ID)[0].Details["scopes_removed"]; got != "seats.write" {
			t.Errorf("removed %q", got)
		}
		if now := s.read(t, old); now.Scopes != both {
			t.Errorf("the old key has %s", now.Scopes)
		}
	})
}

func TestRefusedRotationsChangeNothing(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		key, rotated, deleted := s.key(t, "CI"), s.key(t, "Rotated"), s.key(t, "Deleted")
		expired := s.keyThatExpires(t, "Expired", s.Now())
		s.rotate(t, rotated)
		s.delete(t, deleted)
		none, past := scope.Set(0), s.Now()
		tests := []struct {
			name      string
			workspace string
			id        string
			n         models.NewReplacement
			kind      models.Kind
		}{
			{"with a successor", s.id, rotated.ID, models.NewReplacement{}, models.FailedPrecondition},
			{"deleted", s.id, deleted.ID, models.NewReplacement{}, models.NotFound},
			{"expired", s.id, expired.ID, models.NewReplacement{}, models.FailedPrecondition},
			{"of another workspace", "ws_other", key.ID, models.NewReplacement{}, models.NotFound},
			{"nobody's", s.id, "key_\x00", models.NewReplacement{}, models.NotFound},
			{"more scopes", s.id, key.ID, models.NewReplacement{Scopes: models.To(scope.All)}, models.Invalid},
			{"dead at once", s.id, key.ID, models.NewReplacement{ExpiresAt: models.To(&past)}, models.Invalid},
			{"more than the grantor holds", s.id, key.ID, models.NewReplacement{Grantor: &none}, models.Forbidden},
		}
		for _, tt := range tests {
			wantUnchanged(t, s.Store, func() {
				_, secret, err := s.RotateAPIKey(s.ctx, tt.workspace, tt.id, tt.n)
				if !models.IsKind(err, tt.kind) || secret.Reveal() != "" {
					t.Errorf("%s: %v", tt.name, err)
				}
			})
		}
	})
}

// TestOneOfManyRotationsWins: a key has one living successor, whatever runs in parallel.
func TestOneOfManyRotationsWins(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		old := s.key(t, "CI")
		nodes := []home{s, {s.Another(t), s.id, s.admin, s.ctx}}
		wantOneWinner(t, atOnce(24, func(i int) error {
			_, _, err := nodes[i%2].RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
			return err
		}), isRefused)
		if made := s.keysMade(t); made != 2 {
			t.Errorf("%d keys, want the old one and its successor", made)
		}
	})
}

// TestOneFormRotatesOnce however often it is sent.
func TestOneFormRotatesOnce(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		old := s.key(t, "CI")
		wantOneWinner(t, atOnce(8, func(int) error {
			_, _, err := s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{FormID: "form"})
			return err
		}), func(err error) bool { return errors.Is(err, models.ErrFormAlreadyUsed) })
	})
}

// TestADeletionDuringARotation: either there is no successor, or it was made before.
func TestADeletionDuringARotation(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		for range 4 {
			old := s.key(t, "CI")
			errs := atOnce(2, func(i int) (err error) {
				if i == 0 {
					_, err = s.DeleteAPIKey(s.ctx, s.id, old.ID)
				} else {
					_, _, err = s.RotateAPIKey(s.ctx, s.id, old.ID, models.NewReplacement{})
				}
				return err
			})
			if made := errs[1] == nil; errs[0] != nil || (!made && !isNotFound(errs[1])) || (s.read(t, old).ReplacementID != nil) != made {
				t.Errorf("deletion %v, rotation %v", errs[0], errs[1])
			}
		}
	})
}

func TestAnAbandonedRotationLeavesTheOldKey(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		old := s.key(t, "CI")
		_, err := s.CancelRotation(s.ctx, s.id, old.ID, "")
		wantKind(t, err, models.FailedPrecondition)
		next := s.rotate(t, old)
		record(t, s.Store, batchOf(t, use{key: next, at: s.Now()}))
		wantUnchanged(t, s.Store, func() {
			_, err := s.CancelRotation(s.ctx, s.id, old.ID, "ci")
			wantFields(t, err, "confirm_name")
		})
		gone, err := s.CancelRotation(s.ctx, s.id, old.ID, "CI")
		if err != nil || gone.ID != next.ID || s.read(t, next).DeletedAt == nil {
			t.Fatalf("%+v, %v", gone, err)
		}
		if now := s.read(t, old); now.ReplacementID != nil || !now.AcceptedAt(s.Now()) {
			t.Errorf("the old key is %+v", now)
		}
		if event := eventsOf(t, s, old.ID)[0]; event.Action != "api_key.rotation_abandoned" || event.Details["successor_id"] != next.ID {
			t.Errorf("the event is %+v", event)
		}
		again := s.rotate(t, old)
		s.delete(t, old)
		wantKind(t, errOf(s.CancelRotation(s.ctx, s.id, old.ID, "")), models.NotFound)
		s.delete(t, again)
		if now := s.read(t, old); now.ReplacementID == nil || *now.ReplacementID != again.ID {
			t.Errorf("the deleted key forgets its successor: %+v", now)
		}
	})
}

func errOf[T any](_ T, err error) error { return err }

// TestARotationIsEndedOrAbandoned: of two people at once, one is told of the other, and a key is left.
func TestARotationIsEndedOrAbandoned(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		s.Exec(t, "UPDATE revocation SET lease_ms = 1, wait_ms = 1")
		for range 30 {
			old := s.key(t, "CI")
			next := s.rotate(t, old)
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return errOf(s.EndRotation(s.ctx, s.id, old.ID, models.RotationEnd{}))
				}
				return errOf(s.CancelRotation(s.ctx, s.id, old.ID, ""))
			})
			wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.FailedPrecondition) || isNotFound(err) })
			if left, gone := s.read(t, next), s.read(t, old); (left.DeletedAt == nil) == (gone.DeletedAt == nil) {
				t.Fatalf("the old key is %s, the new one %s; ending: %v; abandoning: %v", gone.StatusAt(s.Now()), left.StatusAt(s.Now()), errs[0], errs[1])
			}
		}
	})
}

func TestLineage(t *testing.T) {
	eachHome(t, func(t *testing.T, s home) {
		first := s.key(t, "CI")
		s.key(t, "Another")
		abandoned := s.rotate(t, first)
		s.delete(t, abandoned)
		second := s.rotate(t, first)
		s.delete(t, first)
		third := s.rotate(t, second)
		want := []string{first.ID, abandoned.ID, second.ID, third.ID}
		for _, key := range []*models.APIKey{first, abandoned, third} {
			line, err := s.RotationHistory(s.ctx, s.read(t, key))
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, one := range line {
				ids = append(ids, one.ID)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("the line of %s (-want +got):\n%s", key.ID, diff)
			}
		}
	})
}
