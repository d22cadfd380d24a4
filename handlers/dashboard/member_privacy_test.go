package dashboard_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// TestPendingMemberHasTheNameOfTheWorkspace covers someone with an account in another workspace.
func TestPendingMemberHasTheNameOfTheWorkspace(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		_, _, err := s.CreateWorkspace(context.Background(), models.NewWorkspace{
			Name: "Rival", AdminEmail: "rita@rival.test", AdminName: "Rita Real", Password: modelstest.Password,
		})
		if err != nil {
			t.Fatal(err)
		}
		b := s.SignedIn(t, handlerstest.AdminEmail)
		link := invite(t, b, "rita@rival.test") // as "Invited"
		id := memberOf(t, s, "rita@rival.test").ID
		in := path.Workspace(s.Workspace.ID)
		pages := []string{
			membersPath, membersPath + "/" + id, membersPath + "/" + id + "/deactivate", in.NewSeat(), in.AuditLog(),
			in.AuditLogCSV(), in.AuditLog() + "?target=" + id,
		}
		for _, page := range pages {
			response := b.Get(page)
			if response.Status != http.StatusOK {
				t.Errorf("GET %s: status = %d, want 200", page, response.Status)
			}
			if strings.Contains(response.Body, "Rita Real") {
				t.Errorf("GET %s shows the name of the account in another workspace", page)
			}
			if !strings.Contains(response.Body, "Invited") {
				t.Errorf("GET %s doesn't show the name that the workspace gave", page)
			}
		}
		for search, found := range map[string]bool{"Rita R": false, "invite": true} {
			for _, page := range []string{membersPath, in.NewSeat()} {
				body := b.Get(page + "?q=" + url.QueryEscape(search)).Body
				if got := strings.Contains(body, "rita@rival.test"); got != found {
					t.Errorf("%s finds the member by %q: %t, want %t", page, search, got, found)
				}
			}
		}

		rita := s.SignedIn(t, "rita@rival.test")
		if joined := rita.Post(link, nil); joined.Status != http.StatusSeeOther {
			t.Fatalf("join: status = %d, want 303\n%s", joined.Status, joined.Body)
		}
		if got := memberOf(t, s, "rita@rival.test").DisplayName(); got != "Rita Real" {
			t.Errorf("name after joining = %q, want %q", got, "Rita Real")
		}
		if body := b.Get(membersPath).Body; !strings.Contains(body, "Rita Real") || strings.Contains(body, "Invited") {
			t.Error("the list doesn't show the name of the account, and only that, after the member joined")
		}
	})
}
