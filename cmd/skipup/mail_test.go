package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestServeMailsInvitations of members who were added through any node, and logs nothing that
// opens anything.
func TestServeMailsInvitations(t *testing.T) {
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
	for _, email := range []string{mailtest.Nobody, "grace@acme.test"} {
		if _, err := store.AddMember(t.Context(), workspace.ID, models.NewMember{Email: email}); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(testTimeout); len(sink.Received()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is mailed: %s", server.stderr)
		}
	}
	if got := sink.Received()[0]; got.To != "grace@acme.test" || !regexp.MustCompile(`https://keys\.acme\.test/invitations/[A-Z2-7]{26}`).MatchString(got.Data) {
		t.Errorf("mailed %+v", got)
	}
	if code := server.stop(); code != exitOK || !strings.Contains(server.stderr.String(), "email not sent") {
		t.Errorf("ended with %d: %s", code, server.stderr)
	}
}
