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

func TestNotificationAboutNewCallers(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		key, secret := newKey(t, s, s.Workspace.ID)
		page := listPath + "/" + key.ID
		box := func() int {
			t.Helper()
			return parsed(t, b.Get(page)).Find(`input[name="notify_new_callers"][checked]`).Length()
		}
		modelstest.Equal(t, "checked by default", box(), 0)
		b.Post(page, url.Values{"name": {"CI"}, "notify_new_callers": {"true"}})
		modelstest.Equal(t, "checked", box(), 1)
		s.Clock.Advance(24 * time.Hour)
		b = s.SignedIn(t, handlerstest.AdminEmail)
		s.Call(t, secret, "GET", "/me", "")
		s.Flush(t)
		if _, err := s.NotifyOfNewCallers(t.Context()); err != nil {
			t.Fatal(err)
		}
		item := parsed(t, b.Get(notificationsPath)).Find("main li:has([href$='#by-caller'])")
		modelstest.Contains(t, "notification", strings.Join(strings.Fields(item.Text()), " "), "API key CI was used from a new IP address: 127.0.0.1")
		modelstest.Equal(t, "link", item.Find("a").AttrOr("href", ""), path.Workspace(s.Workspace.ID).APIKeyUsage(key.ID)+"#by-caller")
		b.Post(page, url.Values{"name": {"CI"}})
		modelstest.Equal(t, "checked after it was turned off", box(), 0)
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
