package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// searchFor returns the labels of what a search finds, and the response.
func searchFor(t *testing.T, b *handlerstest.Browser, text string) ([]string, handlerstest.Response) {
	t.Helper()
	response := b.Post("/search", url.Values{"q": {text}})
	response.Want(t, http.StatusOK)
	var names []string
	for _, result := range document(t, response).Find("#found .found-main .font-medium").EachIter() {
		names = append(names, result.Text())
	}
	return names, response
}

func TestSearchFindsAKeyWithItsActions(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		key, secret := newKey(t, s, s.Workspace.ID)
		s.NamedKey(t, s.Workspace.ID, "Other")
		for name, text := range map[string]string{"key": secret, "command": "curl -H 'Authorization: Bearer " + secret + "'", "ID": " " + key.ID} {
			names, response := searchFor(t, b, text)
			if len(names) == 0 || names[0] != key.Name {
				t.Errorf("%s: found %q, want %s first", name, names, key.Name)
			}
			page := document(t, response)
			for label, href := range map[string]string{"Rotate": "/rotation", "Pause": "/pause", "Edit access": "/access", "Delete": "/delete"} {
				if page.Find(`.found-actions a[href$="`+listPath+"/"+key.ID+href+`"]`).Length() != 1 {
					t.Errorf("%s: no link %s", name, label)
				}
			}
			modelstest.Equal(t, name+": ID to copy", page.Find(".found-actions [data-copy-text]").AttrOr("data-copy-text", ""), key.ID)
			if strings.Contains(response.Body, secret) {
				t.Errorf("%s: the page contains the key", name)
			}
		}
		if strings.Contains(s.Log.String(), secret) {
			t.Error("the log contains the key")
		}
	})
}

func TestSearchSaysNothingAboutKeysOfOthers(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
	_, theirs := newKey(t, s, other.ID)
	names, response := searchFor(t, b, theirs)
	modelstest.Equal(t, "results", len(names), 0)
	modelstest.Contains(t, "page", document(t, response).Find("#found").Text(), "This workspace doesn’t have this key.")
}

// TestSearchIsLimitedToTheRole checks that people find only commands that they may run, and that viewers don't
// find an endpoint by its URL, which they may not see.
func TestSearchIsLimitedToTheRole(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "mel@acme.test")
	key, _ := newKey(t, s, s.Workspace.ID)
	if _, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{URL: "https://hooks.example.com/T0FS3CR3T", Events: []string{"member.added"}}); err != nil {
		t.Fatal(err)
	}
	admin, member := s.SignedIn(t, handlerstest.AdminEmail), s.SignedIn(t, "mel@acme.test")
	_, response := searchFor(t, member, key.Name)
	modelstest.Equal(t, "actions of a viewer", document(t, response).Find("#found a[href$='/delete'], #found form[action$='/pause']").Length(), 0)
	names, _ := searchFor(t, member, "T0FS3CR3T")
	modelstest.Equal(t, "endpoints that a viewer finds by URL", len(names), 0)
	names, _ = searchFor(t, admin, "T0FS3CR3T")
	modelstest.Equal(t, "endpoints that an admin finds by URL", len(names), 1)
	names, _ = searchFor(t, member, "create")
	modelstest.Equal(t, "commands of a viewer that create something", len(names), 0)
	names, _ = searchFor(t, admin, "create")
	if diff := cmp.Diff([]string{"Create API key", "Create workspace"}, names); diff != "" {
		t.Errorf("commands of an admin (-want +got):\n%s", diff)
	}
	if got := s.Browser(t).Post("/search", url.Values{"q": {"x"}}); got.Status != http.StatusSeeOther {
		t.Errorf("stranger: status = %d, want 303", got.Status)
	}
}

func TestSearchSwitchesWorkspaces(t *testing.T) {
	s := handlerstest.New(t)
	second, _ := s.NewWorkspace(t, "Second", handlerstest.AdminEmail)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	names, response := searchFor(t, b, "switch second")
	if diff := cmp.Diff([]string{"Second"}, names); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	link := document(t, response).Find("#found a").First()
	modelstest.Equal(t, "link", link.AttrOr("href", ""), path.Workspace(second.ID).APIKeys())
}
