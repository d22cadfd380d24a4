package models_test

import (
	"context"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// asKey returns a context in which a new key with the given scopes acts.
func (s fixture) asKey(t *testing.T, scopes scope.Set) context.Context {
	t.Helper()
	return actingAs(t, s.keyOf(t, models.NewAPIKey{Name: "Acting key", Scopes: scopes}))
}

// actingAs returns a context in which a key acts.
func actingAs(t *testing.T, key *models.APIKey) context.Context {
	t.Helper()
	return models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: key.ID})
}

// deactivated adds a person who has joined and deactivates them.
func (s fixture) deactivated(t *testing.T, email string, role models.Role) *models.Member {
	t.Helper()
	member, err := s.DeactivateMember(s.ctx, s.id, s.joined(t, email, role).ID)
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// TestKeyManagesAdminsOnlyWithEveryScope covers every change to a person.
func TestKeyManagesAdminsOnlyWithEveryScope(t *testing.T) {
	type person = func(s fixture, t *testing.T, email string, role models.Role) *models.Member
	change := map[string]func(s fixture, ctx context.Context, m *models.Member, role models.Role) (*models.Member, error){
		"add": func(s fixture, ctx context.Context, m *models.Member, role models.Role) (*models.Member, error) {
			return s.Store.Store.AddMember(ctx, s.id, models.NewMember{Email: m.User.Email, Role: role})
		},
		"role": func(s fixture, ctx context.Context, m *models.Member, role models.Role) (*models.Member, error) {
			return s.ChangeMemberRole(ctx, s.id, m.ID, role)
		},
		"deactivate": func(s fixture, ctx context.Context, m *models.Member, _ models.Role) (*models.Member, error) {
			return s.DeactivateMember(ctx, s.id, m.ID)
		},
		"reactivate": func(s fixture, ctx context.Context, m *models.Member, _ models.Role) (*models.Member, error) {
			return s.ReactivateMember(ctx, s.id, m.ID)
		},
	}
	stranger := func(_ fixture, _ *testing.T, email string, _ models.Role) *models.Member {
		return &models.Member{User: models.User{Email: email}}
	}
	tests := []struct {
		name      string
		person    person
		was       models.Role
		change    string
		role      models.Role // that the change asks for
		forbidden bool
	}{
		{"adds an admin", stranger, "", "add", models.Admin, true},
		{"adds a member", stranger, "", "add", models.Viewer, false},
		{"adds a deactivated admin again as a member", fixture.deactivated, models.Admin, "add", models.Viewer, true},
		{"adds a deactivated member again as an admin", fixture.deactivated, models.Viewer, "add", models.Admin, true},
		{"adds a deactivated member again", fixture.deactivated, models.Viewer, "add", models.Viewer, false},
		{"reactivates an admin", fixture.deactivated, models.Admin, "reactivate", "", true},
		{"reactivates a member", fixture.deactivated, models.Viewer, "reactivate", "", false},
		{"deactivates an admin", fixture.joined, models.Admin, "deactivate", "", true},
		{"deactivates a member", fixture.joined, models.Viewer, "deactivate", "", false},
		{"makes a member an admin", fixture.joined, models.Viewer, "role", models.Admin, true},
		{"adds a key manager", stranger, "", "add", models.KeyManager, true},
		{"reactivates a key manager", fixture.deactivated, models.KeyManager, "reactivate", "", true},
		{"makes a key manager a viewer", fixture.joined, models.KeyManager, "role", models.Viewer, true},
		{"makes an admin a member", fixture.joined, models.Admin, "role", models.Viewer, true},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		limited, full := s.asKey(t, scope.All.Without(scope.Of(scope.SeatsRead))), s.asKey(t, scope.All)
		for i, tt := range tests {
			email := string(rune('a'+i)) + "@acme.test"
			person := tt.person(s, t, email, tt.was)
			t.Run("key without a scope "+tt.name, func(t *testing.T) {
				if !tt.forbidden {
					if _, err := change[tt.change](s, limited, person, tt.role); err != nil {
						t.Errorf("error = %v, want none", err)
					}
					return
				}
				wantUnchanged(t, s.Store, func() {
					_, err := change[tt.change](s, limited, person, tt.role)
					wantKind(t, err, models.Forbidden)
					wantContains(t, err.Error(), "every scope", "lacks seats.read")
				})
			})
			if tt.forbidden {
				t.Run("key with every scope "+tt.name, func(t *testing.T) {
					if _, err := change[tt.change](s, full, person, tt.role); err != nil {
						t.Errorf("error = %v, want none", err)
					}
				})
			}
		}
	})
}

// TestReturningNeverRaisesRole also covers people, who may do everything else.
func TestReturningNeverRaisesRole(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for i, tt := range []struct{ was, asked, want models.Role }{
			{models.Viewer, models.Admin, models.Viewer},
			{models.Viewer, models.Viewer, models.Viewer},
			{models.Admin, models.Admin, models.Admin},
			{models.Admin, models.Viewer, models.Viewer},
			{models.KeyManager, models.Admin, models.KeyManager},
			{models.Admin, models.KeyManager, models.KeyManager},
		} {
			former := s.deactivated(t, string(rune('a'+i))+"@acme.test", tt.was)
			s.add(t, models.NewMember{Email: former.User.Email, Role: tt.asked})
			if got := member(t, s, former.User.Email).Role; got != tt.want {
				t.Errorf("role of a former %s added as %s = %s, want %s", tt.was, tt.asked, got, tt.want)
			}
		}
	})
}

func TestUnknownKeyHasNoAuthority(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: "key_unknown"})
		wantUnchanged(t, s.Store, func() {
			if _, err := s.Store.Store.AddMember(ctx, s.id, models.NewMember{Email: "new@acme.test", Role: models.Admin}); err == nil {
				t.Error("a key that does not exist added an admin")
			}
		})
	})
}
