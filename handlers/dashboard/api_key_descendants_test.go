package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// createdBy creates a key as another key, and returns it with its text.
func createdBy(t *testing.T, s *handlerstest.Server, creator *models.APIKey, name string) (*models.APIKey, string) {
	t.Helper()
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAPIKey, ID: creator.ID})
	key, secret, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.Reveal()
}

// TestPagesShowDescendants covers each page where an admin decides about a key.
func TestPagesShowDescendants(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	parent, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Parent", Scopes: scope.Of(scope.APIKeysWrite)})
	if err != nil {
		t.Fatal(err)
	}
	path := "/settings/api-keys/" + parent.ID
	if got := document(t, b.Get(path+"/delete")).Find(`input[name="descendants"]`).Length(); got != 0 {
		t.Errorf("choices to delete keys that don't exist = %d, want 0", got)
	}
	child, _ := createdBy(t, s, parent, "Child")
	grandchild, _ := createdBy(t, s, child, "Grandchild")
	for name, page := range map[string]handlerstest.Response{"key": b.Get(path), "deletion": b.Get(path + "/delete"), "leak scan": scanLeaks(t, s, b, secret.Reveal(), "", "")} {
		for _, key := range []*models.APIKey{child, grandchild} {
			if got := document(t, page).Find(`a[href$="/settings/api-keys/` + key.ID + `"]`).Length(); got == 0 {
				t.Errorf("page of the %s has no link to %s", name, key.Name)
			}
		}
	}
	if got := document(t, b.Get("/settings/api-keys/"+child.ID)).Find(`dl.facts a[href$="` + path + `"]`).First().Text(); got != "Parent" {
		t.Errorf("link to the creator = %q, want Parent", got)
	}
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, parent.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	if page := b.Get("/settings/api-keys?review=orphaned").Body; !strings.Contains(page, "Created 1 key that can still be used") {
		t.Error("the review does not mention the keys that the child created")
	}
}

func TestDeleteWithDescendants(t *testing.T) {
	for _, too := range []bool{false, true} {
		s := handlerstest.New(t)
		b := s.SignedIn(t, handlerstest.AdminEmail)
		parent := s.NamedKey(t, s.Workspace.ID, "Parent")
		_, child := createdBy(t, s, parent, "Child")
		form, want := url.Values{}, http.StatusOK
		if too {
			form, want = url.Values{"descendants": {"true"}}, http.StatusUnauthorized
		}
		if got := b.Post("/settings/api-keys/"+parent.ID+"/delete", form).Status; got != http.StatusSeeOther {
			t.Fatalf("delete: status = %d, want 303", got)
		}
		if got := s.Call(t, child, "GET", "/me", "").Status; got != want {
			t.Errorf("with descendants %t: status of a request with the child = %d, want %d", too, got, want)
		}
	}
}

// TestFullWorkspace checks that the form says why no key was created.
func TestFullWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	s.FillKeys(t, s.Workspace.ID, s.Admin.ID, models.DefaultMaxAPIKeys*10/9+1) // every tenth is deleted
	rejected := b.Post("/settings/api-keys", url.Values{"form_id": {"f"}, "name": {"One more"}, "expiry": {"never"}})
	if rejected.Status != http.StatusUnprocessableEntity {
		t.Errorf("status = %d, want 422", rejected.Status)
	}
	if want := "limit of 1000 API keys"; !strings.Contains(rejected.Body, want) {
		t.Errorf("page does not contain %q", want)
	}
}
