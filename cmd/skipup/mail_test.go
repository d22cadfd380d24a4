package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestServeSendsInvitations adds a member through another node. The log must not contain the link.
func TestServeSendsInvitations(t *testing.T) {
	t.Parallel()
	sink := mailtest.New(t, mailtest.Options{})
	env := sqliteEnv(t)
	env["SMTP_URL"], env["SKIPUP_MAIL_FROM"] = "smtp://"+sink.Address, "keys@acme.test"
	env["SKIPUP_PUBLIC_URL"] = "https://keys.acme.test"
	server := serve(t, env)
	store, err := models.Open(env["DATABASE_URL"], models.Options{SendsEmail: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	workspace, _, err := store.CreateWorkspace(t.Context(), models.NewWorkspace{
		Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{mailtest.Unknown, "grace@acme.test"} {
		if _, err := store.AddMember(t.Context(), workspace.ID, models.NewMember{Email: email}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "no email was sent", func() bool { return len(sink.Received()) > 0 })
	got := sink.Received()[0]
	if got.To != "grace@acme.test" {
		t.Errorf("recipient = %s, want grace@acme.test", got.To)
	}
	if !regexp.MustCompile(`https://keys\.acme\.test/invitations/[A-Z2-7]{26}`).MatchString(got.Data) {
		t.Errorf("email lacks the invitation link:\n%s", got.Data)
	}
	if code := server.stop(); code != exitOK {
		t.Errorf("exit code = %d, want %d", code, exitOK)
	}
	if !strings.Contains(server.stderr.String(), "email not sent") {
		t.Errorf("log lacks the rejected email:\n%s", server.stderr)
	}
}

// TestServeResetsPasswords resets a password with the link that a server emails.
func TestServeResetsPasswords(t *testing.T) {
	t.Parallel()
	sink := mailtest.New(t, mailtest.Options{})
	env := sqliteEnv(t)
	env["SMTP_URL"], env["SKIPUP_MAIL_FROM"] = "smtp://"+sink.Address, "keys@acme.test"
	server := serve(t, env)
	store := openTestStore(t, env)
	if _, _, err := store.CreateWorkspace(t.Context(), models.NewWorkspace{
		Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password,
	}); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"unknown@acme.test", "ada@acme.test"} {
		wantPage(t, server.url+"/forgot-password", url.Values{"email": {email}}, http.StatusOK, "If there’s an account with that email")
	}
	eventually(t, "no email was sent", func() bool { return len(sink.Received()) > 0 })
	reset := sink.Received()[0]
	link := regexp.MustCompile(`/reset-password/([A-Z2-7]{26})`).FindStringSubmatch(reset.Data)
	if reset.To != "ada@acme.test" || link == nil {
		t.Fatalf("email to %s lacks the link, or isn't to Ada:\n%s", reset.To, reset.Data)
	}
	const next = "nine patient gardeners"
	wantPage(t, server.url+link[0], url.Values{"password": {next}}, http.StatusOK, "Password changed.")
	wantPage(t, server.url+link[0], url.Values{"password": {next}}, http.StatusNotFound, "This link no longer works")
	if _, err := store.SignIn(t.Context(), "", models.Credentials{Email: "ada@acme.test", Password: next}); err != nil {
		t.Errorf("sign in with the new password: %v", err)
	}
	eventually(t, "no notice was sent", func() bool { return len(sink.Received()) > 1 })
	if notice := sink.Received()[1]; !strings.Contains(notice.Data, "Your SkipUp Keys password was changed") {
		t.Errorf("email isn't about the change:\n%s", notice.Data)
	}
	eventually(t, "no notice of the sign-in was sent", func() bool { return len(sink.Received()) > 2 })
	server.stop()
	if got := len(sink.Received()); got != 3 {
		t.Errorf("emails = %d, want 3", got)
	}
	if strings.Contains(server.stderr.String(), link[1]) {
		t.Error("the log contains the token")
	}
}

// wantPage sends a form, follows redirects, and checks the page at the end.
func wantPage(t *testing.T, address string, form url.Values, status int, text string) {
	t.Helper()
	response, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || !strings.Contains(string(page), text) {
		t.Errorf("status = %d, want %d and %q:\n%s", response.StatusCode, status, text, page)
	}
}
