package dashboard_test

import (
	"archive/zip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestWorkspacePage(t *testing.T) {
	s := handlerstest.New(t)
	admin := s.SignedIn(t, handlerstest.AdminEmail)
	s.AddMember(t, s.Workspace, "vic@acme.test")
	viewer := s.SignedIn(t, "vic@acme.test")

	viewer.Get("/settings/workspace").Want(t, http.StatusOK, s.Workspace.ID, "Leave workspace")
	viewer.Get("/settings/workspace").WantWithout(t, "/settings/workspace/name", "/settings/workspace/new")
	admin.Post("/settings/workspace/name", url.Values{"name": {""}}).Want(t, http.StatusUnprocessableEntity, "Name is required")
	admin.Post("/settings/workspace/name", url.Values{"name": {"Acme Corp"}}).WantRedirect(t, "/settings/workspace")
	viewer.Get("/settings/workspace").Want(t, http.StatusOK, "Acme Corp")

	created := admin.Post("/settings/workspace/new", url.Values{"name": {"Research"}})
	created.Want(t, http.StatusSeeOther)
	admin.Workspace = created.Workspace()
	admin.Get("/settings/workspace").Want(t, http.StatusOK, "Research", "Switched to")
	members := document(t, admin.Get("/settings/members")).Find("main").Text()
	modelstest.Contains(t, "members of the new workspace", members, handlerstest.AdminEmail)
}

func TestLeaveWorkspacePage(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "vic@acme.test")
	viewer, admin := s.SignedIn(t, "vic@acme.test"), s.SignedIn(t, handlerstest.AdminEmail)
	admin.Post("/settings/workspace/leave", nil).Want(t, http.StatusUnprocessableEntity, "You’re the last admin of this workspace.")

	page := viewer.Get("/settings/workspace/leave")
	page.Want(t, http.StatusOK, "API keys that you own keep working.")
	modelstest.Equal(t, "new owner without keys", document(t, page).Find("#field-new_owner_id").Length(), 0)
	key, vic := keyOf(t, s, s.Admin, "CI"), memberOf(t, s, "vic@acme.test")
	if _, err := s.AssignAPIKeys(t.Context(), s.Workspace.ID, []string{key.ID}, vic.ID); err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "selected owner", document(t, viewer.Get("/settings/workspace/leave")).Find("#field-new_owner_id option[selected]").Text(), "Keep the current owner")
	viewer.Post("/settings/workspace/leave", url.Values{"new_owner_id": {vic.ID}}).Want(t, http.StatusUnprocessableEntity, "New owner must be an active member of this workspace.")
	viewer.Post("/settings/workspace/leave", url.Values{"new_owner_id": {s.Admin.ID}}).WantRedirect(t, "/")
	viewer.Get("/").WantRedirect(t, "/settings/account")
	viewer.Get("/settings/account").Want(t, http.StatusOK, "You left", "and assigned 1 key to", "None")
	modelstest.Equal(t, "owner after leaving", ownerOf(t, s, key), s.Admin.ID)
	viewer.Get("/settings/workspace/leave").Want(t, http.StatusNotFound)
	if _, err := s.Member(t.Context(), s.Workspace.ID, s.Admin.ID); err != nil || models.IsKind(err, models.NotFound) {
		t.Errorf("admin after the rejected attempt: %v", err)
	}
	modelstest.Contains(t, "audit log", document(t, admin.Get("/settings/audit-log")).Find("main").Text(), "left the workspace")
}

func TestDeleteWorkspacePage(t *testing.T) {
	s := handlerstest.New(t)
	admin := s.SignedIn(t, handlerstest.AdminEmail)
	key := s.Key(t)
	s.Want(t, http.StatusOK, key, http.MethodGet, "/me", "")
	admin.Get("/settings/workspace/delete").Want(t, http.StatusOK, "1 API key", "stops", "/settings/workspace/export.zip")
	admin.Post("/settings/workspace/delete", url.Values{"confirm_name": {"Ac"}}).Want(t, http.StatusUnprocessableEntity, "Enter the name as shown")
	s.Want(t, http.StatusOK, key, http.MethodGet, "/me", "")
	admin.Post("/settings/workspace/delete", url.Values{"confirm_name": {"Acme"}}).WantRedirect(t, "/")
	s.Want(t, http.StatusUnauthorized, key, http.MethodGet, "/me", "")
	admin.Get("/settings/account").Want(t, http.StatusOK, "Deleted the workspace", "None")
}

// TestDeletedWorkspaceOnAnotherNode checks that a node that has the key in memory rejects it once the deletion
// has returned.
func TestDeletedWorkspaceOnAnotherNode(t *testing.T) {
	s := handlerstest.New(t)
	other, key := s.AnotherNode(t), s.Key(t)
	other.Want(t, http.StatusOK, key, http.MethodGet, "/me", "")
	other.Want(t, http.StatusOK, key, http.MethodGet, "/me", "")
	if err := s.DeleteWorkspace(t.Context(), s.Workspace.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	other.Want(t, http.StatusUnauthorized, key, http.MethodGet, "/me", "")
}

func TestWorkspaceExport(t *testing.T) {
	s := handlerstest.New(t)
	key := s.NamedKey(t, s.Workspace.ID, "Nightly sync")
	for _, used := range []string{key.ID, s.NamedKey(t, s.Workspace.ID, "CI").ID} {
		s.Exec(t, `INSERT INTO api_key_usage_days (workspace_id, api_key_id, starts_at, route, scope, status_class, refusal, requests)
			VALUES ('`+s.Workspace.ID+`', '`+used+`', '2026-03-01 00:00:00', 'GET /me', '', 2, '', 7)`)
	}
	if _, err := s.AssignAPIKeys(t.Context(), s.Workspace.ID, []string{key.ID}, s.Admin.ID); err != nil {
		t.Fatal(err)
	}
	got := s.SignedIn(t, handlerstest.AdminEmail).Get("/settings/workspace/export.zip")
	got.Want(t, http.StatusOK)
	archive, err := zip.NewReader(strings.NewReader(got.Body), int64(len(got.Body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"audit-log.csv": "api_key.owner_changed", "api-keys.csv": "," + handlerstest.AdminEmail + ",", "usage.csv": "2026-03-01," + key.ID + ",Nightly sync,GET /me,,2xx,,7,"} {
		file, err := archive.Open(name)
		if err != nil {
			t.Errorf("open %s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Errorf("read %s: %v", name, err)
		}
		modelstest.Contains(t, name, string(text), want)
	}
}

func TestDeleteAccountPage(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "vic@acme.test")
	viewer, admin := s.SignedIn(t, "vic@acme.test"), s.SignedIn(t, handlerstest.AdminEmail)
	admin.Post("/settings/account/delete", url.Values{"confirm_name": {handlerstest.AdminEmail}}).Want(t, http.StatusUnprocessableEntity, "is the last admin of Acme")
	viewer.Get("/settings/account/delete").Want(t, http.StatusOK, "can’t be undone")
	viewer.Post("/settings/account/delete", url.Values{"confirm_name": {"vic"}}).Want(t, http.StatusUnprocessableEntity, "Enter the name as shown")
	viewer.Post("/settings/account/delete", url.Values{"confirm_name": {"vic@acme.test"}}).WantRedirect(t, "/login")
	viewer.Get("/settings/account").WantRedirect(t, "/login?next=%2Fsettings%2Faccount")
	modelstest.Contains(t, "audit log", document(t, admin.Get("/settings/audit-log")).Find("main").Text(), "Erased person")
}
