package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
)

// TestMetrics: what was asked is counted by where the answer came from and what it was.
func TestMetrics(t *testing.T) {
	metrics := web.NewMetrics()
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Metrics: metrics})
	good, dead := s.Key(t), s.NamedKey(t, s.Workspace.ID, "Dead")
	for range 3 {
		s.Call(t, good, "GET", "/me", "")
	}
	s.Call(t, "", "GET", "/me", "")
	s.Call(t, "nonsense", "GET", "/me", "")
	s.Call(t, misspelt(good), "GET", "/me", "") // the checksum is wrong: nobody looks it up
	s.Call(t, token.New(token.Live).Reveal(), "GET", "/me", "")
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, dead.ID); err != nil {
		t.Fatal(err)
	}
	s.Flush(t)
	answer := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`skipup_key_verification_seconds_count{result="accepted",source="store"} 1`,
		`skipup_key_verification_seconds_count{result="accepted",source="memory"} 2`,
		`skipup_key_verification_seconds_count{result="missing",source="syntax"} 1`,
		`skipup_key_verification_seconds_count{result="invalid",source="syntax"} 2`,
		`skipup_key_verification_seconds_count{result="invalid",source="store"} 1`,
		`skipup_key_cache_keys 1`,
		`skipup_usage_flush_tallies_count `,
		`skipup_usage_flush_failures_total 0`,
		`skipup_usage_unstored_seconds `,
		`skipup_accepted_after_deletion_total 0`,
		`skipup_lease_left_seconds 0.`,
		`skipup_key_epoch `,
		`skipup_key_change_wait_seconds_count `,
	} {
		if !strings.Contains(answer.Body.String(), "\n"+line) {
			t.Errorf("there is no line %q", line)
		}
	}
	if strings.Contains(answer.Body.String(), good) {
		t.Error("a key is in the metrics")
	}
}

// misspelt is a key with its last character changed.
func misspelt(key string) string {
	last := byte('0')
	if key[len(key)-1] == last {
		last = '1'
	}
	return key[:len(key)-1] + string(last)
}
