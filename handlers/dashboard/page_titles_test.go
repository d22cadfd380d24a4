package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
)

// TestNamesInPageTitlesAreIsolated checks that a name written from right to left reorders nothing around it.
func TestNamesInPageTitlesAreIsolated(t *testing.T) {
	s := handlerstest.New(t)
	s.Exec(t, "UPDATE workspaces SET name = 'مصنع' WHERE id = $1", s.Workspace.ID)
	key := s.NamedKey(t, s.Workspace.ID, "שלום (1)")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Post(membersPath, url.Values{"email": {"dana@acme.test"}, "name": {"דנה"}, "role": {"member"}})
	invited := invite(t, b, "grace@acme.test")
	for path, want := range map[string]string{
		listPath + "/" + key.ID: "\u2068שלום (1)\u2069 · ",
		usagePath(key):          "Usage of \u2068שלום (1)\u2069 · ",
		membersPath + "/" + memberOf(t, s, "dana@acme.test").ID: "\u2068דנה\u2069 · ",
		invited: "Join \u2068مصنع\u2069 · ",
	} {
		if got := document(t, b.Get(path)).Find("head title").Text(); !strings.HasPrefix(got, want) {
			t.Errorf("title of %s = %q, want it to begin with %q", path, got, want)
		}
	}
}

// TestNameToConfirmIsShownAsStored checks that the spaces of a name that an earlier version stored are visible.
func TestNameToConfirmIsShownAsStored(t *testing.T) {
	s := handlerstest.New(t)
	s.Want(t, http.StatusOK, s.Key(t), "GET", "/me", "")
	s.Flush(t)
	key := keysOf(t, s)[0]
	s.Exec(t, "UPDATE api_keys SET name = 'CI  Builds ' WHERE id = $1", key.ID)
	name := document(t, s.SignedIn(t, handlerstest.AdminEmail).Get(listPath+"/"+key.ID+"/delete")).Find("#field-confirm_name-label-name")
	modelstest.Equal(t, "name", name.Text(), "CI  Builds ")
	modelstest.Equal(t, "keeps its spaces", name.HasClass("whitespace-pre-wrap"), true)
}
