package models_test

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/migrations"
	"github.com/skipup/keys/models/modelstest"
)

// nameIn returns the name of the member of a workspace with an email.
func (s fixture) nameIn(t *testing.T, email string) string {
	t.Helper()
	return member(t, s, email).Name()
}

func TestMemberNameBelongsToTheMembership(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		ours := s.add(t, models.NewMember{Email: "grace@acme.test", Name: "Grace of Acme"})
		theirs := rival.add(t, models.NewMember{Email: "grace@acme.test"})
		modelstest.Equal(t, "name where it was given", s.nameIn(t, "grace@acme.test"), "Grace of Acme")
		modelstest.Equal(t, "name in another workspace", rival.nameIn(t, "grace@acme.test"), "")

		invited, err := s.InviteMember(s.ctx, s.id, ours.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AcceptInvitation(s.ctx, invited.Token, "Grace Hopper", "a long enough passphrase"); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "name after joining", s.nameIn(t, "grace@acme.test"), "Grace Hopper")
		modelstest.Equal(t, "name where the person has not joined", rival.nameIn(t, "grace@acme.test"), "")

		if _, err := rival.DeactivateMember(rival.ctx, rival.id, theirs.ID); err != nil {
			t.Fatal(err)
		}
		rival.add(t, models.NewMember{Email: "grace@acme.test", Name: "Grace at Rival"})
		modelstest.Equal(t, "name after adding them again", rival.nameIn(t, "grace@acme.test"), "Grace at Rival")
		for _, table := range []string{"events", "audit_events"} {
			var rows []map[string]any
			if err := s.DB().Table(table).Where("workspace_id = ?", rival.id).Find(&rows).Error; err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for column, value := range row {
					if text, _ := value.(string); strings.Contains(text, "Grace of Acme") || strings.Contains(text, "Grace Hopper") {
						t.Errorf("%s of a row of %s = %q, which has the name in another workspace", column, table, text)
					}
				}
			}
		}
	})
}

func TestUnverifiedAdminHasTheNameOfTheWorkspace(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.joined(t, "cfo@acme.test", models.Viewer) // with a copied link
		_, admin, err := s.Store.Store.CreateWorkspace(s.ctx, models.NewWorkspace{Name: "Rival", AdminEmail: "cfo@acme.test", AdminName: "The CFO"})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "pending", admin.Pending, true)
		modelstest.Equal(t, "name", admin.Name(), "The CFO")
	})
}

// TestInvitedNamesAreMigrated checks that a name moves from the user to the membership that gave it.
func TestInvitedNamesAreMigrated(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		s.add(t, models.NewMember{Email: "grace@acme.test"})
		s.Clock.Advance(models.InvitationLife)
		rival.add(t, models.NewMember{Email: "grace@acme.test"})
		s.add(t, models.NewMember{Email: "rita@rival.test"})
		s.Exec(t, "ALTER TABLE members DROP COLUMN invited_name")
		s.Exec(t, "UPDATE users SET name = 'Grace of Acme' WHERE email = 'grace@acme.test'")
		folder := "sqlite"
		if strings.HasPrefix(s.URL, "postgres") {
			folder = "postgres"
		}
		migration, err := migrations.FS.ReadFile(folder + "/00021_invited_names.sql")
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitAfterSeq(strings.TrimSpace(string(migration)), ";\n") {
			s.Exec(t, statement)
		}
		modelstest.Equal(t, "name where it was given", s.nameIn(t, "grace@acme.test"), "Grace of Acme")
		modelstest.Equal(t, "name in another workspace", rival.nameIn(t, "grace@acme.test"), "")
		modelstest.Equal(t, "name of someone with an account, who has not joined", s.nameIn(t, "rita@rival.test"), "")
		modelstest.Equal(t, "name of someone who has joined", s.nameIn(t, "ada@acme.test"), s.admin.User.Name)
		var named int64
		if err := s.DB().Model(&models.User{}).Where("email = 'grace@acme.test' AND name <> ''").Count(&named).Error; err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "users without an account who have a name", named, 0)
	})
}
