package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestScheduledDeletion(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, another := s.SignedIn(t, handlerstest.AdminEmail), s.AnotherNode(t)
		key, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		page := listPath + "/" + key.ID
		status := func() int { return another.Call(t, secret.Reveal(), "GET", "/me", "").Status }
		modelstest.Equal(t, "status before", status(), http.StatusOK)
		another.Flush(t)

		b.Post(page+"/delete/schedule", url.Values{"confirm_name": {"Other"}}).Want(t, http.StatusUnprocessableEntity, "The name doesn’t match")
		scheduled := b.Post(page+"/delete/schedule", url.Values{"confirm_name": {"CI"}})
		scheduled.WantRedirect(t, page)
		modelstest.Equal(t, "notice", notice(t, b, scheduled), "Paused “CI”. It will be deleted on 15 Mar 2026, 09:26 UTC.")
		modelstest.Equal(t, "status while paused", status(), http.StatusUnauthorized)
		another.Flush(t)
		shown := document(t, b.Get(page)).Find("main").Text()
		for _, want := range []string{"Will be deleted", "15 Mar 2026, 09:26 UTC", "scheduled by " + s.Admin.User.Name, "1 request was rejected since the pause.", "Cancel deletion"} {
			modelstest.Contains(t, "page", strings.Join(strings.Fields(shown), " "), want)
		}
		if strings.Contains(shown, "Rotate") {
			t.Error("the page of a key that will be deleted offers to rotate it")
		}
		row := document(t, b.Get(listPath)).Find("#keys tbody tr")
		modelstest.Contains(t, "row", row.Text(), "Will be deleted", "in 1 day", s.Admin.User.Name)
		modelstest.Equal(t, "links in row", row.Find(`a[href$="`+page+`/delete/cancel"]`).Length(), 2) // by the status and in the menu
		if strings.Contains(row.Text(), "Rotate") {
			t.Error("the row of a key that will be deleted offers to rotate it")
		}

		s.Clock.Advance(models.DeletionDelay)
		modelstest.Equal(t, "status when the deletion is due", status(), http.StatusUnauthorized)
		if _, err := s.DeleteScheduledKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		b = s.SignedIn(t, handlerstest.AdminEmail) // the session has expired
		b.Get(page).Want(t, http.StatusOK, "Deletion receipt", "Scheduled by")
		b.Get(page+"/delete/cancel").Want(t, http.StatusConflict, "Already deleted", s.Admin.User.Name+" deleted the API key")
	})
}

func TestCancelScheduledDeletion(t *testing.T) {
	s := handlerstest.New(t)
	b, key := s.SignedIn(t, handlerstest.AdminEmail), s.NamedKey(t, s.Workspace.ID, "CI")
	page := listPath + "/" + key.ID
	b.Get(page+"/delete").Want(t, http.StatusOK, "Pause for 24 hours, then delete")
	for _, tt := range []struct {
		name, path, notice string
		status             models.KeyStatus
	}{
		{"keep paused", "/delete/cancel", "“CI” won’t be deleted. It stays paused.", models.KeyPaused},
		{"resume", "/resume", "Resumed “CI”. It won’t be deleted.", models.KeyActive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.Post(page+"/delete/schedule", nil).WantRedirect(t, page)
			b.Get(page+"/delete/cancel").Want(t, http.StatusOK, "Keep paused", "Resume key", "No requests since the pause.")
			if strings.Contains(b.Get(page+"/delete").Body, "Pause for 24 hours") {
				t.Error("the deletion can be scheduled again")
			}
			canceled := b.Post(page+tt.path, nil)
			canceled.WantRedirect(t, page)
			modelstest.Equal(t, "notice", notice(t, b, canceled), tt.notice)
			modelstest.Equal(t, "status", keysOf(t, s)[0].StatusAt(s.Now()), tt.status)
			b.Get(page+"/delete/cancel").Want(t, http.StatusNotFound, "isn’t scheduled for deletion")
			b.Post(page+"/delete/cancel", nil).Want(t, http.StatusNotFound, "isn’t scheduled for deletion")
		})
	}
}
