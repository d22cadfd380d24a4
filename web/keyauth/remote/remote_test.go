package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

func TestNewChecksItsArguments(t *testing.T) {
	credential := token.NewNodeToken().Reveal()
	tests := []struct {
		name, url, credential string
		allowPlain, want      bool
	}{
		{"https", "https://keys.example.com", credential, false, true},
		{"https with a path", "https://example.com/keys/", credential, false, true},
		{"http on this machine", "http://127.0.0.1:8080", credential, false, true},
		{"http on localhost", "http://localhost:8080", credential, false, true},
		{"http on IPv6 loopback", "http://[::1]:8080", credential, false, true},
		{"http over a network", "http://keys.example.com", credential, false, false},
		{"http that is allowed", "http://keys.example.com", credential, true, true},
		{"a name that looks local", "http://localhost.example.com", credential, false, false},
		{"no scheme", "keys.example.com", credential, false, false},
		{"another scheme", "ftp://keys.example.com", credential, false, false},
		{"a password", "https://user:secret@keys.example.com", credential, false, false},
		{"an API key as the credential", "https://keys.example.com", token.New(token.Live).Reveal(), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := remote.New(tt.url, tt.credential, remote.Options{AllowPlainHTTP: tt.allowPlain})
			if got := err == nil; got != tt.want {
				t.Errorf("New: error = %v, want success: %t", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), tt.credential) {
				t.Errorf("the error contains the credential: %v", err)
			}
		})
	}
}

// A response that isn't from a server, such as a proxy's, must not be taken for an answer: a 404 would make the
// node reject every key, and a 410 would make it forget them.
func TestOtherResponsesAreOutages(t *testing.T) {
	tests := []struct {
		name   string
		header string
		status int
		body   string
	}{
		{"404 of a proxy", "", http.StatusNotFound, "not found"},
		{"410 of a proxy", "", http.StatusGone, `{"error":{"type":"node_removed"}}`},
		{"200 of a proxy", "", http.StatusOK, `{}`},
		{"redirect", "", http.StatusFound, ""},
		{"another version", "2", http.StatusOK, `{}`},
		{"503 of the server", wire.Version, http.StatusServiceUnavailable, `{"error":{"type":"service_unavailable","message":"busy"}}`},
		{"401 of the server", wire.Version, http.StatusUnauthorized, `{"error":{"type":"authentication_error"}}`},
		{"no JSON", wire.Version, http.StatusOK, `<html>`},
		{"too large", wire.Version, http.StatusOK, `{"key":null}` + strings.Repeat(" ", wire.MaxResponse)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(wire.Header, tt.header)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			source, err := remote.New(server.URL, token.NewNodeToken().Reveal(), remote.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = source.APIKeyByDigest(t.Context(), token.Digest{})
			if err == nil || models.IsKind(err, models.NotFound) {
				t.Errorf("lookup: error = %v, want an outage", err)
			}
			if err := source.AcknowledgeKeyChanges(t.Context(), "node_1", models.KeyState{}); err == nil || errors.Is(err, models.ErrNodeRemoved) {
				t.Errorf("acknowledgment: error = %v, want an outage", err)
			}
		})
	}
}

func TestAnswersOfTheServer(t *testing.T) {
	answer := func(status int, body string) keyauth.Source {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(wire.Header, wire.Version)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		source, err := remote.New(server.URL, token.NewNodeToken().Reveal(), remote.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	ctx := context.Background()
	if _, err := answer(http.StatusOK, `{"key":null}`).APIKeyByDigest(ctx, token.Digest{}); !models.IsKind(err, models.NotFound) {
		t.Errorf("unknown key: error = %v, want NotFound", err)
	}
	if err := answer(http.StatusGone, `{"error":{"type":"node_removed"}}`).AcknowledgeKeyChanges(ctx, "", models.KeyState{}); !errors.Is(err, models.ErrNodeRemoved) {
		t.Errorf("removed node: error = %v, want %v", err, models.ErrNodeRemoved)
	}
	if _, err := answer(http.StatusOK, `{"lease_ms":0}`).KeyChanges(ctx, "", models.UnknownKeys); err == nil {
		t.Error("a lease of 0 is accepted")
	}
	if _, err := answer(http.StatusOK, `{"lease_ms":3600000}`).KeyChanges(ctx, "", models.UnknownKeys); err == nil {
		t.Error("a lease of an hour is accepted")
	}
	unavailable := new(keyauth.UnavailableError)
	_, err := answer(http.StatusServiceUnavailable, `{}`).RegisterNode(ctx, models.NewNode{})
	modelstest.Equal(t, "503 is an outage", errors.As(err, &unavailable), true)
	wantOutageCause(t, err, "The server that knows the API keys is unavailable.")
}

func TestClientsHearOfAnUnreachableServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	source, err := remote.New(server.URL, token.NewNodeToken().Reveal(), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = source.APIKeyByDigest(t.Context(), token.Digest{})
	wantOutageCause(t, err, "We can't reach the server that knows the API keys.")
}

// wantOutageCause checks what clients of a node read about an error of its source.
func wantOutageCause(t *testing.T, err error, want string) {
	t.Helper()
	problem, _ := keyauth.ProblemOf(&keyauth.UnavailableError{Err: err})
	modelstest.Equal(t, "status", problem.Status, http.StatusServiceUnavailable)
	modelstest.Equal(t, "message", problem.Message, want+" Try again in a moment.")
}
