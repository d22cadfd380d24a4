package dashboard_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
)

// TestListIsFilteredByOwner checks that filters combine, and that each can be removed.
func TestListIsFilteredByOwner(t *testing.T) {
	s := handlerstest.New(t)
	grace := s.AddMember(t, s.Workspace, "grace@acme.test")
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: grace.ID, Name: "Grace", Role: models.Admin})
	for name, set := range map[string]scope.Set{"Grace’s reader": scope.Of(scope.SeatsRead), "Grace’s writer": scope.Of(scope.SeatsWrite)} {
		if _, _, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: name, Scopes: set}); err != nil {
			t.Fatal(err)
		}
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Post(listPath, url.Values{"name": {"Ada’s"}, "form_id": {"ada"}, "expiry": {"never"}})

	page := document(t, b.Get(membersPath+"/"+grace.ID))
	link := page.Find(`#panel a[href*="` + listPath + `?"]`)
	modelstest.Equal(t, "link on the page of the member", link.Text(), "2 keys")
	deactivation := document(t, b.Get(membersPath+"/"+grace.ID+"/deactivate"))
	modelstest.Equal(t, "link before deactivation", deactivation.Find(`#panel a[href$="`+link.AttrOr("href", "")+`"]`).Text(), "Review 2 keys")

	list := document(t, b.Get(link.AttrOr("href", "")))
	modelstest.Equal(t, "keys of the owner", list.Find("#keys tbody tr").Length(), 2)
	modelstest.Equal(t, "selected owner", list.Find("#field-owner option[selected]").AttrOr("value", ""), grace.ID)

	list = document(t, b.Get(listPath+"?status=active&scope=seats.read&owner="+grace.ID))
	modelstest.Equal(t, "keys that match all filters", list.Find("#keys tbody tr").Length(), 1)
	var chips []string
	for _, chip := range list.Find("#keys .filter-chip").EachIter() {
		chips = append(chips, strings.Join(strings.Fields(chip.Text()), " ")+" → "+strings.TrimPrefix(chip.AttrOr("href", ""), path.Workspace(s.Workspace.ID).APIKeys()))
	}
	modelstest.Equal(t, "chips", strings.Join(chips, "\n"), strings.Join([]string{
		"Remove filter: Status Active → ?owner=" + grace.ID + "&scope=seats.read",
		"Remove filter: Scope seats.read → ?owner=" + grace.ID + "&status=active",
		"Remove filter: Owner " + grace.DisplayName() + " → ?scope=seats.read&status=active",
		"Clear filters → ",
	}, "\n"))
}

// TestEnvironmentIsShownAndFiltered checks the label from the form for a new key to the list.
func TestEnvironmentIsShownAndFiltered(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	list := document(t, b.Get(listPath))
	modelstest.Equal(t, "filters without environments", list.Find("#field-environment").Length(), 0)
	for name, environment := range map[string]string{"Live": "Production", "Plain": ""} {
		b.Post(listPath, url.Values{"name": {name}, "environment": {environment}, "form_id": {name}, "expiry": {"never"}})
	}
	list = document(t, b.Get(listPath+"?environment=production"))
	modelstest.Equal(t, "keys", list.Find("#keys tbody tr").Length(), 1)
	modelstest.Equal(t, "label", list.Find("#keys tbody .chip").First().Text(), "production")
	modelstest.Equal(t, "chips", list.Find("#keys .filter-chip").Length(), 1)

	key, _ := list.Find("#keys tbody a.name").Attr("href")
	b.Post(key, url.Values{"name": {"Live"}, "environment": {"EU"}})
	page := document(t, b.Get(key))
	modelstest.Equal(t, "environment in the form", page.Find("#field-environment").AttrOr("value", ""), "eu")
	modelstest.Equal(t, "suggestions", page.Find("#environments option").Length(), 4)
	copied := document(t, b.Get(listPath+"/new?from="+strings.TrimPrefix(key, path.Workspace(s.Workspace.ID).APIKeys()+"/")))
	modelstest.Equal(t, "environment of a copy", copied.Find("#field-environment").AttrOr("value", ""), "eu")
}
