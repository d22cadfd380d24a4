package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// TestTabsInTwoWorkspaces checks that each form acts on the workspace of its page, in whichever order the pages
// of two tabs are opened.
func TestTabsInTwoWorkspaces(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		other, _ := s.NewWorkspace(t, "Second", handlerstest.AdminEmail)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		first, second := path.Workspace(s.Workspace.ID), path.Workspace(other.ID)
		for _, tt := range []struct {
			opened, sentTo string
			form           url.Values
		}{
			{"/settings/api-keys/new", "/settings/api-keys", url.Values{"name": {"CI"}, "form_id": {"form"}, "expiry": {"never"}}},
			{"/settings/members/new", "/settings/members", url.Values{"email": {"grace@acme.test"}, "name": {"Grace"}, "role": {"member"}}},
			{"/settings/webhooks/new", "/settings/webhooks", url.Values{"url": {"https://hooks.example.com/"}, "events": {"seat.assigned"}}},
			{"/settings/seats/capacity", "/settings/seats/capacity", url.Values{"capacity": {"77"}}},
		} {
			form := document(t, b.Get(first.Page(tt.opened))).Find("#panel form")
			modelstest.Equal(t, tt.opened+": action", form.AttrOr("action", ""), first.Page(tt.sentTo))
			b.Get(second.Page(tt.opened)).Want(t, http.StatusOK)
			before, err := s.AuditEvents(t.Context(), other.ID, models.AuditFilter{}, models.Page{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			if got := b.Post(first.Page(tt.sentTo), tt.form); got.Status >= 400 {
				t.Errorf("%s: status = %d, want less than 400", tt.sentTo, got.Status)
			}
			after, err := s.AuditEvents(t.Context(), other.ID, models.AuditFilter{}, models.Page{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, tt.sentTo+": latest event of the other workspace", after.Items[0].ID, before.Items[0].ID)
		}
	})
}

// TestStrangersSeeNoWorkspace checks that another team's workspace can't be told from one that doesn't exist.
func TestStrangersSeeNoWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	foreign, _ := s.NewWorkspace(t, "Foreign", "eve@foreign.test")
	left, _ := s.NewWorkspace(t, "Left", "lea@left.test")
	gone := s.AddMember(t, left, handlerstest.AdminEmail)
	if _, err := s.DeactivateMember(t.Context(), left.ID, gone.ID); err != nil {
		t.Fatal(err)
	}
	missing := strings.Repeat("0", len(foreign.ID)-3)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for _, page := range []string{"/settings/api-keys", "/settings/api-keys/new", "/settings/members", "/search", "/settings/nothing"} {
		for _, send := range []func(string) handlerstest.Response{b.Get, b.Part, func(page string) handlerstest.Response { return b.Post(page, nil) }} {
			want := send(path.Workspace("ws_" + missing).Page(page))
			for _, id := range []string{foreign.ID, left.ID} {
				got := send(path.Workspace(id).Page(page))
				modelstest.Equal(t, page+": status", got.Status, want.Status)
				modelstest.Equal(t, page+": page", strings.ReplaceAll(got.Body, id, "ws_"+missing), want.Body)
			}
		}
	}
	modelstest.Equal(t, "status of the list", b.Get(path.Workspace(foreign.ID).APIKeys()).Status, http.StatusNotFound)
}

// TestLastWorkspace checks where paths lead that don't name a workspace, such as those of old bookmarks.
func TestLastWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	other, _ := s.NewWorkspace(t, "Second", handlerstest.AdminEmail)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	first, second := path.Workspace(s.Workspace.ID), path.Workspace(other.ID)
	b.Workspace = ""
	wantAt := func(when string, workspace path.Workspace) {
		t.Helper()
		for page, want := range map[string]string{
			"/": workspace.APIKeys(), "/settings/api-keys?status=deleted": workspace.APIKeys() + "?status=deleted", "/settings/members/x": workspace.Member("x"),
		} {
			modelstest.Equal(t, when+": "+page+" leads to", getWithoutWorkspace(t, s, b, http.MethodGet, page).Header.Get("Location"), want)
		}
	}
	wantAt("after signing in", first)
	b.Get(second.Members()).Want(t, http.StatusOK)
	wantAt("after a page of the second", second)
	b.Part(first.Members()).Want(t, http.StatusOK)
	b.Get(path.Workspace("ws_none").Members()).Want(t, http.StatusNotFound)
	wantAt("after a part of a page and a page that doesn't exist", second)

	before := s.Dump(t)
	rejected := getWithoutWorkspace(t, s, b, http.MethodPost, "/settings/members")
	rejected.Want(t, http.StatusConflict, "This form doesn’t name its workspace")
	if s.Dump(t) != before {
		t.Error("a form without a workspace has changed the database")
	}
}

// getWithoutWorkspace sends a request as is, unlike Browser.
func getWithoutWorkspace(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, method, page string) handlerstest.Response {
	t.Helper()
	request, err := http.NewRequest(method, s.URL+page, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", s.URL)
	return handlerstest.Send(t, b.Client, request)
}
