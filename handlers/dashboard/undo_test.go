package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// undo sends the form in the notice on the page that done leads to, and reports whether there is one.
func undo(t *testing.T, b *handlerstest.Browser, done handlerstest.Response) bool {
	t.Helper()
	form := document(t, b.Get(done.Header.Get("Location"))).Find("#toasts form")
	if form.Length() == 0 {
		return false
	}
	values := url.Values{}
	for _, field := range form.Find("input").EachIter() {
		values.Set(field.AttrOr("name", ""), field.AttrOr("value", ""))
	}
	modelstest.Equal(t, "status of the undo", b.Post(form.AttrOr("action", ""), values).Status, http.StatusSeeOther)
	return true
}

func TestUndo(t *testing.T) {
	s := handlerstest.New(t)
	b, key := s.SignedIn(t, handlerstest.AdminEmail), s.NamedKey(t, s.Workspace.ID, "CI")
	mel := s.Store.AddMember(t, s.Workspace, "mel@acme.test")

	modelstest.Equal(t, "a pause can be undone", undo(t, b, b.Post(listPath+"/"+key.ID+"/pause", url.Values{"for": {"1h"}})), true)
	modelstest.Equal(t, "status of the key", keysOf(t, s)[0].StatusAt(s.Now()), models.KeyActive)

	deactivate := "/settings/members/" + mel.ID + "/deactivate"
	modelstest.Equal(t, "a deactivation can be undone", undo(t, b, b.Post(deactivate, nil)), true)
	modelstest.Equal(t, "is deactivated", memberOf(t, s, "mel@acme.test").DeactivatedAt != nil, false)

	grace, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: "grace@acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := s.InviteMember(t.Context(), s.Workspace.ID, grace.ID)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "a revoked invitation can be restored", undo(t, b, b.Post("/settings/members/"+grace.ID+"/deactivate", nil)), true)
	b.Get("/settings/members").Want(t, http.StatusOK, "Restored the invitation of ")
	if _, err := s.Invitation(t.Context(), invited.Token); err != nil {
		t.Errorf("restored link: %v", err)
	}

	if _, err := s.SetSeatCapacity(t.Context(), s.Workspace.ID, 1); err != nil {
		t.Fatal(err)
	}
	seat, err := s.AssignSeat(t.Context(), s.Workspace.ID, mel.ID)
	if err != nil {
		t.Fatal(err)
	}
	released := b.Post("/settings/seats/"+seat.ID+"/release", nil)
	modelstest.Equal(t, "a release can be undone", undo(t, b, released), true)
	modelstest.Equal(t, "has a seat", memberOf(t, s, "mel@acme.test").HasSeat, true)

	modelstest.Equal(t, "a deactivation that releases a seat can be undone", undo(t, b, b.Post(deactivate, nil)), false)
	modelstest.Equal(t, "is deactivated", memberOf(t, s, "mel@acme.test").DeactivatedAt != nil, true)
}
