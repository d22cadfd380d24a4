package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestServeSendsInvitations adds a member through another node. The log must not contain the link.
func TestServeSendsInvitations(t *testing.T) {
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
