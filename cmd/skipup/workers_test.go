package main

import (
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/mail/mailtest"
)

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
	serve(t, env)
	eventually(t, "no email was sent", func() bool { return len(sink.Received()) > 0 })
	if got := sink.Received()[0]; got.To != "admin@acme.test" {
		t.Errorf("recipient = %s, want admin@acme.test", got.To)
	}
}
