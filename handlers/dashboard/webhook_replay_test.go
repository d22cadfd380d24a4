package dashboard_test

import (
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestRetryAllFailedReplayAndExample(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b, receiver := s.SignedIn(t, handlerstest.AdminEmail), newWebhookReceiver(t)
		id, secret := newEndpoint(t, s, b)
		s.Exec(t, "UPDATE webhook_endpoints SET url = $1 WHERE id = $2", receiver.URL, id)
		address := webhooksPath + "/" + id
		for _, name := range []string{"One", "Two"} {
			s.NamedKey(t, s.Workspace.ID, name)
		}
		rejected := b.Post(address+"/retry-failed", nil)
		rejected.Want(t, http.StatusUnprocessableEntity)
		wantAlert(t, rejected, "There are no failed deliveries to retry.")

		s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', attempts = 10, failure = 'timeout', next_attempt_at = NULL")
		sendWebhooks(t, s)
		form := document(t, b.Get(address)).Find("form[action$='/retry-failed']")
		modelstest.Contains(t, "form", form.Text(), "Failed deliveries: 2")
		wantAlert(t, b.Post(address+"/retry-failed", url.Values{"event": {"seat.assigned"}}), "There are no failed deliveries to retry.")
		retried := b.Post(address+"/retry-failed", nil)
		retried.WantRedirect(t, address)
		modelstest.Equal(t, "notice", notice(t, b, retried), "Retrying 2 deliveries")
		delivered(t, b, id, "HTTP 200 · attempt 11")
		modelstest.Contains(t, "history", document(t, b.Get(address)).Find("section[aria-labelledby=history]").Text(), "retried failed deliveries")

		s.Clock.Advance(2 * time.Minute) // the fields have minutes
		from, to := s.Now().Add(-time.Hour).Format("2006-01-02T15:04"), s.Now().Format("2006-01-02T15:04")
		modelstest.Equal(t, "end of the period", document(t, b.Get(address+"/replay")).Find("#field-to").AttrOr("value", ""), to)
		for _, tt := range []struct{ name, from, to, message string }{
			{"no date", "", to, "Start must be a date and time."},
			{"future", from, "2126-01-01T00:00", "End must not be in the future."},
			{"reversed", to, from, "End must be after the start."},
		} {
			got := b.Post(address+"/replay", url.Values{"from": {tt.from}, "to": {tt.to}})
			got.Want(t, http.StatusUnprocessableEntity)
			modelstest.Contains(t, tt.name+": error", document(t, got).Find("#panel .error").Text(), tt.message)
		}
		period := url.Values{"from": {from}, "to": {to}}
		counted := b.Post(address+"/replay", period)
		counted.Want(t, http.StatusOK, "Send 2 events again?")
		confirm := document(t, counted).Find("#panel [name=confirmed]").AttrOr("value", "")
		modelstest.Equal(t, "events to confirm", confirm, "2")
		period.Set("confirmed", "3")
		wantAlert(t, b.Post(address+"/replay", period), "The number of events in this period has changed.")
		period.Set("confirmed", confirm)
		replayed := b.Post(address+"/replay", period)
		replayed.WantRedirect(t, address)
		modelstest.Equal(t, "notice", notice(t, b, replayed), "Sending 2 events again")
		delivered(t, b, id, "HTTP 200")
		modelstest.Equal(t, "deliveries", document(t, b.Get(address)).Find(".delivery").Length(), 4)

		unknown := b.Post(address+"/example", url.Values{"event": {"member.added"}})
		unknown.Want(t, http.StatusUnprocessableEntity)
		modelstest.Contains(t, "error", document(t, unknown).Find("#panel .error").Text(), "Event must be api_key.created or seat.assigned.")
		modelstest.Equal(t, "events", document(t, b.Get(address+"/example")).Find("#panel option").Length(), 2)
		sent := b.Post(address+"/example", url.Values{"event": {"seat.assigned"}})
		modelstest.Equal(t, "notice", notice(t, b, sent), "Example of seat.assigned sent")
		page := delivered(t, b, id, "Example HTTP 200")
		modelstest.Contains(t, "payload", document(t, page).Find(".delivery").First().Find("pre").Text(), `"test": true`)

		link := document(t, page).Find(".delivery").First().Find("a[href$='/curl']").AttrOr("href", "")
		shown := b.Get(link)
		shown.Want(t, http.StatusOK)
		if strings.Contains(shown.Body, secret) {
			t.Error("the page with the curl command contains the secret")
		}
		received := receiver.count()
		if output, err := exec.Command("sh", "-c", document(t, shown).Find("#curl").Text()).CombinedOutput(); err != nil {
			t.Fatalf("run the command: %v\n%s", err, output)
		}
		modelstest.Equal(t, "requests by the command", receiver.count()-received, 1)
		if err := receiver.verify(t, secret); err != nil {
			t.Errorf("verify the command's request: %v", err)
		}
		s.Exec(t, "UPDATE webhook_secrets SET sealed = $1", []byte("lost"))
		if got := b.Get(link); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("curl with an unreadable secret: status = %d, want 422", got.Status)
		}
	})
}

func TestRetryAllFailedOfTooMany(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	id, _ := newEndpoint(t, s, b)
	s.NamedKey(t, s.Workspace.ID, "CI")
	s.Exec(t, `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)
		INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, response_excerpt, failure, duration_ms, created_at)
		SELECT id || n, workspace_id, endpoint_id, event_id, event_type, 'failed', scheduled, 10, '', 'timeout', 0, created_at FROM webhook_deliveries, numbers`, models.MaxRetries+1)
	modelstest.Contains(t, "form", document(t, b.Get(webhooksPath+"/"+id)).Find("form[action$='/retry-failed']").Text(), "1,000 or more", "Retry the oldest 1,000")
	modelstest.Equal(t, "notice", notice(t, b, b.Post(webhooksPath+"/"+id+"/retry-failed", nil)), "Retrying 1,000 deliveries")
	modelstest.Contains(t, "form", document(t, b.Get(webhooksPath+"/"+id)).Find("form[action$='/retry-failed']").Text(), "Failed deliveries: 1")
}
