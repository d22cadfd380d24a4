package email

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
)

// at is a time in the time zone of Kathmandu.
var at = time.Date(2026, 3, 15, 4, 30, 0, 0, time.FixedZone("", 5*3600+45*60))

func render(t *testing.T, page templ.Component) string {
	t.Helper()
	var html strings.Builder
	if err := page.Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	return html.String()
}

func TestExpiryOfOneKey(t *testing.T) {
	email := Expiry{Workspace: "Acme", Name: "Ada", Link: "https://keys.acme.test/review", Keys: []ExpiringKey{{
		Name: "CRM <sync>", Prefix: "sk_live_abc1....", ExpiresAt: at, Link: "https://keys.acme.test/key_1",
	}}, Settings: "https://keys.acme.test/account"}
	if got, want := email.Subject(), "API key “CRM <sync>” in Acme expires on 14 March 2026, 22:45 UTC"; got != want {
		t.Errorf("subject = %q, want %q", got, want)
	}
	want := `Hello Ada,

This API key in Acme expires soon. Requests with an expired key are rejected.

- CRM <sync> (sk_live_abc1....)
  Expires on 14 March 2026, 22:45 UTC, never used
  https://keys.acme.test/key_1

Extend or rotate it if you still need it:

https://keys.acme.test/review

Choose the emails that you get: https://keys.acme.test/account
`
	if diff := cmp.Diff(want, email.Text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	page := render(t, email.HTML())
	for _, part := range []string{
		"<title>API key “CRM &lt;sync&gt;” in Acme expires on 14 March 2026, 22:45 UTC</title>", "Hello Ada,", "This API key in Acme expires soon.", `href="https://keys.acme.test/key_1"`,
		"CRM &lt;sync&gt;", "sk_live_abc1....", "Expires on 14 March 2026, 22:45 UTC, never used", "Extend or rotate it if you still need it:", `href="https://keys.acme.test/review"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("page does not contain %q:\n%s", part, page)
		}
	}
}

// TestExpiryOfManyKeys checks that an email lists the first keys and counts the others.
func TestExpiryOfManyKeys(t *testing.T) {
	used, counted := at.Add(-time.Hour), regexp.MustCompile("and [-0-9]+ more")
	email := Expiry{Workspace: "Acme"}
	for i := range 22 {
		email.Keys = append(email.Keys, ExpiringKey{Name: fmt.Sprintf("Robot %d.", i), ExpiresAt: at, LastUsedAt: &used})
	}
	for keys, more := range map[int]string{2: "", 20: "", 21: "and 1 more", 22: "and 2 more"} {
		some := email
		some.Keys = email.Keys[:keys]
		if got, want := some.Subject(), fmt.Sprintf("%d API keys in Acme expire soon", keys); got != want {
			t.Errorf("subject = %q, want %q", got, want)
		}
		for name, whole := range map[string]string{"text": some.Text(), "page": render(t, some.HTML())} {
			if got, want := strings.Count(whole, "Robot "), min(keys, 20); got != want {
				t.Errorf("%d keys: %s lists %d, want %d", keys, name, got, want)
			}
			if got := counted.FindString(whole); got != more {
				t.Errorf("%d keys: %s counts %q, want %q", keys, name, got, more)
			}
			for _, want := range []string{"last used on 14 March 2026, 21:45 UTC", "Hello,"} {
				if !strings.Contains(whole, want) {
					t.Errorf("%d keys: %s does not contain %q:\n%s", keys, name, want, whole)
				}
			}
		}
	}
}

func TestInvitation(t *testing.T) {
	email := Invitation{Workspace: "Acme & Söhne", Name: "Grace", Link: "https://keys.acme.test/invitations/X", ExpiresAt: at}
	if got, want := email.Subject(), "Join Acme & Söhne on SkipUp Keys"; got != want {
		t.Errorf("subject = %q, want %q", got, want)
	}
	want := `Hello Grace,

You’ve been invited to join Acme & Söhne on SkipUp Keys. Set a password to get started:

https://keys.acme.test/invitations/X

This link is just for you. You can use it once, until 14 March 2026, 22:45 UTC.

If you weren’t expecting this email, you can ignore it.
`
	if diff := cmp.Diff(want, email.Text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	page := render(t, email.HTML())
	for _, part := range []string{"Hello Grace,", "Acme &amp; Söhne", "Set a password", `href="https://keys.acme.test/invitations/X"`, "until 14 March 2026, 22:45 UTC.", "you can ignore it"} {
		if !strings.Contains(page, part) {
			t.Errorf("page does not contain %q:\n%s", part, page)
		}
	}
	email.Account, email.Name = true, ""
	for name, whole := range map[string]string{"text": email.Text(), "page": render(t, email.HTML())} {
		for _, want := range []string{"Sign in to join:", "Hello,"} {
			if !strings.Contains(whole, want) {
				t.Errorf("with an account, %s does not contain %q:\n%s", name, want, whole)
			}
		}
	}
}

// TestNamesAreIsolated checks that a name written from right to left reorders nothing around it.
func TestNamesAreIsolated(t *testing.T) {
	const name, workspace = "\u2068שלום (1)\u2069", "\u2068مصنع\u2069"
	expiry := Expiry{Workspace: "مصنع", Name: "דנה", Keys: []ExpiringKey{{Name: "שלום (1)", ExpiresAt: at}}}
	invitation := Invitation{Workspace: "مصنع", Name: "דנה", ExpiresAt: at}
	for text, parts := range map[string][]string{
		expiry.Subject():     {"API key “" + name + "” in " + workspace + " expires"},
		expiry.Text():        {"Hello \u2068דנה\u2069,", "in " + workspace + " expires soon", "- " + name + " ("},
		invitation.Subject(): {"Join " + workspace + " on"},
		invitation.Text():    {"Hello \u2068דנה\u2069,", "join " + workspace + " on"},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q doesn't contain %q", text, part)
			}
		}
	}
}

// TestManyNotifications checks that an email lists the first notifications, and counts the keys of the others.
func TestManyNotifications(t *testing.T) {
	email := Notifications{Workspace: "Acme"}
	for i := range 20 + 13 {
		item := NotificationItem{Kind: models.KeyCreatedNotice, Key: fmt.Sprint("CI ", i), Keys: 1, At: at}
		if i == 32 {
			item.Kind, item.Key, item.Keys = models.KeyDeletedNotice, "", 1500
		}
		email.Items = append(email.Items, item)
	}
	if got, want := email.Subject(), "33 notifications about API keys in Acme"; got != want {
		t.Errorf("subject = %q, want %q", got, want)
	}
	for name, whole := range map[string]string{"text": email.Text(), "HTML": render(t, email.HTML())} {
		for _, want := range []string{"API key CI 19 was created", "12 more API keys were created", "1,500 more API keys were deleted"} {
			if !strings.Contains(whole, want) {
				t.Errorf("%s doesn't contain %q", name, want)
			}
		}
		if strings.Contains(whole, "CI 20") {
			t.Errorf("%s lists more than 20 notifications", name)
		}
	}
}

func TestWorkspaceDeleted(t *testing.T) {
	email := WorkspaceDeleted{Name: "Max", Workspace: "Acme", WorkspaceID: "ws_1", By: "Ada", At: at, RemovedAt: at.AddDate(0, 0, 30)}
	want := `Hello Max,

The workspace Acme was deleted by Ada on 14 March 2026, 22:45 UTC. Its API keys no longer work, and its webhooks aren’t sent.

If that was a mistake, ask the operator of this server to restore it. Until 13 April 2026, 22:45 UTC, they can do that with: skipup workspace restore ws_1
`
	if diff := cmp.Diff(want, email.Text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
