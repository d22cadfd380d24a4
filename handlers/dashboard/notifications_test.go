package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

const notificationsPath = "/settings/notifications"

func TestNotificationsPage(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		s.Exec(t, "DELETE FROM notifications") // about the sign-in
		bell := func(page string) string {
			t.Helper()
			return strings.TrimSpace(parsed(t, b.Get(page)).Find(`.topbar a[href$="` + notificationsPath + `"]`).Text())
		}
		modelstest.Equal(t, "empty state", strings.TrimSpace(parsed(t, b.Get(notificationsPath)).Find("main .card h2").Text()), "No notifications")
		modelstest.Equal(t, "bell before", bell(listPath), "Notifications")
		s.Clock.Advance(time.Second)
		key := s.NamedKey(t, s.Workspace.ID, "<b>CI</b>")
		modelstest.Equal(t, "bell", bell(listPath), "Unread notifications")
		page := parsed(t, b.Get(notificationsPath))
		item := page.Find("main li")
		if got, want := strings.Join(strings.Fields(item.Find("p").First().Text()), " "), "Unread: API key <b>CI</b> was created"; got != want {
			t.Errorf("notification = %q, want %q", got, want)
		}
		modelstest.Equal(t, "link", item.Find("a").AttrOr("href", ""), path.Workspace(s.Workspace.ID).APIKey(key.ID))
		upTo := page.Find(`main form input[name="up_to"]`).AttrOr("value", "")
		modelstest.Equal(t, "status after marking all as read", b.Post(notificationsPath+"/read", url.Values{"up_to": {upTo}}).Status, http.StatusSeeOther)
		modelstest.Equal(t, "bell after marking all as read", bell(listPath), "Notifications")
		if got := parsed(t, b.Get(notificationsPath)).Find("main form").Length(); got != 0 {
			t.Errorf("forms after marking all as read = %d, want 0", got)
		}
		rejected := b.Post(notificationsPath+"/read", url.Values{"up_to": {"ntf_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}})
		modelstest.Equal(t, "status for an ID of the future", rejected.Status, http.StatusUnprocessableEntity)
		if !strings.Contains(rejected.Body, "Reload the page and try again.") {
			t.Error("the page doesn't say why it couldn't mark notifications as read")
		}
		modelstest.Equal(t, "status for a broken cursor", b.Get(notificationsPath+"?cursor=broken").Status, http.StatusUnprocessableEntity)
	})
}

func TestChooseEmails(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	checked := func() (values []string) {
		t.Helper()
		for _, box := range parsed(t, b.Get("/settings/account")).Find(`input[name="emails"][checked]`).EachIter() {
			values = append(values, box.AttrOr("value", ""))
		}
		return values
	}
	modelstest.Equal(t, "emails before", len(checked()), len(models.MutableEmails))
	modelstest.Equal(t, "status", b.Post("/settings/account/emails", url.Values{"emails": {"key_deleted"}}).Status, http.StatusSeeOther)
	modelstest.Equal(t, "emails after", strings.Join(checked(), " "), "key_deleted")
	modelstest.Equal(t, "status for an unknown email", b.Post("/settings/account/emails", url.Values{"emails": {"password_changed"}}).Status, http.StatusUnprocessableEntity)
}
