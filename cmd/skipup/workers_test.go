package main

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestServeRemindsOfExpiry by itself, and mails the admins.
func TestServeRemindsOfExpiry(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	store, err := models.Open(env["DATABASE_URL"], models.Options{Clock: func() time.Time { return time.Now().AddDate(0, -1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Now().Add(20 * time.Hour)
	if _, _, err := store.CreateAPIKey(t.Context(), workspace, models.NewAPIKey{Name: "CI", ExpiresAt: &at}); err != nil {
		t.Fatal(err)
	}
	env["SMTP_URL"], env["SKIPUP_MAIL_FROM"], env["SKIPUP_PUBLIC_URL"] = "smtp://"+sink.Address, "keys@acme.test", "https://keys.acme.test"
	server := serve(t, env)
	for deadline := time.Now().Add(testTimeout); len(sink.Received()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is mailed: %s", server.stderr)
		}
	}
	if got := sink.Received()[0]; got.To != "admin@acme.test" {
		t.Errorf("mailed %+v", got)
	}
}
