package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const testWorkspacePath = "/settings/test-workspace"

// Later admins of a live workspace join its test workspace on the same page.
func TestTestWorkspacePage(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		modelstest.Contains(t, "menu", b.Get("/settings/api-keys").Body, testWorkspacePath+`"`)
		form := document(t, b.Get(testWorkspacePath)).Find("main")
		modelstest.Equal(t, "suggested name", form.Find("[name=name]").AttrOr("value", ""), "Acme (test)")
		modelstest.Contains(t, "page", form.Text(), "the admins of Acme", "Ada Admin")

		rejected := b.Post(testWorkspacePath, url.Values{"name": {""}})
		modelstest.Equal(t, "status without a name", rejected.Status, http.StatusUnprocessableEntity)
		created := b.Post(testWorkspacePath, url.Values{"name": {"Sandbox"}})
		modelstest.Equal(t, "status", created.Status, http.StatusSeeOther)
		list := b.Get(created.Header.Get("Location")).Body
		modelstest.Contains(t, "page of the test workspace", list, "Switched to", "Sandbox", `data-tone="test"`)
		if strings.Contains(list, testWorkspacePath) {
			t.Error("a test workspace offers another test workspace")
		}
		b.Workspace = created.Workspace()
		again := b.Get(testWorkspacePath)
		modelstest.Equal(t, "status in a test workspace", again.Status, http.StatusUnprocessableEntity)
		modelstest.Contains(t, "page in a test workspace", again.Body, "This is a test workspace already.")

		ctx := t.Context()
		member, err := s.Store.Store.AddMember(ctx, s.Workspace.ID, models.NewMember{Email: "grace@acme.test", Role: models.Admin})
		if err != nil {
			t.Fatal(err)
		}
		invited, err := s.InviteMember(ctx, s.Workspace.ID, member.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AcceptInvitation(ctx, invited.Token, "Grace", modelstest.Password); err != nil {
			t.Fatal(err)
		}
		grace := s.SignedIn(t, "grace@acme.test")
		modelstest.Contains(t, "page for a later admin", grace.Get(testWorkspacePath).Body, "Open test workspace", "Sandbox")
		joined := grace.Post(testWorkspacePath, url.Values{})
		modelstest.Equal(t, "status of joining", joined.Status, http.StatusSeeOther)
		modelstest.Contains(t, "page after joining", grace.Get(joined.Workspace().Members()).Body, "grace@acme.test", `data-tone="test"`)
	})
}
