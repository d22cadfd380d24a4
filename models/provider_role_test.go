package models_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// TestProviderRoles signs in one person again and again, with other groups each time.
func TestProviderRoles(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Globex", "gil@globex.test")
		mapped := s.WithProviderRoles(t,
			models.ProviderRole{Group: "engineers", Role: models.Viewer, WorkspaceID: s.id},
			models.ProviderRole{Group: "key-admins", Role: models.Admin, WorkspaceID: s.id},
			models.ProviderRole{Group: "engineers", Role: models.KeyManager, WorkspaceID: other.id},
			models.ProviderRole{Group: "engineers", Role: models.Admin, WorkspaceID: "ws_01KKNTQ1T8J2VYX5NR753CWRGR"}, // deleted
		)
		signIn := func(subject, email string, groups ...string) error {
			_, err := mapped.SignInWithProvider(s.ctx, "", "", models.ProviderIdentity{
				Issuer: "https://id.acme.test", Subject: subject, Email: email, EmailVerified: true, Name: "Grace Hopper", Groups: groups,
			})
			return err
		}
		ids := map[string]string{} // of members, by workspace
		wantRoles := func(name, email string, want map[string]models.Role) {
			t.Helper()
			found := map[string]models.Role{}
			for _, workspace := range []fixture{s, other} {
				page, err := s.Members(t.Context(), workspace.id, models.MemberFilter{}, models.Page{})
				if err != nil {
					t.Fatal(err)
				}
				for _, member := range page.Items {
					if member.User.Email == email && member.DeactivatedAt == nil && !member.Pending {
						found[workspace.id], ids[workspace.id] = member.Role, member.ID
					}
				}
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("%s: roles (-want +got):\n%s", name, diff)
			}
		}
		const grace = "grace@acme.test"
		wantKind(t, signIn("grace", grace, "sales"), models.Forbidden)
		for _, tt := range []struct {
			name   string
			groups []string
			want   map[string]models.Role
		}{
			{"joins without an invitation", []string{"engineers"}, map[string]models.Role{s.id: models.Viewer, other.id: models.KeyManager}},
			{"gets the highest role", []string{"engineers", "key-admins"}, map[string]models.Role{s.id: models.Admin, other.id: models.KeyManager}},
			{"loses what a group gave", []string{"key-admins"}, map[string]models.Role{s.id: models.Admin}},
			{"loses everything", nil, map[string]models.Role{}},
			{"gets it again", []string{"engineers"}, map[string]models.Role{s.id: models.Viewer, other.id: models.KeyManager}},
		} {
			if err := signIn("grace", grace, tt.groups...); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			wantRoles(tt.name, grace, tt.want)
		}

		if _, err := s.DeactivateMember(s.ctx, s.id, ids[s.id]); err != nil {
			t.Fatal(err)
		}
		if err := signIn("grace", grace, "engineers"); err != nil {
			t.Fatal(err)
		}
		wantRoles("deactivated by an admin", grace, map[string]models.Role{other.id: models.KeyManager})

		if err := signIn("ada", ada.Email, "engineers"); err != nil { // the last admin, who wasn't added by a group
			t.Fatal(err)
		}
		wantRoles("last admin", ada.Email, map[string]models.Role{s.id: models.Admin, other.id: models.KeyManager})
		if err := signIn("ada", ada.Email); err != nil {
			t.Fatal(err)
		}
		wantRoles("member who was invited", ada.Email, map[string]models.Role{s.id: models.Admin})
	})
}
