package handlers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/webhook"
)

func TestMetricsCountVerifications(t *testing.T) {
	metrics := web.NewMetrics()
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Metrics: metrics})
	good, deleted := s.Key(t), s.NamedKey(t, s.Workspace.ID, "Deleted")
	for range 3 {
		s.Call(t, good, "GET", "/me", "")
	}
	s.Call(t, "", "GET", "/me", "")
	s.Call(t, "nonsense", "GET", "/me", "")
	s.Call(t, misspelled(good), "GET", "/me", "") // has a wrong checksum, so it is not looked up
	s.Call(t, token.New(token.Live).Reveal(), "GET", "/me", "")
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, deleted.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	s.Flush(t)
	response := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`skipup_key_verification_seconds_count{result="accepted",source="store"} 1`,
		`skipup_key_verification_seconds_count{result="accepted",source="memory"} 2`,
		`skipup_key_verification_seconds_count{result="missing",source="syntax"} 1`,
		`skipup_key_verification_seconds_count{result="invalid",source="syntax"} 2`,
		`skipup_key_verification_seconds_count{result="invalid",source="store"} 1`,
		`skipup_key_cache_keys 1`,
		`skipup_usage_flush_rows_count `,
		`skipup_usage_flush_failures_total 0`,
		`skipup_usage_unstored_seconds `,
		`skipup_accepted_after_deletion_total 0`,
		`skipup_lease_left_seconds 0.`,
		`skipup_key_epoch `,
		`skipup_key_change_wait_seconds_count{completed_by="acknowledged"} `,
		`skipup_key_change_wait_seconds_count{completed_by="lease"} 0`,
		`skipup_nodes 1`,
		`skipup_node_lag_changes 0`,
		`skipup_clock_skew_seconds 0`,
	} {
		if !strings.Contains(response.Body.String(), "\n"+line) {
			t.Errorf("metrics lack the line %q", line)
		}
	}
	if strings.Contains(response.Body.String(), good) {
		t.Error("metrics contain a key")
	}
}

func TestMetricsCountWebhooks(t *testing.T) {
	metrics := web.NewMetrics()
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Metrics: metrics})
	metrics.WatchWebhooks(s.Store.Store)
	lines := func() string {
		response := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return response.Body.String()
	}
	require := func(all string, want ...string) {
		t.Helper()
		for _, line := range want {
			if !strings.Contains(all, "\n"+line+"\n") {
				t.Errorf("metrics lack the line %q", line)
			}
		}
	}
	for _, status := range []int{http.StatusOK, http.StatusTeapot} {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(receiver.Close)
		endpoint, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{
			URL: "https://hooks.example.com", Events: []string{"api_key.created"},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE webhook_endpoints SET url = $1 WHERE id = $2", receiver.URL, endpoint.ID)
	}
	s.NamedKey(t, s.Workspace.ID, "CI")
	require(lines(), `skipup_webhook_queue_deliveries{state="due"} 2`, `skipup_webhook_queue_deliveries{state="later"} 0`)

	ctx, stop := context.WithCancel(t.Context())
	attempted := make(chan struct{}, 2)
	worker := webhook.New(s.Store.Store, webhook.Options{AllowPrivate: true, Attempted: func(a webhook.Attempt) {
		metrics.WebhookAttempted(a)
		attempted <- struct{}{}
	}})
	var running sync.WaitGroup
	running.Go(func() { worker.Run(ctx) })
	<-attempted
	<-attempted
	stop()
	running.Wait()
	all := lines()
	require(all,
		`skipup_webhook_queue_deliveries{state="due"} 0`, `skipup_webhook_queue_deliveries{state="later"} 1`,
		`skipup_webhook_attempts_total{result="success"} 1`, `skipup_webhook_attempts_total{result="status"} 1`,
		`skipup_webhook_delay_seconds_count{attempt="first"} 2`, `skipup_webhook_attempt_seconds_count 2`,
	)
	if strings.Contains(all, `attempt="retry"`) {
		t.Error("a first attempt is counted as a retry")
	}
}

// misspelled returns a key with its last character changed.
func misspelled(key string) string {
	last := byte('0')
	if key[len(key)-1] == last {
		last = '1'
	}
	return key[:len(key)-1] + string(last)
}
