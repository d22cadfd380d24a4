package mail_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestExpiryIsMailed to the admins, in one mail about all keys, when the server is back too.
func TestExpiryIsMailed(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		s = s.Mailing(t)
		workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
		at := s.Now().Add(20 * 24 * time.Hour)
		for _, name := range []string{"CRM sync", "<b>Wärehouse</b>"} {
			if _, _, err := s.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: name, ExpiresAt: &at}); err != nil {
				t.Fatal(err)
			}
		}
		s.Clock.Advance(15 * 24 * time.Hour)
		if n, err := s.RemindOfExpiry(t.Context()); err != nil || n != 2 {
			t.Fatalf("reminded of %d, %v", n, err)
		}
		sink := mailtest.New(t, mailtest.Options{})
		log := &bytes.Buffer{}
		expiry := mail.Expiry{
			Store: s.Store, Sender: senderTo(t, "smtp://", sink), PublicURL: "https://keys.acme.test", Log: slog.New(slog.NewTextHandler(log, nil)),
		}
		sink.Stop()
		if there, err := expiry.Next(t.Context()); err != nil || !there || !strings.Contains(log.String(), "was not sent") {
			t.Errorf("while the server is away: %v, %v, %s", there, err, log)
		}
		back := mailtest.At(t, sink.Address, mailtest.Options{})
		s.Clock.Advance(time.Minute)
		for _, want := range []bool{true, false} {
			if there, err := expiry.Next(t.Context()); err != nil || there != want {
				t.Errorf("a mail is there: %v, %v; want %v", there, err, want)
			}
		}
		received := back.Received()
		if len(received) != 1 || received[0].To != "ada@acme.test" {
			t.Fatalf("received %+v", received)
		}
		for _, part := range []string{"Subject: 2 API keys of Acme expire soon", "CRM sync", "&lt;b&gt;W=C3=A4rehouse", "review=3Dexpiring", "never used"} {
			if !strings.Contains(strings.ReplaceAll(received[0].Data, "=\r\n", ""), part) {
				t.Errorf("the mail does not say %q:\n%s", part, received[0].Data)
			}
		}
	})
}
