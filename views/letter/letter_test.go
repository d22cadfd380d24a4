package letter

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
)

// at is a moment as somebody in Kathmandu has it.
var at = time.Date(2026, 3, 15, 4, 30, 0, 0, time.FixedZone("", 5*3600+45*60))

func drawn(t *testing.T, page templ.Component) string {
	t.Helper()
	var html strings.Builder
	if err := page.Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	return html.String()
}

func TestExpiryOfOneKey(t *testing.T) {
	letter := Expiry{Workspace: "Acme", Name: "Ada", Link: "https://keys.acme.test/review", Keys: []ExpiringKey{{
		Name: "CRM <sync>", Prefix: "sk_live_abc1....", ExpiresAt: at, Link: "https://keys.acme.test/key_1",
	}}}
	if got, want := letter.Subject(), "An API key of Acme expires on 14 March 2026, 22:45 UTC"; got != want {
		t.Errorf("the subject is %q, want %q", got, want)
	}
	want := `Hello Ada,

from the moment of its expiry, every request with an API key is refused. In the workspace Acme these expire soon:

- CRM <sync> (sk_live_abc1....)
  expires on 14 March 2026, 22:45 UTC, never used
  https://keys.acme.test/key_1

Give them more time, rotate them, or let them go:

https://keys.acme.test/review
`
	if diff := cmp.Diff(want, letter.Text()); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
	page := drawn(t, letter.HTML())
	for _, part := range []string{
		"<title>An API key of Acme expires on 14 March 2026, 22:45 UTC</title>", "Hello Ada,", "In the workspace Acme these expire soon:", `href="https://keys.acme.test/key_1"`,
		"CRM &lt;sync&gt;", "sk_live_abc1....", "expires on 14 March 2026, 22:45 UTC, never used", "Give them more time, rotate them, or let them go:", `href="https://keys.acme.test/review"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
}

// TestExpiryOfManyKeys names the next to expire, and counts the others.
func TestExpiryOfManyKeys(t *testing.T) {
	used, counted := at.Add(-time.Hour), regexp.MustCompile("and [-0-9]+ more")
	letter := Expiry{Workspace: "Acme"}
	for i := range 22 {
		letter.Keys = append(letter.Keys, ExpiringKey{Name: fmt.Sprintf("Robot %d.", i), ExpiresAt: at, LastUsedAt: &used})
	}
	for keys, more := range map[int]string{2: "", 20: "", 21: "and 1 more", 22: "and 2 more"} {
		some := letter
		some.Keys = letter.Keys[:keys]
		if got, want := some.Subject(), fmt.Sprintf("%d API keys of Acme expire soon", keys); got != want {
			t.Errorf("the subject is %q, want %q", got, want)
		}
		for name, whole := range map[string]string{"text": some.Text(), "page": drawn(t, some.HTML())} {
			if named := strings.Count(whole, "Robot "); named != min(keys, 20) || counted.FindString(whole) != more {
				t.Errorf("of %d keys the %s names %d, and %q", keys, name, named, counted.FindString(whole))
			}
			if !strings.Contains(whole, "last used on 14 March 2026, 21:45 UTC") || !strings.Contains(whole, "Hello,") {
				t.Errorf("the %s:\n%s", name, whole)
			}
		}
	}
}

func TestInvitation(t *testing.T) {
	letter := Invitation{Workspace: "Acme & Söhne", Name: "Grace", Link: "https://keys.acme.test/invitations/X", ExpiresAt: at}
	if got := letter.Subject(); got != "Join Acme & Söhne on SkipUp Keys" {
		t.Errorf("the subject is %q", got)
	}
	want := `Hello Grace,

You have been invited to the workspace Acme & Söhne on SkipUp Keys. Choose a password to join it:

https://keys.acme.test/invitations/X

The link is for you alone. It works once, until 14 March 2026, 22:45 UTC.

If you did not expect this mail, you can ignore it.
`
	if diff := cmp.Diff(want, letter.Text()); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
	page := drawn(t, letter.HTML())
	for _, part := range []string{"Hello Grace,", "Acme &amp; Söhne", "Choose a password", `href="https://keys.acme.test/invitations/X"`, "until 14 March 2026, 22:45 UTC.", "you can ignore it"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
	letter.Account, letter.Name = true, ""
	for name, whole := range map[string]string{"text": letter.Text(), "page": drawn(t, letter.HTML())} {
		if !strings.Contains(whole, "Sign in with the password that you have to join it:") || !strings.Contains(whole, "Hello,") {
			t.Errorf("with an account the %s is:\n%s", name, whole)
		}
	}
}
