package dashboard_test

import (
	"net/http"
	"net/url"
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

	admin.Post("/settings/workspace/new", url.Values{"name": {"Research"}}).WantRedirect(t, "/settings/api-keys")
	admin.Get("/settings/workspace").Want(t, http.StatusOK, "Research", "Switched to")
	members := document(t, admin.Get("/settings/members")).Find("main").Text()
	modelstest.Contains(t, "members of the new workspace", members, handlerstest.AdminEmail)
}

func TestLeaveWorkspacePage(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "vic@acme.test")
	viewer, admin := s.SignedIn(t, "vic@acme.test"), s.SignedIn(t, handlerstest.AdminEmail)
	admin.Post("/settings/workspace/leave", nil).Want(t, http.StatusUnprocessableEntity, "You’re the last admin of this workspace.")

	viewer.Get("/settings/workspace/leave").Want(t, http.StatusOK, "API keys that you created keep working.")
	viewer.Post("/settings/workspace/leave", nil).WantRedirect(t, "/")
	viewer.Get("/settings/account").Want(t, http.StatusOK, "You left", "None")
	viewer.Get("/settings/workspace/leave").Want(t, http.StatusNotFound, "You don’t belong to a workspace.")
	if _, err := s.Member(t.Context(), s.Workspace.ID, s.Admin.ID); err != nil || models.IsKind(err, models.NotFound) {
		t.Errorf("admin after the rejected attempt: %v", err)
	}
	modelstest.Contains(t, "audit log", document(t, admin.Get("/settings/audit-log")).Find("main").Text(), "left the workspace")
}
