package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
)

// TestSlowRequestKeepsTheSelectedWorkspace checks that a slow request in one tab doesn't undo the switch
// to another workspace in a second tab.
func TestSlowRequestKeepsTheSelectedWorkspace(t *testing.T) {
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
	another.Post("/workspace", url.Values{"workspace_id": {other.ID}})
	if got := <-done; got.Status != http.StatusSeeOther {
		t.Fatalf("delete: status = %d, want 303\n%s", got.Status, got.Body)
	}
	if got := one.Get("/settings/api-keys/" + key.ID); got.Status != http.StatusNotFound {
		t.Errorf("key of the previous workspace: status = %d, want 404", got.Status)
	}
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
