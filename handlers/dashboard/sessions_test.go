package dashboard_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// TestSlowRequestKeepsTheLastUsedWorkspace checks that a slow request in one tab doesn't undo the switch
// to another workspace in a second tab.
func TestSlowRequestKeepsTheLastUsedWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	other, _ := s.NewWorkspace(t, "Globex", handlerstest.AdminEmail)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	s.Exec(t, "UPDATE revocation SET wait_ms = 1000")
	one, done := s.SignedIn(t, handlerstest.AdminEmail), make(chan handlerstest.Response)
	another := s.Browser(t)
	another.Client.Jar = one.Client.Jar // a second tab
	go func() { done <- one.Post("/settings/api-keys/"+key.ID+"/delete", url.Values{}) }()
	for deleted := false; !deleted; time.Sleep(time.Millisecond) {
		now, err := s.APIKey(t.Context(), s.Workspace.ID, key.ID)
		if err != nil {
			t.Fatal(err)
		}
		deleted = now.DeletedAt != nil
	}
	another.Get(path.Workspace(other.ID).APIKeys()).Want(t, http.StatusOK)
	if got := <-done; got.Status != http.StatusSeeOther {
		t.Fatalf("delete: status = %d, want 303\n%s", got.Status, got.Body)
	}
	one.Get(path.Root).WantRedirect(t, path.Workspace(other.ID).APIKeys())
}

// TestNoticeWaitsForAFullPage checks that the live update of another tab doesn't consume a notice.
func TestNoticeWaitsForAFullPage(t *testing.T) {
	s := handlerstest.New(t)
	key := s.NamedKey(t, s.Workspace.ID, "CI")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	const notice = "Key details updated"
	if got := b.Post("/settings/api-keys/"+key.ID, url.Values{"name": {"Builds"}}); got.Status != http.StatusSeeOther {
		t.Fatalf("rename: status = %d, want 303\n%s", got.Status, got.Body)
	}
	part := s.Request(t, http.MethodGet, "/settings/api-keys/"+key.ID+"/usage", "")
	part.Header.Set("HX-Request", "true")
	if got := handlerstest.Send(t, b.Client, part); got.Status != http.StatusOK || strings.Contains(got.Body, notice) {
		t.Errorf("live update: status = %d, want 200 without the notice", got.Status)
	}
	for i, want := range []bool{true, false} {
		if got := b.Get("/settings/api-keys/" + key.ID); strings.Contains(got.Body, notice) != want {
			t.Errorf("page %d shows the notice = %t, want %t", i, !want, want)
		}
	}
}

// TestSquatterDoesNotJoinNewWorkspace checks that someone who created an account for another person's
// email, with a copied link, can't open a workspace that the operator creates for that person.
func TestSquatterDoesNotJoinNewWorkspace(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		member, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: "cfo@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		invited, err := s.InviteMember(t.Context(), s.Workspace.ID, member.ID)
		if err != nil {
			t.Fatal(err)
		}
		squatter := s.Browser(t)
		if got := squatter.Post("/invitations/"+invited.Token, url.Values{"name": {"Squatter"}, "password": {modelstest.Password}}); got.Status != http.StatusSeeOther {
			t.Fatalf("accept: status = %d, want 303\n%s", got.Status, got.Body)
		}
		workspace, _, err := s.CreateWorkspace(t.Context(), models.NewWorkspace{Name: "Finance", AdminEmail: "cfo@acme.test", AdminName: "The CFO"})
		if err != nil {
			t.Fatal(err)
		}
		if got := squatter.Post("/workspace", url.Values{"workspace_id": {workspace.ID}}); got.Status != http.StatusNotFound {
			t.Errorf("open the new workspace: status = %d, want 404", got.Status)
		}
	})
}

// TestPollingDoesNotKeepOwnerFromSigningIn checks that someone who polls sign-in with wrong passwords has
// to wait, while the owner of the account can sign in on a new device elsewhere.
func TestPollingDoesNotKeepOwnerFromSigningIn(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		s := handlerstest.With(t, store, handlerstest.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		wrong := url.Values{"email": {handlerstest.AdminEmail}, "password": {"wrong"}}
		attacker, statuses := s.Browser(t).From("198.51.100.9"), map[int]int{}
		for range 60 {
			statuses[attacker.Post("/login", wrong).Status]++
			s.Clock.Advance(time.Second)
		}
		if diff := cmp.Diff(map[int]int{http.StatusUnprocessableEntity: 9, http.StatusTooManyRequests: 51}, statuses); diff != "" {
			t.Errorf("statuses of the attacker (-want +got):\n%s", diff)
		}
		right := url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}}
		if got := s.Browser(t).From("203.0.113.5").Post("/login", right); got.Status != http.StatusSeeOther {
			t.Errorf("status of the owner = %d, want 303\n%s", got.Status, got.Body)
		}
	})
}

// TestFormsForAnyoneIgnoreTheWorkspace checks that forms without a session don't fail if they name a
// workspace.
func TestFormsForAnyoneIgnoreTheWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	for path, want := range map[string]int{
		"/login": http.StatusUnprocessableEntity, "/appearance": http.StatusSeeOther,
		"/setup/none": http.StatusNotFound, "/invitations/none": http.StatusNotFound,
	} {
		if got := s.Browser(t).Post(path, url.Values{"of_workspace": {"x"}}); got.Status != want {
			t.Errorf("%s: status = %d, want %d", path, got.Status, want)
		}
	}
}

// TestSignInWithInternationalDomain checks both forms of a domain: browsers send the ASCII form.
func TestSignInWithInternationalDomain(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		s.NewWorkspace(t, "Books", "anna@bücher.example")
		s.SignedIn(t, "anna@bücher.example")
		s.SignedIn(t, "anna@xn--bcher-kva.example")
	})
}
