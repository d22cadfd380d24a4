package api_test

import (
	"context"
	"net/http"
	"slices"
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
	unauthorizedBody = `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}` + "\n"
	forbiddenBody    = `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}` + "\n"
	missing          = `Bearer realm="SkipUp API"`
	invalidToken     = `Bearer realm="SkipUp API", error="invalid_token"`
)

// TestInvalidCredentials checks that the response is the same for every invalid key.
func TestInvalidCredentials(t *testing.T) {
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
		{"scheme with the same prefix", []string{"Bearers " + good}, missing},
		{"no scheme", []string{good}, missing},
		{"no key", []string{"Bearer"}, invalidToken},
		{"unknown key", []string{"Bearer " + token.New(token.Live).Reveal()}, invalidToken},
		{"unknown test key", []string{"Bearer " + token.New(token.Test).Reveal()}, invalidToken},
		{"key with the other mode", []string{"Bearer " + strings.Replace(good, "_live_", "_test_", 1)}, invalidToken},
		{"key with another prefix", []string{"Bearer acme" + good[2:]}, invalidToken},
		{"wrong checksum", []string{"Bearer " + good[:len(good)-1] + "!"}, invalidToken},
		{"truncated", []string{"Bearer " + good[:len(good)-1]}, invalidToken},
		{"upper case", []string{"Bearer " + strings.ToUpper(good)}, invalidToken},
		{"text after the key", []string{"Bearer " + good + " x"}, invalidToken},
		{"two keys in one header", []string{"Bearer " + good + ", Bearer " + good}, invalidToken},
		{"two headers", []string{"Bearer " + good, "Bearer " + good}, invalidToken},
		{"non-ASCII key", []string{"Bearer sk_live_" + strings.Repeat("é", 18)}, invalidToken},
		{"60 KB key", []string{"Bearer " + strings.Repeat("A", 60_000)}, invalidToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := s.Request(t, http.MethodGet, "/api/v1/me", "")
			request.Header["Authorization"] = tt.authorization
			response := handlerstest.Send(t, http.DefaultClient, request)
			checkUnauthorized(t, response, tt.challenge)
		})
	}
}

func checkUnauthorized(t *testing.T, response handlerstest.Response, challenge string) {
	t.Helper()
	checkStatus(t, response, http.StatusUnauthorized)
	if response.Body != unauthorizedBody {
		t.Errorf("body = %s, want %s", response.Body, unauthorizedBody)
	}
	if got := response.Header.Values("WWW-Authenticate"); !slices.Equal(got, []string{challenge}) {
		t.Errorf("WWW-Authenticate = %q, want %q", got, challenge)
	}
	if got, want := response.Header.Get("Content-Type"), "application/json"; got != want {
		t.Errorf("Content-Type = %q, want %q", got, want)
	}
}

func checkStatus(t *testing.T, response handlerstest.Response, want int) {
	t.Helper()
	if response.Status != want {
		t.Errorf("status = %d, want %d\n%s", response.Status, want, response.Body)
	}
}

// checkError checks the status and the type of an error, and that its body contains message.
func checkError(t *testing.T, response handlerstest.Response, status int, errorType, message string) {
	t.Helper()
	checkStatus(t, response, status)
	if got := response.ErrorType(t); got != errorType {
		t.Errorf("error type = %q, want %q", got, errorType)
	}
	if !strings.Contains(response.Body, message) {
		t.Errorf("body = %s, want it to contain %q", response.Body, message)
	}
}

func TestKeyIsReadOnlyFromTheAuthorizationHeader(t *testing.T) {
	s := handlerstest.New(t)
	good := s.Key(t)
	inQuery := s.Request(t, http.MethodGet, "/api/v1/me?api_key="+good+"&access_token="+good, "")
	checkUnauthorized(t, handlerstest.Send(t, http.DefaultClient, inQuery), missing)
	inCookie := s.Request(t, http.MethodGet, "/api/v1/me", "")
	inCookie.AddCookie(&http.Cookie{Name: "api_key", Value: good})
	checkUnauthorized(t, handlerstest.Send(t, http.DefaultClient, inCookie), missing)
	signedIn := s.SignedIn(t, handlerstest.AdminEmail)
	checkUnauthorized(t, signedIn.Get("/api/v1/me"), missing)
}

func TestSchemeIsCaseInsensitive(t *testing.T) {
	s := handlerstest.New(t)
	good := s.Key(t)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR   "} {
		request := s.Request(t, http.MethodGet, "/api/v1/me", "")
		request.Header.Set("Authorization", scheme+good)
		if response := handlerstest.Send(t, http.DefaultClient, request); response.Status != http.StatusOK {
			t.Errorf("scheme %q: status = %d, want 200\n%s", scheme, response.Status, response.Body)
		}
	}
}

func TestDeletedAndExpiredKeysAreRejected(t *testing.T) {
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
			s.Want(t, http.StatusOK, text, "GET", "/me", "")
		}
		if _, err := s.DeleteAPIKey(ctx, s.Workspace.ID, deleted.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		checkUnauthorized(t, s.Call(t, deletedSecret.Reveal(), "GET", "/me", ""), invalidToken)
		s.Clock.Advance(time.Hour - time.Millisecond)
		if response := s.Call(t, secret.Reveal(), "GET", "/me", ""); response.Status != http.StatusOK {
			t.Errorf("status a millisecond before %v = %d, want 200", key.ExpiresAt, response.Status)
		}
		s.Clock.Advance(time.Millisecond)
		checkUnauthorized(t, s.Call(t, secret.Reveal(), "GET", "/me", ""), invalidToken)
	})
}

// TestUnknownRoutes checks that unknown paths and methods return 401 without a key, so that they
// don't reveal which routes exist, and a JSON 404 or 405 with one.
func TestUnknownRoutes(t *testing.T) {
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
		{"POST", "/me", 405, "method_not_allowed", "OPTIONS, DELETE, GET, HEAD"},
		{"PUT", "/api_keys", 405, "method_not_allowed", "OPTIONS, GET, HEAD, POST"},
	}
	for _, tt := range tests {
		checkUnauthorized(t, s.Call(t, "", tt.method, tt.path, ""), missing)
		response := s.Call(t, key, tt.method, tt.path, "")
		checkError(t, response, tt.status, tt.errorType, "")
		if got := response.Header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow = %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
}

func TestEveryResponseHasTheContractHeaders(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t)
	for _, path := range []string{"/me", "/api_keys", "/nothing"} {
		for _, credentials := range []string{"", key} {
			response := s.Call(t, credentials, "GET", path, "")
			for name, want := range map[string]string{
				"Cache-Control":          "no-store",
				"X-Content-Type-Options": "nosniff",
				"Content-Type":           "application/json",
			} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s (%d): %s = %q, want %q", path, response.Status, name, got, want)
				}
			}
			if response.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s (%d): no X-Request-Id", path, response.Status)
			}
			if response.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s (%d): the API sets a cookie", path, response.Status)
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
		if got == "" {
			t.Errorf("sent %q: no request ID", sent)
		}
		if (got == sent) != kept {
			t.Errorf("sent %q: request ID = %q, want it kept: %t", sent, got, kept)
		}
		if !strings.Contains(s.Log.String(), got) {
			t.Errorf("request ID %q is not in the log", got)
		}
	}
}

// TestDatabaseUnavailable checks that a valid key gets 503 instead of 401.
func TestDatabaseUnavailable(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		good := s.Key(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		response := s.Call(t, good, "GET", "/me", "")
		checkError(t, response, http.StatusServiceUnavailable, "service_unavailable", "")
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if got := response.Header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("WWW-Authenticate = %q, want none", got)
		}
		checkUnauthorized(t, s.Call(t, good[:len(good)-1]+"!", "GET", "/me", ""), invalidToken)
		ready := s.Ready(t)
		for ready.Status == http.StatusOK { // until the lease has expired
			ready = s.Ready(t)
		}
		checkStatus(t, ready, http.StatusServiceUnavailable)
		checkStatus(t, handlerstest.Send(t, http.DefaultClient, s.Request(t, "GET", "/healthz", "")), http.StatusOK)
	})
}

// TestDamagedKey checks that a row that can't be read makes requests with that key fail, and isn't taken for an
// outage of the database.
func TestDamagedKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, secret, err := s.Store.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "UPDATE api_keys SET allowlist_mode = 'enforce', allowlist_networks = 'anywhere' WHERE id = '"+key.ID+"'")
		checkError(t, s.Call(t, secret.Reveal(), "GET", "/me", ""), http.StatusInternalServerError, "internal_error", "")
		checkStatus(t, s.Call(t, s.Key(t), "GET", "/me", ""), http.StatusOK)
		if ready := s.Ready(t); ready.Status != http.StatusOK || strings.Contains(ready.Body, "unavailable") {
			t.Errorf("readiness = %d %s, want no outage", ready.Status, ready.Body)
		}
		modelstest.Contains(t, "log", s.Log.String(), `"level":"ERROR"`, `the row of API key \"`+key.ID, `"key":"damaged"`)
		if strings.Contains(s.Log.String(), "the database is unavailable") {
			t.Errorf("the log reports an outage:\n%s", s.Log)
		}
	})
}

// TestLiveAndTestKeysAreAccepted checks that one server accepts the keys of live and test workspaces with any
// prefix, also after a restart.
func TestLiveAndTestKeysAreAccepted(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		ctx := t.Context()
		test, err := s.Store.OpenTestWorkspace(ctx, s.Workspace.ID, s.Admin.ID, "Acme (test)")
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]string{} // modes by key
		for _, prefix := range []string{"sk", "acme"} {
			if _, err := s.Store.ApplyScopes(ctx, models.ScopeFile{KeyPrefix: prefix}); err != nil {
				t.Fatal(err)
			}
			for _, workspace := range []*models.Workspace{s.Workspace, test} {
				_, secret, err := s.Store.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "CI"})
				if err != nil {
					t.Fatal(err)
				}
				if want := prefix + "_" + string(workspace.Mode) + "_"; !strings.HasPrefix(secret.Reveal(), want) {
					t.Errorf("key = %.14s…, want prefix %s", secret.Reveal(), want)
				}
				keys[secret.Reveal()] = string(workspace.Mode)
			}
		}
		for _, server := range []*handlerstest.Server{s, s.AnotherNode(t)} {
			for key, mode := range keys {
				response := server.Call(t, key, "GET", "/me", "")
				checkStatus(t, response, http.StatusOK)
				if want := `"mode":"` + mode + `"`; !strings.Contains(response.Body, want) {
					t.Errorf("/me with %.14s… = %s, want %s", key, response.Body, want)
				}
			}
		}
	})
}
