package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// TestPastedKeyNeverStaysInURL checks that a key in the URL of a page is replaced with its ID, or with
// its prefix if the viewer's workspace doesn't have it, and that the page then finds the key.
func TestPastedKeyNeverStaysInURL(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		key, ours := newKey(t, s, s.Workspace.ID)
		other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
		foreign, theirs := newKey(t, s, other.ID)

		for name, tt := range map[string]struct{ url, want string }{
			"list":                  {listPath + "?q=" + ours, listPath + "?q=" + key.ID},
			"list, with blanks":     {listPath + "?q=+" + ours + "%0A&status=active", listPath + "?q=+" + key.ID + "%0A&status=active"},
			"list, in a command":    {listPath + "?q=Bearer+" + ours, listPath + "?q=Bearer+" + key.ID},
			"list, percent-encoded": {listPath + "?q=%73" + ours[1:], listPath + "?q=" + key.ID},
			"list, other workspace": {listPath + "?q=" + theirs, listPath + "?q=" + foreign.KeyPrefix},
			"usage":                 {usagePath(key) + "?caller=" + ours + "&period=7d", usagePath(key) + "?caller=" + key.ID + "&period=7d"},
			"audit log":             {logPath + "?target=" + ours, logPath + "?target=" + key.ID},
			"parameter name":        {listPath + "?" + ours, listPath + "?" + key.ID + "="},
			"path":                  {listPath + "/" + ours, listPath + "/" + key.ID},
			"path of another site":  {"//evil.example/" + theirs, "/evil.example/" + foreign.KeyPrefix},
		} {
			response := b.Get(tt.url)
			if got := response.Location(); got != tt.want {
				t.Errorf("%s: Location = %q, want %q", name, got, tt.want)
			}
			if response.Status != http.StatusSeeOther {
				t.Errorf("%s: status = %d, want 303", name, response.Status)
			}
		}
		for query, want := range map[string]int{"?q=+" + key.ID + "%0A": 1, "?q=" + key.KeyPrefix: 1, "?q=" + foreign.KeyPrefix: 0} {
			found := document(t, b.Get(listPath+query)).Find(`#keys tbody a[href$="` + listPath + "/" + key.ID + `"]`).Length()
			if found != want {
				t.Errorf("%s: links to the key = %d, want %d", query, found, want)
			}
			events := len(sentences(t, b.Get(logPath+strings.Replace(query, "q=", "target=", 1))))
			if events != want {
				t.Errorf("%s: audit events = %d, want %d", query, events, want)
			}
		}
		s.Browser(t).Get(listPath + "?q=" + ours)
		if strings.Contains(s.Log.String(), ours) {
			t.Error("the log contains the key")
		}
	})
}

// TestSignInDoesNotKeepPastedKeys checks that a key in the URL isn't passed on when the session has
// ended.
func TestSignInDoesNotKeepPastedKeys(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		_, secret := newKey(t, s, s.Workspace.ID)
		to := s.Browser(t).Get(listPath + "?q=" + secret).Header.Get("Location")
		if unescaped, err := url.QueryUnescape(to); err != nil || token.Occurs(unescaped) {
			t.Errorf("Location = %q, want a URL without the key", to)
		}
	})
}

func newKey(t *testing.T, s *handlerstest.Server, workspaceID string) (key *models.APIKey, secret string) {
	t.Helper()
	key, text, err := s.CreateAPIKey(t.Context(), workspaceID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		t.Fatal(err)
	}
	return key, text.Reveal()
}
