package mail_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/mail/mailtest"
)

// TestExpiryEmail checks that one email lists all keys, and that it is sent again after a failure.
func TestExpiryEmail(t *testing.T) {
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
		used := usage.Counts{ID: "one", Rows: []usage.Count{{
			APIKeyID: keys[0].ID, WorkspaceID: workspace.ID, StartsAt: usage.Hourly.Start(s.Now()), Route: "GET /me",
			StatusClass: 2, Requests: 1, First: s.Now(), Last: s.Now(),
		}}}
		if err := s.AddUsage(t.Context(), used); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(15 * 24 * time.Hour)
		if n, err := s.RemindOfExpiry(t.Context()); err != nil || n != 2 {
			t.Fatalf("reminded of %d, %v", n, err)
		}
		s.Exec(t, "DELETE FROM notification_emails") // about the new keys
		sink := mailtest.New(t, mailtest.Options{})
		log := &bytes.Buffer{}
		worker := workerTo(t, s, sink, slog.New(slog.NewTextHandler(log, nil)))
		wantNext := func(want bool) {
			t.Helper()
			got, err := worker.SendNext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("SendNext() = %t, want %t", got, want)
			}
		}
		sink.Stop()
		wantNext(true)
		for _, want := range []string{"email not sent", "Expiry member=" + admin.ID + " failure=unreachable"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log does not contain %q: %s", want, log)
			}
		}
		back := mailtest.At(t, sink.Address, mailtest.Options{})
		s.Clock.Advance(time.Minute)
		wantNext(true)
		wantNext(false)
		received := back.Received()
		if len(received) != 1 || received[0].To != "ada@acme.test" {
			t.Fatalf("received %+v, want one email to ada@acme.test", received)
		}
		text, html := parts(t, received[0].Data)
		want := `Hello Ada Admin,

These API keys in Acme expire soon. Requests with an expired key are rejected.

- CRM sync (` + keys[0].KeyPrefix + `)
  Expires on 3 April 2026, 09:26 UTC, last used on 14 March 2026, 09:26 UTC
  https://keys.acme.test/w/` + workspace.ID + `/settings/api-keys/` + keys[0].ID + `
- <b>Wärehouse</b> (` + keys[1].KeyPrefix + `)
  Expires on 3 April 2026, 09:26 UTC, never used
  https://keys.acme.test/w/` + workspace.ID + `/settings/api-keys/` + keys[1].ID + `

Extend or rotate the ones you still need:

https://keys.acme.test/w/` + workspace.ID + `/settings/api-keys?review=expiring

Choose the emails that you get: https://keys.acme.test/settings/account#emails
`
		if diff := cmp.Diff(want, strings.ReplaceAll(text, "\r\n", "\n")); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if want := "Subject: 2 API keys in Acme expire soon"; !strings.Contains(received[0].Data, want) {
			t.Errorf("email does not contain %q: %s", want, received[0].Data)
		}
		if want := "&lt;b&gt;Wärehouse"; !strings.Contains(html, want) {
			t.Errorf("HTML does not contain %q: %s", want, html)
		}
	})
}
