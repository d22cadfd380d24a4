package api_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// limited returns a Server that allows three requests a minute for each key and five invalid keys
// from each IP address.
func limited(t *testing.T) *handlerstest.Server {
	t.Helper()
	store := modelstest.NewSQLite(t)
	keys := ratelimit.Policy{Name: "default", Quota: 3, Window: time.Minute}
	guesses := ratelimit.Policy{Name: "default", Quota: 5, Window: time.Minute}
	return handlerstest.With(t, store, handlerstest.Options{Limits: keyauth.Limits{
		Keys:      &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(keys, store.Clock.Now), Policy: keys},
		Addresses: ratelimit.NewMemory(guesses, store.Clock.Now),
	}})
}

// TestKeyRateLimit checks that every request counts toward the limit, whatever its status, and that
// every response states what remains.
func TestKeyRateLimit(t *testing.T) {
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
		response := s.Call(t, key, "GET", step.path, "")
		if response.Status != step.status {
			t.Errorf("step %d: status = %d, want %d", i, response.Status, step.status)
		}
		if got := response.Header.Get("RateLimit"); got != step.limit {
			t.Errorf("step %d: RateLimit = %q, want %q", i, got, step.limit)
		}
		if got, want := response.Header.Get("RateLimit-Policy"), `"default";q=3;w=60`; got != want {
			t.Errorf("step %d: RateLimit-Policy = %q, want %q", i, got, want)
		}
		if step.status == http.StatusTooManyRequests {
			checkError(t, response, http.StatusTooManyRequests, "rate_limited", "")
			if got, want := response.Header.Get("Retry-After"), step.limit[len(`"default";r=0;t=`):]; got != want {
				t.Errorf("step %d: Retry-After = %q, want %q", i, got, want)
			}
		}
		if i == 3 {
			checkStatus(t, s.Call(t, other, "GET", "/me", ""), http.StatusOK)
		}
		s.Clock.Advance(10 * time.Second)
	}
}

// TestRateLimitOfAKey changes the limit of a key, which takes effect at once.
func TestRateLimitOfAKey(t *testing.T) {
	for name, server := range map[string]func(t *testing.T) *handlerstest.Server{
		"with a limit of the server": limited, "without": func(t *testing.T) *handlerstest.Server { return handlerstest.New(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			secret := s.Key(t)
			digest, err := token.Parse(secret)
			must(t, err)
			key, err := s.APIKeyByDigest(t.Context(), digest)
			must(t, err)
			set := func(limit int) {
				t.Helper()
				_, err := s.UpdateAPIKey(t.Context(), key.WorkspaceID, key.ID, models.KeyUpdate{RateLimit: models.To(limit)})
				must(t, err)
			}
			want := func(status int, policy string) {
				t.Helper()
				response := s.Call(t, secret, "GET", "/me", "")
				checkStatus(t, response, status)
				if got := response.Header.Get("RateLimit-Policy"); got != policy {
					t.Errorf("RateLimit-Policy = %q, want %q", got, policy)
				}
			}
			set(5)
			for range 5 {
				want(http.StatusOK, `"key";q=5;w=60`)
			}
			want(http.StatusTooManyRequests, `"key";q=5;w=60`)
			set(6)
			want(http.StatusOK, `"key";q=6;w=60`)
			want(http.StatusTooManyRequests, `"key";q=6;w=60`)
			set(0)
			if name == "without" {
				want(http.StatusOK, "")
			} else {
				want(http.StatusTooManyRequests, `"default";q=3;w=60`)
			}
			s.Flush(t)
			callers, err := s.CallersOf(t.Context(), key.WorkspaceID, key.ID)
			must(t, err)
			if got := callers[0].LastRejection; got != usage.RejectedRateLimit {
				t.Errorf("last rejection = %q, want %q", got, usage.RejectedRateLimit)
			}
		})
	}
}

// TestInvalidKeysAreLimitedByIPAddress checks that invalid keys from an IP address over the limit are
// rejected with 429, while valid keys keep working, cached or not.
func TestInvalidKeysAreLimitedByIPAddress(t *testing.T) {
	s := limited(t)
	cached, uncached := s.Key(t), s.Key(t)
	s.Want(t, http.StatusOK, cached, "GET", "/me", "")
	for i, guess := range []string{token.New(token.Live).Reveal(), "nonsense", cached[:43] + "!", token.New(token.Test).Reveal(), token.New(token.Live).Reveal()} {
		s.Call(t, "", "GET", "/me", "") // a missing key does not count
		response := s.Call(t, guess, "GET", "/me", "")
		if response.Status != http.StatusUnauthorized {
			t.Errorf("invalid key %d: status = %d, want 401", i, response.Status)
		}
		if got := response.Header.Get("RateLimit"); got != "" {
			t.Errorf("invalid key %d: RateLimit = %q, want none", i, got)
		}
	}
	for name, key := range map[string]string{"unknown key": token.New(token.Live).Reveal(), "malformed key": "nonsense"} {
		response := s.Call(t, key, "GET", "/me", "")
		checkError(t, response, http.StatusTooManyRequests, "rate_limited", "")
		if got, want := response.Header.Get("Retry-After"), "60"; got != want {
			t.Errorf("%s: Retry-After = %q, want %q", name, got, want)
		}
		if got := response.Header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("%s: WWW-Authenticate = %q, want none", name, got)
		}
	}
	checkStatus(t, s.Call(t, cached, "GET", "/me", ""), http.StatusOK)
	checkStatus(t, s.Call(t, "", "GET", "/me", ""), http.StatusUnauthorized)
	for range 20 { // more than the limiter of reads lets through at once
		var flood sync.WaitGroup
		flood.Go(func() { s.Call(t, token.New(token.Live).Reveal(), "GET", "/me", "") })
		defer flood.Wait()
	}
	checkStatus(t, s.Call(t, uncached, "GET", "/me", ""), http.StatusOK)
}

// TestDeletedKeyCountsAsInvalid checks that requests with a deleted key count toward the limit of the
// IP address, and still appear in the usage of the key.
func TestDeletedKeyCountsAsInvalid(t *testing.T) {
	s := limited(t)
	key := s.NamedKey(t, s.Workspace.ID, "Old")
	secret := token.New(token.Live)
	digest := secret.Digest()
	s.Exec(t, "UPDATE api_keys SET digest = $1 WHERE id = $2", digest[:], key.ID)
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, key.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		want := http.StatusUnauthorized
		if i >= 5 {
			want = http.StatusTooManyRequests
		}
		if response := s.Call(t, secret.Reveal(), "GET", "/me", ""); response.Status != want {
			t.Errorf("request %d: status = %d, want %d", i, response.Status, want)
		}
	}
	s.Flush(t)
	callers, err := s.CallersOf(t.Context(), s.Workspace.ID, key.ID)
	must(t, err)
	if len(callers) != 1 {
		t.Fatalf("%d callers, want 1", len(callers))
	}
	if got := callers[0].Rejected; got != 8 {
		t.Errorf("rejected requests = %d, want 8", got)
	}
	if got := callers[0].LastRejection; got != "deleted" {
		t.Errorf("last rejection = %q, want deleted", got)
	}
}
