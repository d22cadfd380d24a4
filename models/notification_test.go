package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// notified returns what the admin is told, oldest first, each as "kind: key".
func (s fixture) notified(t *testing.T) []string {
	t.Helper()
	page, err := s.Notifications(t.Context(), s.admin, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	told := []string{}
	for _, n := range page.Items {
		told = append(told, fmt.Sprintf("%s: %s", n.Kind, n.KeyName))
	}
	slices.Reverse(told)
	return told
}

// notificationEmail claims the next email and fails unless it is one with notifications.
func (s fixture) notificationEmail(t *testing.T) *models.Email {
	t.Helper()
	email, err := s.ClaimEmail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if email == nil || email.Notifications == nil {
		t.Fatalf("email = %+v, want one with notifications", email)
	}
	return email
}

func TestManagersAreNotifiedAboutKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", "eve@other.test")
		other.key(t, "Theirs")
		key := s.key(t, "CI")
		access := key.Access()
		change := func(change func(*models.KeyAccess)) {
			t.Helper()
			before := access
			change(&access)
			if _, err := s.ChangeAPIKeyAccess(s.ctx, s.id, key.ID, before, access); err != nil {
				t.Fatal(err)
			}
		}
		change(func(a *models.KeyAccess) { a.Scopes = scope.Of(scope.SeatsRead, scope.SeatsWrite) })
		change(func(a *models.KeyAccess) { a.Scopes = scope.Set{} })                    // narrower
		change(func(a *models.KeyAccess) { a.ExpiresAt = ptr(s.Now().Add(time.Hour)) }) // narrower
		change(func(a *models.KeyAccess) { a.ExpiresAt = nil })
		change(func(a *models.KeyAccess) {
			a.Allowlist = models.Allowlist{Mode: models.AllowlistEnforce, Networks: "192.0.2.0/24"}
		}) // narrower
		change(func(a *models.KeyAccess) { a.Allowlist.Networks = "192.0.2.0/24 198.51.100.0/24" })
		change(func(a *models.KeyAccess) { a.RateLimit = 10 }) // narrower than the limit of the server
		change(func(a *models.KeyAccess) { a.RateLimit = 20 })
		if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"one", "two"} {
			rejected := usage.Counts{ID: id, Rows: []usage.Count{{
				APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: usage.Hourly.Start(s.Now()), Route: "GET /me", StatusClass: 4,
				Rejection: usage.RejectedDeleted, Requests: 1, First: s.Now(), Last: s.Now(),
			}}}
			if err := s.AddUsage(t.Context(), rejected); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			"key_created: CI", "key_widened: CI", "key_widened: CI", "key_widened: CI", "key_widened: CI",
			"key_deleted: CI", "key_rejected_after_deletion: CI",
		}
		if diff := cmp.Diff(want, s.notified(t)); diff != "" {
			t.Errorf("notifications (-want +got):\n%s", diff)
		}
	})
}

func TestLoosenedDefaultAllowlistIsNotified(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.key(t, "Inherits")
		own := models.Allowlist{Mode: models.AllowlistEnforce, Networks: "192.0.2.0/24"}
		if _, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: "Has its own", Allowlist: own}); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "DELETE FROM notifications")
		for _, list := range []models.Allowlist{
			own, // stricter
			{Mode: models.AllowlistEnforce, Networks: "192.0.2.0/24 198.51.100.0/24"},
			{Mode: models.AllowlistReportOnly, Networks: "192.0.2.0/24"},
			{Mode: models.AllowlistNone}, // reports rejected nothing
		} {
			policy := models.DefaultKeyPolicy
			policy.Allowlist = list
			if _, err := s.SetKeyPolicy(s.ctx, s.id, policy); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"key_widened: Inherits", "key_widened: Inherits"}, s.notified(t)); diff != "" {
			t.Errorf("notifications (-want +got):\n%s", diff)
		}
	})
}

func TestNotificationsAreForThoseWhoManageKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		viewer, manager := s.joined(t, "vic@acme.test", models.Viewer), s.joined(t, "max@acme.test", models.KeyManager)
		s.joined(t, "off@acme.test", models.Admin)
		s.add(t, models.NewMember{Email: "pending@acme.test", Role: models.Admin})
		s.key(t, "CI")
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE user_id IN (SELECT id FROM users WHERE email = 'off@acme.test')")
		s.Exec(t, "UPDATE invitations SET mail_due_at = NULL")
		for member, want := range map[*models.Member]int{s.admin: 1, manager: 1, viewer: 0} {
			page, err := s.Notifications(t.Context(), member, models.Page{})
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "notifications of a "+string(member.Role), len(page.Items), want)
			unread, err := s.HasUnread(t.Context(), member)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "unread notifications of a "+string(member.Role), unread, want == 1)
		}
		var to []string
		for range 10 {
			email, err := s.ClaimEmail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if email != nil {
				to = append(to, email.To)
				s.finishEmail(t, email, "")
			}
		}
		slices.Sort(to)
		if diff := cmp.Diff([]string{"ada@acme.test", "max@acme.test"}, to); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
	})
}

// What is over the limit of emails is sent together once the limit is reset.
func TestNotificationEmailsAreLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		sent := 0
		for i := range 12 {
			s.key(t, fmt.Sprint("CI ", i))
			email, err := s.ClaimEmail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if email != nil {
				sent++
				s.finishEmail(t, email, "")
			}
			s.Clock.Advance(time.Minute)
		}
		modelstest.Equal(t, "emails in an hour", sent, 4)
		s.Clock.Advance(time.Hour)
		digest := s.notificationEmail(t)
		modelstest.Equal(t, "notifications in the digest", len(digest.Notifications), 8)
		s.finishEmail(t, digest, models.EmailUnreachable)
		s.Clock.Advance(time.Minute)
		modelstest.Equal(t, "notifications after a failure", len(s.notificationEmail(t).Notifications), 8)
	})
}

func TestManyKeysAreOneNotification(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		err := s.Tx(s.ctx, func(tx *models.Store) error {
			for i := range 11 {
				if _, _, err := tx.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprint("CI ", i)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Notifications(t.Context(), s.admin, models.Page{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "kind", page.Items[0].Kind, models.KeyCreatedNotice)
		modelstest.Equal(t, "keys", page.Items[0].Keys, 11)
		modelstest.Equal(t, "key", page.Items[0].APIKeyID, "")
		modelstest.Equal(t, "notifications", len(page.Items), 1)
	})
}

func TestRepeatedNotificationsAreOne(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		counts := usage.Counts{ID: "two weeks"}
		for day := range 14 {
			at := usage.Hourly.Start(s.Now()).AddDate(0, 0, -day)
			counts.Rows = append(counts.Rows, usage.Count{
				APIKeyID: key.ID, WorkspaceID: s.id, StartsAt: at, Route: "GET /me", StatusClass: 4,
				Rejection: usage.RejectedDeleted, Requests: 1, First: at, Last: at,
			})
		}
		if err := s.AddUsage(t.Context(), counts); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"key_created: CI", "key_deleted: CI", "key_rejected_after_deletion: CI"}, s.notified(t)); diff != "" {
			t.Errorf("notifications (-want +got):\n%s", diff)
		}
	})
}

func TestEmailsCanBeTurnedOff(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		if err := s.ChangeEmails(s.ctx, s.admin.UserID, []string{"key_deleted"}); err != nil {
			t.Fatal(err)
		}
		key := s.key(t, "CI")
		if email, err := s.ClaimEmail(t.Context()); email != nil || err != nil {
			t.Errorf("email = %+v, error = %v, want none", email, err)
		}
		if _, err := s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		email := s.notificationEmail(t)
		modelstest.Equal(t, "notifications", len(email.Notifications), 1)
		modelstest.Equal(t, "kind", email.Notifications[0].Kind, models.KeyDeletedNotice)
		wantKind(t, s.ChangeEmails(s.ctx, s.admin.UserID, []string{"password_changed"}), models.Invalid)
	})
}

func TestMarkNotificationsRead(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		unread := func() bool {
			t.Helper()
			member, err := s.Member(t.Context(), s.id, s.admin.ID)
			if err != nil {
				t.Fatal(err)
			}
			has, err := s.HasUnread(t.Context(), member)
			if err != nil {
				t.Fatal(err)
			}
			return has
		}
		modelstest.Equal(t, "unread before", unread(), false)
		s.Clock.Advance(time.Second)
		s.key(t, "CI")
		shown, err := s.Notifications(t.Context(), s.admin, models.Page{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "unread", unread(), true)
		s.key(t, "Meanwhile")
		if err := s.MarkNotificationsRead(t.Context(), s.admin, shown.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "unread, because of a later one", unread(), true)
		if shown, err = s.Notifications(t.Context(), s.admin, models.Page{}); err != nil {
			t.Fatal(err)
		}
		if err := s.MarkNotificationsRead(t.Context(), s.admin, shown.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "unread after all were marked", unread(), false)
		for _, id := range []string{"", "ntf_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "key_01KKNTQ1T8RW3B9JH6V4PSND8E"} {
			wantKind(t, s.MarkNotificationsRead(t.Context(), s.admin, id), models.Invalid)
		}
		s.Clock.Advance(s.NotificationsKept() + time.Hour)
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{}, s.notified(t)); diff != "" {
			t.Errorf("notifications after %v (-want +got):\n%s", s.NotificationsKept(), diff)
		}
	})
}

func TestSignInFromANewBrowserIsNotified(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Address: "203.0.113.7", UserAgent: "curl/8"})
		signIn := func(device string) *models.SignedIn {
			t.Helper()
			in, err := s.SignIn(ctx, "", models.Credentials{Email: s.admin.User.Email, Password: modelstest.Password, Device: device})
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		if _, err := s.SignInNew(ctx, s.admin); err != nil {
			t.Fatal(err)
		}
		next := func() *models.Email {
			t.Helper()
			email, err := s.ClaimEmail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return email
		}
		if email := next(); email != nil {
			t.Errorf("email after the first sign-in = %+v, want none", email)
		}
		in := signIn("")
		email := next()
		if email == nil {
			t.Fatal("no email after a sign-in from a new browser")
		}
		modelstest.Equal(t, "kind", email.Kind, models.NewDeviceEmail)
		modelstest.Equal(t, "address", email.Address, "203.0.113.7")
		modelstest.Equal(t, "user agent", email.UserAgent, "curl/8")
		s.finishEmail(t, email, "")
		signIn(in.Device)
		if email := next(); email != nil {
			t.Errorf("email after a sign-in from the same browser = %+v, want none", email)
		}
		if diff := cmp.Diff([]string{"new_device: "}, s.notified(t)); diff != "" {
			t.Errorf("notifications (-want +got):\n%s", diff)
		}
	})
}
