package mail_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestExpiryIsMailed to the admins, in one mail about all keys, when the server is back too.
func TestExpiryIsMailed(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		s = s.Mailing(t)
		workspace, admin := s.NewWorkspace(t, "Acme", "ada@acme.test")
		at := s.Now().Add(20 * 24 * time.Hour)
		var keys []*models.APIKey
		for _, name := range []string{"CRM sync", "<b>Wärehouse</b>"} {
			key, _, err := s.CreateAPIKey(t.Context(), workspace.ID, models.NewAPIKey{Name: name, ExpiresAt: &at})
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		used := models.UsageBatch{ID: "one", Routes: []models.UsageRoute{{Name: "GET /me"}}, Callers: []models.UsageCaller{{}}, Tallies: []models.UsageTally{{
			Key: ulid.MustParse(strings.TrimPrefix(keys[0].ID, "key_")), Workspace: ulid.MustParse(strings.TrimPrefix(workspace.ID, "ws_")),
			StatusClass: 2, Requests: 1, First: s.Now().UnixMilli(), Last: s.Now().UnixMilli(),
		}}}
		if err := errors.Join(s.AppendUsage(t.Context(), used), s.FoldUsage(t.Context())); err != nil {
			t.Fatal(err)
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
		if there, err := expiry.Next(t.Context()); err != nil || !there || !strings.Contains(log.String(), "was not sent") ||
			!strings.Contains(log.String(), "kind=letter.Expiry member="+admin.ID+" failure=unreachable") {
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
		text, html := texts(t, received[0].Data)
		want := `Hello Ada Admin,

from the moment of its expiry, every request with an API key is refused. In the workspace Acme these expire soon:

- CRM sync (` + keys[0].KeyPrefix + `)
  expires on 3 April 2026, 09:26 UTC, last used on 14 March 2026, 09:26 UTC
  https://keys.acme.test/settings/api-keys/` + keys[0].ID + `
- <b>Wärehouse</b> (` + keys[1].KeyPrefix + `)
  expires on 3 April 2026, 09:26 UTC, never used
  https://keys.acme.test/settings/api-keys/` + keys[1].ID + `

Give them more time, rotate them, or let them go:

https://keys.acme.test/settings/api-keys?review=expiring
`
		if diff := cmp.Diff(want, strings.ReplaceAll(text, "\r\n", "\n")); diff != "" {
			t.Errorf("the text (-want +got):\n%s", diff)
		}
		if !strings.Contains(received[0].Data, "Subject: 2 API keys of Acme expire soon") || !strings.Contains(html, "&lt;b&gt;Wärehouse") {
			t.Errorf("the mail is %s", received[0].Data)
		}
	})
}
