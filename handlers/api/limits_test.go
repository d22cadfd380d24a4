package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/ratelimit"
)

// limited is a Server on which a key may make three requests a minute, and an address may
// send five bad ones.
func limited(t *testing.T) *handlerstest.Server {
	t.Helper()
	store := modelstest.NewSQLite(t)
	keys := ratelimit.Policy{Name: "default", Quota: 3, Window: time.Minute}
	guesses := ratelimit.Policy{Name: "default", Quota: 5, Window: time.Minute}
	return handlerstest.With(t, store, handlerstest.Options{Limits: web.Limits{
		Keys:      &web.KeyLimit{Limiter: ratelimit.NewMemory(keys, store.Clock.Now), Policy: keys},
		Addresses: ratelimit.NewMemory(guesses, store.Clock.Now),
	}})
}

// TestAKeyMakesSoManyRequestsAMinute, whatever comes of them, and each answer says what is left.
func TestAKeyMakesSoManyRequestsAMinute(t *testing.T) {
	s := limited(t)
	key, other := s.Key(t), s.Key(t, scope.MeetingRequestsRead)
	steps := []struct {
		path   string
		status int
		limit  string
	}{
		{"/me", http.StatusOK, `"default";r=2;t=60`},
		{"/meeting_requests", http.StatusForbidden, `"default";r=1;t=50`},
		{"/nothing", http.StatusNotFound, `"default";r=0;t=40`},
		{"/me", http.StatusTooManyRequests, `"default";r=0;t=30`},
		{"/me", http.StatusTooManyRequests, `"default";r=0;t=20`},
		{"/me", http.StatusTooManyRequests, `"default";r=0;t=10`},
		{"/me", http.StatusOK, `"default";r=2;t=60`},
	}
	for i, step := range steps {
		answer := s.Call(t, key, "GET", step.path, "")
		if answer.Status != step.status || answer.Header.Get("RateLimit") != step.limit || answer.Header.Get("RateLimit-Policy") != `"default";q=3;w=60` {
			t.Errorf("step %d: %d %v, want %d %s", i, answer.Status, answer.Header, step.status, step.limit)
		}
		if step.status == http.StatusTooManyRequests && (answer.ErrorType(t) != "rate_limited" || answer.Header.Get("Retry-After") != step.limit[len(`"default";r=0;t=`):]) {
			t.Errorf("step %d: %s, Retry-After %q", i, answer.Body, answer.Header.Get("Retry-After"))
		}
		if i == 3 {
			if answer := s.Call(t, other, "GET", "/me", ""); answer.Status != http.StatusOK {
				t.Errorf("another key is limited too: %d", answer.Status)
			}
		}
		s.Clock.Advance(10 * time.Second)
	}
}

// TestGuessesAreLimitedByAddress, and then do not reach the store; a good key that is known is
// let through all the same.
func TestGuessesAreLimitedByAddress(t *testing.T) {
	s := limited(t)
	known, unknown := s.Key(t), s.Key(t)
	if answer := s.Call(t, known, "GET", "/me", ""); answer.Status != http.StatusOK {
		t.Fatalf("a good key: %d", answer.Status)
	}
	for i, guess := range []string{token.New(token.Live).Reveal(), "nonsense", known[:43] + "!", token.New(token.Test).Reveal(), token.New(token.Live).Reveal()} {
		s.Call(t, "", "GET", "/me", "") // to send none is no guess
		if answer := s.Call(t, guess, "GET", "/me", ""); answer.Status != http.StatusUnauthorized || answer.Header.Get("RateLimit") != "" {
			t.Errorf("guess %d: %d %v", i, answer.Status, answer.Header)
		}
	}
	for name, key := range map[string]string{"one more": token.New(token.Live).Reveal(), "malformed": "nonsense", "a good key that has to be looked up": unknown} {
		answer := s.Call(t, key, "GET", "/me", "")
		if answer.Status != http.StatusTooManyRequests || answer.ErrorType(t) != "rate_limited" || answer.Header.Get("Retry-After") != "60" ||
			answer.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %s %v", name, answer.Status, answer.Body, answer.Header)
		}
	}
	if answer := s.Call(t, known, "GET", "/me", ""); answer.Status != http.StatusOK {
		t.Errorf("a good key from the same address: %d", answer.Status)
	}
	if answer := s.Call(t, "", "GET", "/me", ""); answer.Status != http.StatusUnauthorized {
		t.Errorf("no key from the same address: %d", answer.Status)
	}
	s.Clock.Advance(time.Minute)
	if answer := s.Call(t, unknown, "GET", "/me", ""); answer.Status != http.StatusOK {
		t.Errorf("a minute later: %d", answer.Status)
	}
}

// TestADeadKeyCountsAsAGuessAndIsStillKnown: an admin sees it knock although it is limited.
func TestADeadKeyCountsAsAGuessAndIsStillKnown(t *testing.T) {
	s := limited(t)
	key := s.NamedKey(t, s.Workspace.ID, "Dead")
	secret := token.New(token.Live)
	digest := secret.Digest()
	s.Exec(t, "UPDATE api_keys SET digest = $1 WHERE id = $2", digest[:], key.ID)
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		want := http.StatusUnauthorized
		if i >= 5 {
			want = http.StatusTooManyRequests
		}
		if answer := s.Call(t, secret.Reveal(), "GET", "/me", ""); answer.Status != want {
			t.Errorf("request %d: %d, want %d", i, answer.Status, want)
		}
	}
	s.Flush(t)
	callers, err := s.CallersOf(t.Context(), s.Workspace.ID, key.ID)
	if err != nil || len(callers) != 1 || callers[0].Refused != 8 || callers[0].LastRefusal != "deleted" {
		t.Errorf("%+v, %v; want 8 refused", callers, err)
	}
}
