package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var acme = models.NewWorkspace{Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada Admin", Password: modelstest.Password}

func TestSetupLinkWorksOnce(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		link := newLink(t, s)
		if err := s.CheckSetupLink(t.Context(), link); err != nil {
			t.Fatalf("new link: %v", err)
		}
		workspace, admin, err := s.SetUp(t.Context(), link, acme)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspace name", workspace.Name, "Acme")
		modelstest.Equal(t, "admin is admin", admin.IsAdmin(), true)
		modelstest.Equal(t, "admin workspace ID", admin.WorkspaceID, workspace.ID)
		modelstest.Equal(t, "admin user email", admin.User.Email, "ada@acme.test")
		wantDeadLink(t, s, link)
		if needed, err := s.NeedsSetup(t.Context()); err != nil || needed {
			t.Errorf("NeedsSetup = %v, %v", needed, err)
		}
		in, err := s.SignInNew(t.Context(), admin)
		if err != nil || in.WorkspaceID != workspace.ID {
			t.Fatalf("first session = %+v, error = %v", in, err)
		}
		if _, err := s.Session(t.Context(), in.SessionID); err != nil {
			t.Error(err)
		}
	})
}

func TestSetUpEndsAllLinks(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		used, other := newLink(t, s), newLink(t, s.Another(t))
		if used == other {
			t.Fatal("two links are equal")
		}
		if _, _, err := s.SetUp(t.Context(), used, acme); err != nil {
			t.Fatal(err)
		}
		wantDeadLink(t, s, other)
		wantDeadLink(t, s, newLink(t, s)) // a node that has not noticed yet prints one
	})
}

func TestCreateWorkspaceEndsSetupLinks(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		link := newLink(t, s)
		s.NewWorkspace(t, "Acme", "ada@acme.test")
		wantDeadLink(t, s, link)
		if needed, err := s.NeedsSetup(t.Context()); err != nil || needed {
			t.Errorf("NeedsSetup = %v, %v", needed, err)
		}
	})
}

func TestInvalidSetupLinks(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		link := newLink(t, s)
		for _, text := range []string{"", "invented", strings.ToLower(link), link[:25], link + " ", "\x00", "\xff", strings.Repeat("A", 1<<20)} {
			wantDeadLink(t, s, text)
		}
		s.Clock.Advance(24*time.Hour - time.Millisecond)
		if err := s.CheckSetupLink(t.Context(), link); err != nil {
			t.Errorf("link a millisecond before it expires: %v", err)
		}
		s.Clock.Advance(time.Millisecond)
		wantDeadLink(t, s, link)
		if _, _, err := s.SetUp(t.Context(), newLink(t, s), acme); err != nil {
			t.Errorf("link of the next start: %v", err)
		}
	})
}

func TestConcurrentSetUpCreatesOneWorkspace(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		links := []string{newLink(t, s), newLink(t, s)}
		nodes := []*modelstest.Store{s, s.Another(t)}
		wantOneWinner(t, atOnce(8, func(i int) error {
			n := acme
			n.AdminEmail = strings.Repeat("a", i+1) + "@acme.test"
			_, _, err := nodes[i%2].SetUp(t.Context(), links[i/2%2], n)
			return err
		}), isNotFound)
		wantCount(t, s, "workspaces", 1)
		wantCount(t, s, "users", 1)
		wantCount(t, s, "members", 1)
		wantCount(t, s, "audit_events", 2)
	})
}

func TestRejectedSetUpKeepsLink(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		link := newLink(t, s)
		wantUnchanged(t, s, func() {
			_, _, err := s.SetUp(t.Context(), link, models.NewWorkspace{Name: " ", AdminEmail: "ada", AdminName: "", Password: "short"})
			wantFields(t, err, "workspace", "email", "name", "password")
		})
		wantUnchanged(t, s, func() {
			err := s.Tx(t.Context(), func(tx *models.Store) error {
				if _, _, err := tx.SetUp(t.Context(), link, acme); err != nil {
					t.Error(err)
				}
				return errStop
			})
			if !errors.Is(err, errStop) {
				t.Error(err)
			}
		})
		if _, _, err := s.SetUp(t.Context(), link, acme); err != nil {
			t.Error(err)
		}
	})
}

func newLink(t *testing.T, s *modelstest.Store) string {
	t.Helper()
	link, err := s.NewSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// wantDeadLink fails unless a link is NotFound and makes nothing.
func wantDeadLink(t *testing.T, s *modelstest.Store, link string) {
	t.Helper()
	wantUnchanged(t, s, func() {
		wantKind(t, s.CheckSetupLink(t.Context(), link), models.NotFound)
		_, _, err := s.SetUp(t.Context(), link, models.NewWorkspace{Name: "Mine", AdminEmail: "eve@acme.test", AdminName: "Eve", Password: modelstest.Password})
		wantKind(t, err, models.NotFound)
	})
}

func wantCount(t *testing.T, s *modelstest.Store, table string, want int64) {
	t.Helper()
	var got int64
	if err := s.DB().Table(table).Count(&got).Error; err != nil || got != want {
		t.Errorf("rows in %s = %d, error = %v; want %d", table, got, err, want)
	}
}
