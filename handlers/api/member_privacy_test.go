package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// elsewhere creates an account with the name Rita Real and the email rita@rival.test in another workspace.
func elsewhere(t *testing.T, s *handlerstest.Server) *models.Workspace {
	t.Helper()
	workspace, _, err := s.CreateWorkspace(context.Background(), models.NewWorkspace{
		Name: "Rival", AdminEmail: "rita@rival.test", AdminName: "Rita Real", Password: modelstest.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	return workspace
}

// addedAs adds a person as a client of the API does, and returns the response and its body without the ID.
func addedAs(t *testing.T, s *handlerstest.Server, key, body string) (handlerstest.Response, map[string]any) {
	t.Helper()
	response := s.Call(t, key, "POST", "/workspace_members", body)
	var created objectBody
	response.JSON(t, &created)
	delete(created.Data, "id")
	return response, created.Data
}

func TestAddedMembersAccountIsPrivate(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.MembersRead, scope.MembersWrite)
		elsewhere(t, s)
		known, account := addedAs(t, s, key, `{"email":"rita@rival.test"}`)
		unknown, person := addedAs(t, s, key, `{"email":"stranger@rival.test"}`)
		if known.Status != http.StatusCreated || unknown.Status != known.Status {
			t.Errorf("status with an account = %d, without one = %d; want 201 for both", known.Status, unknown.Status)
		}
		if account["name"] != nil {
			t.Errorf("name of someone with an account = %v, want null", account["name"])
		}
		account["email"] = person["email"]
		if diff := cmp.Diff(person, account); diff != "" {
			t.Errorf("response shows whether there is an account (-without +with):\n%s", diff)
		}
		if list := s.Want(t, http.StatusOK, key, "GET", "/workspace_members", "").Body; strings.Contains(list, "Rita Real") {
			t.Errorf("the list shows the name of the account:\n%s", list)
		}
	})
}

func TestMemberNameStaysInItsWorkspace(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		rival := elsewhere(t, s)
		ours, theirs := s.Key(t, scope.MembersRead, scope.MembersWrite), s.KeyOf(t, rival.ID, scope.MembersRead, scope.MembersWrite)
		if _, grace := addedAs(t, s, ours, `{"email":"grace@acme.test","name":"Grace of Acme"}`); grace["name"] != "Grace of Acme" {
			t.Errorf("name in the first workspace = %v, want %q", grace["name"], "Grace of Acme")
		}
		if _, grace := addedAs(t, s, theirs, `{"email":"grace@acme.test"}`); grace["name"] != nil {
			t.Errorf("name in the second workspace = %v, want null", grace["name"])
		}
		if _, rita := addedAs(t, s, ours, `{"email":"rita@rival.test","name":"Rita at Acme"}`); rita["name"] != "Rita at Acme" {
			t.Errorf("name of someone with an account = %v, want the name that the workspace gave", rita["name"])
		}
	})
}
