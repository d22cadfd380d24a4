package models_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// child creates a key as another key.
func (s fixture) child(t *testing.T, creator *models.APIKey, name string) *models.APIKey {
	t.Helper()
	s.ctx = actingAs(t, creator)
	return s.keyOf(t, models.NewAPIKey{Name: name, ExpiresAt: creator.ExpiresAt})
}

// namesOf returns the names of keys.
func namesOf(keys []models.APIKey) []string {
	names := []string{}
	for _, key := range keys {
		names = append(names, key.Name)
	}
	return names
}

func TestKeyExpiresNoLaterThanItsCreator(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		end := s.Now().Add(2 * time.Hour)
		ctx := actingAs(t, s.keyOf(t, models.NewAPIKey{Name: "Creator", ExpiresAt: &end}))
		forever := s.key(t, "Forever")
		for _, tt := range []struct {
			name string
			at   *time.Time
			ok   bool
		}{
			{"earlier", ptr(end.Add(-time.Hour)), true}, {"at the same time", &end, true},
			{"later", ptr(end.Add(time.Millisecond)), false}, {"never", nil, false},
		} {
			for action, create := range map[string]func() (*models.APIKey, error){
				"create": func() (*models.APIKey, error) {
					key, _, err := s.CreateAPIKey(ctx, s.id, models.NewAPIKey{Name: "Child", ExpiresAt: tt.at})
					return key, err
				},
				"rotate": func() (*models.APIKey, error) {
					n := models.NewReplacement{Scopes: models.To(scope.Set{}), ExpiresAt: models.To(tt.at)}
					key, _, err := s.RotateAPIKey(ctx, s.id, s.key(t, "Old").ID, n)
					return key, err
				},
			} {
				t.Run(action+" "+tt.name, func(t *testing.T) {
					key, err := create()
					if !tt.ok {
						wantKind(t, err, models.Forbidden)
						wantContains(t, err.Error(), end.Format(time.RFC3339))
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if !key.ExpiresAt.Equal(*tt.at) {
						t.Errorf("expiry = %v, want %v", key.ExpiresAt, tt.at)
					}
				})
			}
		}
		next, _, err := s.RotateAPIKey(ctx, s.id, forever.ID, models.NewReplacement{Scopes: models.To(scope.Set{})})
		if err != nil {
			t.Fatal(err)
		}
		if next.ExpiresAt == nil || !next.ExpiresAt.Equal(end) {
			t.Errorf("expiry of a replacement without an expiry = %v, want %v", next.ExpiresAt, end)
		}
	})
}

func TestDeletedKeyCreatesNoKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "Deleted")
		s.delete(t, key)
		_, _, err := s.CreateAPIKey(actingAs(t, key), s.id, models.NewAPIKey{Name: "Child"})
		wantKind(t, err, models.Forbidden)
	})
}

func TestDescendants(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		parent, other := s.key(t, "Parent"), s.key(t, "Other")
		child := s.child(t, parent, "Child")
		s.child(t, child, "Grandchild")
		s.child(t, other, "Child of another")
		s.delete(t, s.child(t, child, "Deleted"))
		gone := s.child(t, parent, "Expired")
		s.child(t, gone, "Child of an expired key")
		s.set(t, gone, "id", gone.ID, "expires_at", s.Now())
		descendants, err := s.Descendants(s.ctx, s.id, []string{parent.ID, child.ID, "key_\x00"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{parent.ID: {"Child", "Grandchild", "Child of an expired key"}, child.ID: {"Grandchild"}}
		got := map[string][]string{}
		for id, keys := range descendants {
			got[id] = namesOf(keys)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("descendants (-want +got):\n%s", diff)
		}
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		if foreign, err := s.Descendants(s.ctx, elsewhere.id, []string{parent.ID}); err != nil || len(foreign) != 0 {
			t.Errorf("descendants in another workspace = %v, error = %v; want none", foreign, err)
		}
	})
}

func TestDeletionWithDescendants(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, too := range []bool{false, true} {
			parent, other := s.key(t, "Parent"), s.key(t, "Other")
			child := s.child(t, parent, "Child")
			grandchild := s.child(t, child, "Grandchild")
			if _, err := s.DeleteAPIKey(s.ctx, s.id, parent.ID, models.Confirmation{Descendants: too}); err != nil {
				t.Fatal(err)
			}
			for _, key := range []*models.APIKey{child, grandchild} {
				stored := s.read(t, key)
				if got := stored.DeletedAt != nil; got != too {
					t.Errorf("with descendants %t: %s is deleted: %t", too, key.Name, got)
				}
				if got := stored.DeletionEffectiveAt != nil; got != too {
					t.Errorf("with descendants %t: deletion of %s has a receipt: %t", too, key.Name, got)
				}
			}
			if s.read(t, other).DeletedAt != nil {
				t.Errorf("with descendants %t: another key is deleted", too)
			}
		}
	})
}

func TestDeletionOfDescendantsInUseMustBeConfirmed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		parent := s.key(t, "Parent")
		child := s.child(t, parent, "Child")
		s.set(t, child, "id", child.ID, "last_used_at", s.Now())
		wantUnchanged(t, s.Store, func() {
			_, err := s.DeleteAPIKey(s.ctx, s.id, parent.ID, models.Confirmation{Descendants: true})
			wantFields(t, err, "confirm_name")
		})
		if _, err := s.DeleteAPIKey(s.ctx, s.id, parent.ID, models.Confirmation{Descendants: true, Name: "Parent"}); err != nil {
			t.Fatal(err)
		}
		if s.read(t, child).DeletedAt == nil {
			t.Error("the child is not deleted")
		}
	})
}

// TestRotationKeepsReplacementOfItself covers a key that rotates itself, whose replacement is also its
// descendant.
func TestRotationKeepsReplacementOfItself(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		old := s.key(t, "Old")
		leaked := s.child(t, old, "Child")
		next, _, err := s.RotateAPIKey(actingAs(t, old), s.id, old.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		kept := s.child(t, next, "Child of the replacement")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, old.ID, models.Confirmation{Descendants: true}); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[*models.APIKey]bool{old: true, leaked: true, next: false, kept: false} {
			if got := s.read(t, key).DeletedAt != nil; got != want {
				t.Errorf("%s is deleted: %t, want %t", key.Name, got, want)
			}
		}
	})
}

// TestDescendantsShareCreationBudget also checks that people are not limited, and that the limit ends.
func TestDescendantsShareCreationBudget(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		root := s.key(t, "Root")
		creators := []*models.APIKey{root}
		for i := range models.DefaultKeyCreations {
			creators = append(creators, s.child(t, creators[i/2], fmt.Sprint("Key ", i)))
			s.Clock.Advance(time.Minute)
		}
		for _, creator := range []*models.APIKey{root, creators[1], creators[len(creators)-1]} {
			wantUnchanged(t, s.Store, func() {
				_, _, err := s.CreateAPIKey(actingAs(t, creator), s.id, models.NewAPIKey{Name: "One more"})
				wantKind(t, err, models.RateLimited)
				if limited := new(models.Error); errors.As(err, &limited) && limited.RetryAfter != 30*time.Minute {
					t.Errorf("retry after %v, want 30m", limited.RetryAfter)
				}
			})
		}
		s.key(t, "Of a person")
		s.child(t, s.key(t, "Another root"), "Its child")
		s.Clock.Advance(30 * time.Minute)
		s.child(t, root, "An hour later")
	})
}

func TestWorkspaceHasLimitedKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		store, err := models.Open(s.URL, models.Options{Clock: s.Clock.Now, MaxAPIKeys: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		create := func() error {
			_, _, err := store.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "CI"})
			return err
		}
		rotated, deleted := s.key(t, "Rotated"), s.key(t, "Deleted")
		s.keyThatExpires(t, "Expired", s.Now())
		if err := create(); err != nil {
			t.Fatal(err)
		}
		wantUnchanged(t, s.Store, func() {
			wantKind(t, create(), models.FailedPrecondition)
			_, _, err := store.RotateAPIKey(s.ctx, s.id, rotated.ID, models.NewReplacement{})
			wantKind(t, err, models.FailedPrecondition)
			wantContains(t, err.Error(), "3 API keys")
		})
		s.delete(t, deleted)
		wantOneWinner(t, atOnce(8, func(int) error { return create() }), func(err error) bool { return models.IsKind(err, models.FailedPrecondition) })
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		if _, _, err := store.CreateAPIKey(elsewhere.ctx, elsewhere.id, models.NewAPIKey{Name: "CI"}); err != nil {
			t.Errorf("create a key in another workspace: %v", err)
		}
	})
}

// TestReviewFindsKeysOfDeletedKeys does not count a key that replaces its creator.
func TestReviewFindsKeysOfDeletedKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		parent := s.key(t, "Parent")
		child := s.child(t, parent, "Child")
		s.child(t, child, "Grandchild")
		if _, _, err := s.RotateAPIKey(actingAs(t, parent), s.id, parent.ID, models.NewReplacement{}); err != nil {
			t.Fatal(err)
		}
		s.delete(t, parent)
		list, err := s.APIKeys(s.ctx, s.id, models.APIKeyFilter{Finding: models.FindOrphaned, PageNumber: 1, PageSize: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Child"}, namesOf(list.Keys)); diff != "" {
			t.Errorf("keys of deleted keys (-want +got):\n%s", diff)
		}
		evidence, err := s.EvidenceOf(s.ctx, s.id, models.FindOrphaned, list.Keys)
		if err != nil {
			t.Fatal(err)
		}
		if got := evidence[child.ID].GoneAt; got == nil || !got.Equal(s.Now()) {
			t.Errorf("creator was deleted at %v, want %v", got, s.Now())
		}
		if got := evidence[child.ID].Descendants; got != 1 {
			t.Errorf("descendants = %d, want 1", got)
		}
	})
}
