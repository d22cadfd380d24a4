package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

const (
	refusedBody  = `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}` + "\n"
	noScopeBody  = `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}` + "\n"
	missing      = `Bearer realm="SkipUp API"`
	invalidToken = `Bearer realm="SkipUp API", error="invalid_token"`
)

// TestRefusedCredentials: whatever is wrong with a key, the answer is the same to the byte.
func TestRefusedCredentials(t *testing.T) {
	s := handlerstest.New(t)
	good := s.Key(t)
	tests := []struct {
		name          string
		authorization []string
		challenge     string
	}{
		{"no header", nil, missing},
		{"empty header", []string{""}, missing},
		{"another scheme", []string{"Basic " + good}, missing},
		{"a scheme that begins alike", []string{"Bearers " + good}, missing},
		{"no scheme", []string{good}, missing},
		{"no key", []string{"Bearer"}, invalidToken},
		{"an invented key", []string{"Bearer " + token.New(token.Live).Reveal()}, invalidToken},
		{"a key of the other environment", []string{"Bearer " + token.New(token.Test).Reveal()}, invalidToken},
		{"a broken checksum", []string{"Bearer " + good[:len(good)-1] + "!"}, invalidToken},
		{"truncated", []string{"Bearer " + good[:len(good)-1]}, invalidToken},
		{"in upper case", []string{"Bearer " + strings.ToUpper(good)}, invalidToken},
		{"something behind it", []string{"Bearer " + good + " x"}, invalidToken},
		{"two keys in one header", []string{"Bearer " + good + ", Bearer " + good}, invalidToken},
		{"the header twice", []string{"Bearer " + good, "Bearer " + good}, invalidToken},
		{"a key that is not ASCII", []string{"Bearer sk_live_" + strings.Repeat("é", 18)}, invalidToken},
		{"a key of 10 MB", []string{"Bearer " + strings.Repeat("A", 10<<20)}, invalidToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := s.Request(t, http.MethodGet, "/api/v1/me", "")
			request.Header["Authorization"] = tt.authorization
			answer := handlerstest.Send(t, http.DefaultClient, request)
			checkRefused(t, answer, tt.challenge)
		})
	}
}

func checkRefused(t *testing.T, answer handlerstest.Answer, challenge string) {
	t.Helper()
	if answer.Status != http.StatusUnauthorized || answer.Body != refusedBody {
		t.Errorf("got %d %s, want 401 %s", answer.Status, answer.Body, refusedBody)
	}
	if got := answer.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != challenge {
		t.Errorf("challenge %q, want %q", got, challenge)
	}
	if got := answer.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

// checkRefusal fails unless answer has the status, and an error of kind that says something.
func checkRefusal(t *testing.T, answer handlerstest.Answer, status int, kind, says string) {
	t.Helper()
	if answer.Status != status || answer.ErrorType(t) != kind || !strings.Contains(answer.Body, says) {
		t.Errorf("got %d %s, want %d %s saying %q", answer.Status, answer.Body, status, kind, says)
	}
}

// TestKeyTravelsInTheHeaderOnly: a key elsewhere is no key.
func TestKeyTravelsInTheHeaderOnly(t *testing.T) {
	s := handlerstest.New(t)
	good := s.Key(t)
	inQuery := s.Request(t, http.MethodGet, "/api/v1/me?api_key="+good+"&access_token="+good, "")
	checkRefused(t, handlerstest.Send(t, http.DefaultClient, inQuery), missing)
	inCookie := s.Request(t, http.MethodGet, "/api/v1/me", "")
	inCookie.AddCookie(&http.Cookie{Name: "api_key", Value: good})
	checkRefused(t, handlerstest.Send(t, http.DefaultClient, inCookie), missing)
	signedIn := s.SignedIn(t, handlerstest.AdminEmail)
	checkRefused(t, signedIn.Get("/api/v1/me"), missing)
}

func TestSchemeIsCaseInsensitive(t *testing.T) {
	s := handlerstest.New(t)
	good := s.Key(t)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR   "} {
		request := s.Request(t, http.MethodGet, "/api/v1/me", "")
		request.Header.Set("Authorization", scheme+good)
		if answer := handlerstest.Send(t, http.DefaultClient, request); answer.Status != http.StatusOK {
			t.Errorf("%q: %d %s", scheme, answer.Status, answer.Body)
		}
	}
}

// TestDeadKeys: a deleted and an expired key are refused from that moment, like no key at all.
func TestDeadKeys(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := context.Background()
		expiry := s.Now().Add(time.Hour)
		key, secret, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Short", ExpiresAt: &expiry})
		if err != nil {
			t.Fatal(err)
		}
		deleted, deletedSecret, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Doomed"})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{secret.Reveal(), deletedSecret.Reveal()} {
			if answer := s.Call(t, text, "GET", "/me", ""); answer.Status != http.StatusOK {
				t.Fatalf("a living key: %d %s", answer.Status, answer.Body)
			}
		}
		if _, err := s.DeleteAPIKey(ctx, s.Workspace.ID, deleted.ID); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, s.Call(t, deletedSecret.Reveal(), "GET", "/me", ""), invalidToken)
		s.Clock.Advance(time.Hour - time.Millisecond)
		if answer := s.Call(t, secret.Reveal(), "GET", "/me", ""); answer.Status != http.StatusOK {
			t.Errorf("a millisecond before %v: %d", key.ExpiresAt, answer.Status)
		}
		s.Clock.Advance(time.Millisecond)
		checkRefused(t, s.Call(t, secret.Reveal(), "GET", "/me", ""), invalidToken)
	})
}

// TestUnknownAddresses: without a key everything under /api/ is 401, so that nobody learns
// what there is; with one it is the JSON 404 or 405.
func TestUnknownAddresses(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	tests := []struct {
		method, path string
		status       int
		errorType    string
		allow        string
	}{
		{"GET", "/nothing", 404, "not_found", ""},
		{"GET", "/../v2/me", 404, "not_found", ""},
		{"GET", "/me/", 404, "not_found", ""},
		{"GET", "/ME", 404, "not_found", ""},
		{"GET", "/api_keys/%00", 404, "not_found", ""},
		{"DELETE", "/api_keys/%ff", 404, "not_found", ""},
		{"DELETE", "/me", 405, "method_not_allowed", "OPTIONS, GET, HEAD"},
		{"PUT", "/api_keys", 405, "method_not_allowed", "OPTIONS, GET, HEAD, POST"},
	}
	for _, tt := range tests {
		checkRefused(t, s.Call(t, "", tt.method, tt.path, ""), missing)
		answer := s.Call(t, key, tt.method, tt.path, "")
		if answer.Status != tt.status || answer.ErrorType(t) != tt.errorType || answer.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %s, Allow %q", tt.method, tt.path, answer.Status, answer.Body, answer.Header.Get("Allow"))
		}
	}
}

// TestEveryAnswerHasTheHeaders of the contract, whatever its status.
func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t)
	for _, path := range []string{"/me", "/api_keys", "/nothing"} {
		for _, credentials := range []string{"", key} {
			answer := s.Call(t, credentials, "GET", path, "")
			for name, want := range map[string]string{
				"Cache-Control":          "no-store",
				"X-Content-Type-Options": "nosniff",
				"Content-Type":           "application/json",
			} {
				if got := answer.Header.Get(name); got != want {
					t.Errorf("%s (%d): %s is %q, want %q", path, answer.Status, name, got, want)
				}
			}
			if answer.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s (%d): no request id", path, answer.Status)
			}
			if answer.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s (%d): a cookie from the API", path, answer.Status)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	s := handlerstest.New(t)
	for sent, kept := range map[string]bool{"trace-42": true, "": false, strings.Repeat("x", 129): false, "two words": false, "é": false} {
		request := s.Request(t, http.MethodGet, "/api/v1/me", "")
		request.Header.Set("X-Request-Id", sent)
		got := handlerstest.Send(t, http.DefaultClient, request).Header.Get("X-Request-Id")
		if got == "" || (got == sent) != kept {
			t.Errorf("sent %q, got %q back", sent, got)
		}
		if !strings.Contains(s.Log.String(), got) {
			t.Errorf("request id %q is not in the log", got)
		}
	}
}

// TestStoreUnreachable: a good key is never told that it is bad because we cannot look.
func TestStoreUnreachable(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		good := s.Key(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		answer := s.Call(t, good, "GET", "/me", "")
		if answer.Status != http.StatusServiceUnavailable || answer.ErrorType(t) != "service_unavailable" ||
			answer.Header.Get("Retry-After") == "" || answer.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("good key: %d %s %v", answer.Status, answer.Body, answer.Header)
		}
		checkRefused(t, s.Call(t, good[:len(good)-1]+"!", "GET", "/me", ""), invalidToken)
		ready := s.Ready(t)
		for deadline := time.Now().Add(10 * modelstest.Lease); ready.Status == http.StatusOK && time.Now().Before(deadline); {
			ready = s.Ready(t) // until the lease has run out
		}
		alive := handlerstest.Send(t, http.DefaultClient, s.Request(t, "GET", "/healthz", ""))
		if ready.Status != http.StatusServiceUnavailable || alive.Status != http.StatusOK {
			t.Errorf("readyz %d, healthz %d; want 503 and 200", ready.Status, alive.Status)
		}
	})
}
