package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func (s fixture) ownerOf(t *testing.T, key *models.APIKey) string {
	t.Helper()
	if owner := s.read(t, key).OwnerID; owner != nil {
		return *owner
	}
	return ""
}

// TestOwnerOfNewKeys checks that a key is owned by whom it was created for, and otherwise by who created it.
func TestOwnerOfNewKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		own, given := s.key(t, "Own"), s.keyOf(t, models.NewAPIKey{Name: "Given", OwnerID: grace.ID})
		child := s.child(t, given, "Child")
		byOperator := s
		byOperator.ctx = models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
		unowned := byOperator.key(t, "Unowned")
		replacement, _, err := s.RotateAPIKey(s.ctx, s.id, given.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		adopted, _, err := s.RotateAPIKey(s.ctx, s.id, unowned.ID, models.NewReplacement{})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name string
			key  *models.APIKey
			want string
		}{
			{"own", own, s.admin.ID}, {"given", given, grace.ID}, {"created by a key", child, grace.ID}, {"created by the operator", unowned, ""},
			{"replacement", replacement, grace.ID}, {"replacement of a key without an owner", adopted, s.admin.ID},
		} {
			modelstest.Equal(t, tt.name, s.ownerOf(t, tt.key), tt.want)
		}
		created := eventsOf(t, s, given.ID)
		modelstest.Equal(t, "owner in the event of the creation", created[len(created)-1].Details["owner_id"], grace.ID)

		pending, err := s.Store.Store.AddMember(s.ctx, s.id, models.NewMember{Email: "pending@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		other := newFixture(t, s.Store, "Rival", "rita@rival.test")
		for _, owner := range []string{pending.ID, other.admin.ID, "mem_\x00"} {
			_, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "New", OwnerID: owner})
			wantFields(t, err, "owner_id")
		}
	})
}

// TestOwnerChanges checks that a change is recorded, and that an owner who has left stays until someone changes it.
func TestOwnerChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		key := s.keyOf(t, models.NewAPIKey{Name: "CI", OwnerID: grace.ID})
		if _, err := s.DeactivateMember(s.ctx, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"CI"}, keyNamesOf(t, s, models.APIKeyFilter{Finding: models.FindOwnerLeft})); diff != "" {
			t.Errorf("keys whose owner left (-want +got):\n%s", diff)
		}
		update := func(u models.KeyUpdate) error { return errOf(s.UpdateAPIKey(s.ctx, s.id, key.ID, u)) }
		if err := update(models.KeyUpdate{Name: models.To("Nightly"), OwnerID: models.To(grace.ID)}); err != nil {
			t.Errorf("keep an owner who has left: %v", err)
		}
		for _, owner := range []string{"", "mem_none"} {
			wantFields(t, update(models.KeyUpdate{OwnerID: models.To(owner)}), "owner_id")
		}
		epoch := s.read(t, key).ChangedEpoch
		if err := update(models.KeyUpdate{OwnerID: models.To(s.admin.ID)}); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "owner", s.ownerOf(t, key), s.admin.ID)
		modelstest.Equal(t, "epoch of the key's access", s.read(t, key).ChangedEpoch, epoch)
		event := eventsOf(t, s, key.ID)[0]
		modelstest.Equal(t, "action", event.Action, "api_key.owner_changed")
		if diff := cmp.Diff(map[string]string{"from": grace.DisplayName(), "to": "Ada Admin", "owner_id": s.admin.ID}, event.Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		wantUnchanged(t, s.Store, func() { wantKind(t, update(models.KeyUpdate{OwnerID: models.To(grace.ID)}), models.Invalid) })
	})
}

// TestAssignAPIKeys checks that keys are assigned all or none, and only within the workspace.
func TestAssignAPIKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		one, two, deleted := s.key(t, "One"), s.key(t, "Two"), s.key(t, "Deleted")
		s.delete(t, deleted)
		other := newFixture(t, s.Store, "Rival", "rita@rival.test")
		foreign := other.key(t, "Foreign")
		assign := func(owner string, keys ...*models.APIKey) (int, error) {
			var ids []string
			for _, key := range keys {
				ids = append(ids, key.ID)
			}
			return s.AssignAPIKeys(s.ctx, s.id, ids, owner)
		}
		wantUnchanged(t, s.Store, func() {
			for _, tt := range []struct {
				name, owner string
				keys        []*models.APIKey
				kind        models.Kind
			}{
				{"no key", grace.ID, nil, models.Invalid},
				{"a deleted key", grace.ID, []*models.APIKey{one, deleted}, models.NotFound},
				{"a key of another workspace", grace.ID, []*models.APIKey{one, foreign}, models.NotFound},
				{"a member of another workspace", other.admin.ID, []*models.APIKey{one}, models.Invalid},
				{"no member", "", []*models.APIKey{one}, models.Invalid},
			} {
				if _, err := assign(tt.owner, tt.keys...); !models.IsKind(err, tt.kind) {
					t.Errorf("%s: error = %v, want kind %d", tt.name, err, tt.kind)
				}
			}
		})
		for i, want := range []int{2, 0} {
			assigned, err := assign(grace.ID, two, one, two)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, []string{"assigned keys", "assigned keys the second time"}[i], assigned, want)
		}
		for _, key := range []*models.APIKey{one, two} {
			modelstest.Equal(t, "owner of "+key.Name, s.ownerOf(t, key), grace.ID)
			modelstest.Equal(t, "events of "+key.Name, len(eventsOf(t, s, key.ID)), 2)
		}
	})
}

// TestErasedOwner checks that the log names an erased owner by pseudonym, and that their keys are found.
func TestErasedOwner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		key := s.key(t, "CI")
		for _, owner := range []string{grace.ID, s.admin.ID, grace.ID} {
			if _, err := s.AssignAPIKeys(s.ctx, s.id, []string{key.ID}, owner); err != nil {
				t.Fatal(err)
			}
		}
		pseudonym, err := s.EraseUser(s.ctx, grace.UserID)
		if err != nil {
			t.Fatal(err)
		}
		owners, err := s.OwnersOf(s.ctx, s.id, []models.APIKey{*s.read(t, key)})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name of the owner", owners.Of(s.read(t, key)).DisplayName(), pseudonym)
		if diff := cmp.Diff([]string{"CI"}, keyNamesOf(t, s, models.APIKeyFilter{Finding: models.FindOwnerLeft})); diff != "" {
			t.Errorf("keys whose owner left (-want +got):\n%s", diff)
		}
		events := eventsOf(t, s, key.ID)
		modelstest.Equal(t, "new owner", events[0].Details["to"], pseudonym)
		modelstest.Equal(t, "previous owner", events[1].Details["from"], pseudonym)
	})
}

// TestEarlierKeysGetOwners checks that keys that programs without owners create get the owner that they would have now.
func TestEarlierKeysGetOwners(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		own, given := s.key(t, "Own"), s.keyOf(t, models.NewAPIKey{Name: "Given", OwnerID: grace.ID})
		grandchild := s.child(t, s.child(t, own, "Child"), "Grandchild")
		byOperator := s
		byOperator.ctx = models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
		unowned := byOperator.key(t, "Unowned")
		s.Exec(t, "UPDATE api_keys SET owner_id = NULL WHERE id <> '"+given.ID+"'")
		s.Clock.Advance(time.Minute)
		if err := s.PurgeExpired(s.ctx); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[*models.APIKey]string{own: s.admin.ID, given: grace.ID, grandchild: s.admin.ID, unowned: ""} {
			modelstest.Equal(t, "owner of "+key.Name, s.ownerOf(t, key), want)
		}
	})
}

func TestFindOwner(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		named := func(email, name string) *models.Member {
			member := s.joined(t, email, models.Viewer)
			s.Exec(t, "UPDATE users SET name = $1 WHERE id = $2", name, member.UserID)
			return member
		}
		bo, boris, zoe := named("bo@acme.test", "Bo"), named("boris@acme.test", "Boris"), named("zoe@acme.test", "Zoe O\u2019Hara")
		named("zoe2@acme.test", "Zoe Quinn")
		gone := named("gone@acme.test", "Gone")
		if _, err := s.DeactivateMember(s.ctx, s.id, gone.ID); err != nil {
			t.Fatal(err)
		}
		const none, several = "must be an active member", "matches several members; enter an email, such as zoe"
		for _, tt := range []struct{ entered, want, message string }{
			{"", "", ""},
			{boris.ID, boris.ID, ""},
			{" Zoe@acme.test ", zoe.ID, ""},
			{"bo", bo.ID, ""}, // not Boris
			{"bori", boris.ID, ""},
			{"o'hara", zoe.ID, ""},
			{"Zoe", "", several},
			{"gone@acme.test", gone.ID, ""}, // who may own the key already
			{"Gone", "", none},
			{"%", "", none},
			{"mem_none", "", none},
			{"Boris" + strings.Repeat(" ", 2000) + "z", "", none}, // longer than what is compared
		} {
			got, err := s.FindOwner(s.ctx, s.id, tt.entered)
			modelstest.Equal(t, "owner for "+tt.entered, got, tt.want)
			fields, _ := models.FieldsOf(err)
			modelstest.Contains(t, "error for "+tt.entered, fields["owner_id"], tt.message)
			if tt.message == "" && err != nil {
				t.Errorf("error for %q: %v", tt.entered, err)
			}
		}
	})
}
