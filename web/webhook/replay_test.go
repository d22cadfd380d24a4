package webhook_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/webhook"
)

// TestRetriesReplaysAndExamplesAreSent sends them to a server that has recovered.
func TestRetriesReplaysAndExamplesAreSent(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		var code atomic.Int64
		code.Store(http.StatusServiceUnavailable)
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(code.Load())) })
		endpoint, secret := f.endpoint(t, r.URL)
		from := f.Now()
		f.events(t, 3)
		f.work(t, local)
		await(t, "each delivery has been attempted", func() bool { return f.recorded(t, endpoint.ID, 1) == 3 })
		f.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL")
		code.Store(http.StatusOK)
		if _, err := f.RetryFailedWebhookDeliveries(t.Context(), f.workspace.ID, endpoint.ID, models.DeliveryFilter{}); err != nil {
			t.Fatal(err)
		}
		await(t, "each failed delivery has been retried", func() bool { return f.recorded(t, endpoint.ID, 2) == 3 })

		f.Clock.Advance(time.Minute)
		if err := f.ReplayWebhookEvents(t.Context(), f.workspace.ID, endpoint.ID, models.Replay{From: from, Before: f.Now()}, 3); err != nil {
			t.Fatal(err)
		}
		await(t, "each event has been sent again", func() bool { return f.recorded(t, endpoint.ID, 1) == 3 })
		for id, times := range r.ids() {
			modelstest.Equal(t, "requests with the ID "+id, times, 3)
		}
		modelstest.Equal(t, "events", len(r.ids()), 3)

		if _, err := f.SendWebhookExample(t.Context(), f.workspace.ID, endpoint.ID, models.APIKeyCreatedEvent); err != nil {
			t.Fatal(err)
		}
		await(t, "the example has been sent", func() bool { return len(r.all()) == 10 })
		example := r.all()[9]
		modelstest.Contains(t, "payload", string(example.body), `"type":"api_key.created"`, `"test":true`)
		requireSigned(t, example, secret)
	})
}

// TestCurlSendsTheSameRequest runs the command in a shell.
func TestCurlSendsTheSameRequest(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	r := newReceiver(t, ok)
	endpoint, secret := f.endpoint(t, r.URL+"/it's?a=$(touch+x)&b=`c`")
	if _, _, err := f.CreateAPIKey(t.Context(), f.workspace.ID, models.NewAPIKey{Name: "Bob's $HOME"}); err != nil {
		t.Fatal(err)
	}
	request, err := f.WebhookRequest(t.Context(), f.workspace.ID, endpoint.ID, f.last(t, endpoint).ID)
	if err != nil {
		t.Fatal(err)
	}
	command, err := webhook.Curl(request, f.Now())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(command, secret) {
		t.Error("the command contains the secret")
	}
	if shown := fmt.Sprintf("%+v", request); strings.Contains(shown, secret) {
		t.Error("the printed request contains the secret")
	}
	shell := exec.Command("sh", "-c", command)
	shell.Dir = t.TempDir()
	if output, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, command, output)
	}
	got := r.all()
	if len(got) != 1 {
		t.Fatalf("requests = %d, want 1", len(got))
	}
	requireSigned(t, got[0], secret)
	modelstest.Equal(t, "body", string(got[0].body), string(request.Body))
	modelstest.Equal(t, "Content-Type", got[0].header.Get("Content-Type"), "application/json")
}
