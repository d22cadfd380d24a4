package mail_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail/mailtest"
)

// sendNotifications sends the emails that are due and returns them.
func sendNotifications(t *testing.T, s *modelstest.Store) []mailtest.Received {
	t.Helper()
	sink := mailtest.New(t, mailtest.Options{})
	worker := workerTo(t, s, sink, slog.New(slog.DiscardHandler))
	for more := true; more; {
		var err error
		if more, err = worker.SendNext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return sink.Received()
}

func TestNotificationEmail(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		s = s.Mailing(t)
		workspace, admin := s.NewWorkspace(t, "Acme", "ada@acme.test")
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: admin.ID, Name: admin.Name(), Role: models.Admin})
		key, _, err := s.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "<b>CI</b>"})
		if err != nil {
			t.Fatal(err)
		}
		received := sendNotifications(t, s)
		if len(received) != 1 || received[0].To != "ada@acme.test" {
			t.Fatalf("received %+v, want one email to ada@acme.test", received)
		}
		text, html := parts(t, received[0].Data)
		want := `Hello Ada Admin,

This happened in Acme:

- API key <b>CI</b> was created by Ada Admin
  14 March 2026, 09:26 UTC
  https://keys.acme.test/w/` + workspace.ID + `/settings/api-keys/` + key.ID + `

See all notifications:

https://keys.acme.test/w/` + workspace.ID + `/settings/notifications

Choose the emails that you get: https://keys.acme.test/settings/account#emails
`
		if diff := cmp.Diff(want, strings.ReplaceAll(text, "\r\n", "\n")); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if !strings.Contains(html, "API key &lt;b&gt;CI&lt;/b&gt; was created by Ada Admin") {
			t.Errorf("HTML doesn't contain the escaped name of the key: %s", html)
		}
	})
}

// Whoever chose the names may not send text to someone whose email isn't proven.
func TestNotificationEmailToAStrangerHasNoNames(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		s = s.Mailing(t)
		workspace, admin := s.NewWorkspace(t, "Acme", "ada@acme.test")
		s.Exec(t, "UPDATE users SET verified_at = NULL WHERE id = $1", admin.UserID)
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: admin.ID, Name: admin.Name(), Role: models.Admin})
		key, _, err := s.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Buy now"})
		if err != nil {
			t.Fatal(err)
		}
		received := sendNotifications(t, s)
		if len(received) != 1 {
			t.Fatalf("received %d emails, want 1", len(received))
		}
		text, html := parts(t, received[0].Data)
		for name, body := range map[string]string{"text": text, "HTML": html, "message": received[0].Data} {
			for _, unwanted := range []string{"Buy now", "Ada"} {
				if strings.Contains(body, unwanted) {
					t.Errorf("%s contains %q: %s", name, unwanted, body)
				}
			}
		}
		if want := "API key " + key.KeyPrefix + " was created"; !strings.Contains(text, want) {
			t.Errorf("text = %s, want it to contain %q", text, want)
		}
	})
}
