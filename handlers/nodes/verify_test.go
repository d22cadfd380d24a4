package nodes_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
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

// contract returns docs/verify-openapi.yaml.
var contract = sync.OnceValue(func() *handlerstest.Document {
	text, err := os.ReadFile("../../docs/verify-openapi.yaml")
	if err != nil {
		panic(err)
	}
	document, err := handlerstest.ParseDocument(text)
	if err != nil {
		panic("docs/verify-openapi.yaml: " + err.Error())
	}
	return document
})

// verification is the response of POST /v1/verify.
type verification struct {
	Valid       bool    `json:"valid"`
	Reason      *string `json:"reason"`
	KeyID       *string `json:"key_id"`
	WorkspaceID *string `json:"workspace_id"`
	Scopes      []string
	RateLimit   *struct{ Remaining int } `json:"rate_limit"`
}

// ask sends a request to a URL of a server, and checks the response against the contract.
func ask(t *testing.T, serverURL, credential string, body any) handlerstest.Response {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, serverURL+"/v1/verify", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if credential != "" {
		request.Header.Set("Authorization", "Bearer "+credential)
	}
	response := handlerstest.Send(t, http.DefaultClient, request)
	request.Body = io.NopCloser(bytes.NewReader(text))
	if err := contract().CheckResponse(request, response.Status, response.Header, []byte(response.Body)); err != nil {
		t.Errorf("the response doesn't conform to docs/verify-openapi.yaml: %v\n%s", err, response.Body)
	}
	if err := contract().CheckRequest(request); err != nil && response.Status == http.StatusOK {
		t.Errorf("an accepted request doesn't conform to docs/verify-openapi.yaml: %v\n%s", err, text)
	}
	return response
}

// verify asks about a key, and returns the result.
func verify(t *testing.T, serverURL, credential string, body map[string]any) (v verification) {
	t.Helper()
	response := ask(t, serverURL, credential, body)
	response.Want(t, http.StatusOK)
	if err := json.Unmarshal([]byte(response.Body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func reasonOf(v verification) string {
	if v.Reason == nil {
		return ""
	}
	return *v.Reason
}

func TestVerifyKey(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		text := credential(t, s, "shop", "")
		key, secret := newKey(t, s, models.NewAPIKey{Scopes: scope.Of(scope.SeatsRead)})
		digest := key.Digest
		expiry := s.Clock.Now().Add(time.Minute)
		_, expiring := newKey(t, s, models.NewAPIKey{ExpiresAt: &expiry})
		s.Clock.Advance(time.Hour)
		paused, pausedText := newKey(t, s, models.NewAPIKey{})
		if _, err := s.PauseAPIKey(t.Context(), s.Workspace.ID, paused.ID, s.Clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name   string
			body   map[string]any
			reason string
			key    *string
		}{
			{"valid", map[string]any{"key": secret}, "", &key.ID},
			{"valid from memory", map[string]any{"key": secret}, "", &key.ID},
			{"digest", map[string]any{"digest": hex.EncodeToString(digest[:])}, "", &key.ID},
			{"scope that it has", map[string]any{"key": secret, "scopes": []string{"seats.read"}}, "", &key.ID},
			{"scope that it lacks", map[string]any{"key": secret, "scopes": []string{"seats.read", "members.read"}}, "scope", &key.ID},
			{"expired", map[string]any{"key": expiring}, "expired", nil},
			{"paused", map[string]any{"key": pausedText}, "paused", &paused.ID},
			{"unknown", map[string]any{"key": token.New(token.Live).Reveal()}, "invalid", nil},
			{"malformed", map[string]any{"key": "sk_live_\x00"}, "invalid", nil},
			{"credential in place of a key", map[string]any{"key": text}, "invalid", nil},
			{"empty", map[string]any{"key": ""}, "invalid", nil},
		}
		for _, server := range []string{s.URL, s.VerifyServer(t)} {
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					got := verify(t, server, text, tt.body)
					modelstest.Equal(t, "valid", got.Valid, tt.reason == "")
					modelstest.Equal(t, "reason", reasonOf(got), tt.reason)
					if tt.key != nil {
						modelstest.Equal(t, "key", got.KeyID, tt.key)
						modelstest.Equal(t, "workspace", got.WorkspaceID, &s.Workspace.ID)
					}
				})
			}
		}
		deleteKey(t, s, key)
		modelstest.Equal(t, "reason after the deletion", reasonOf(verify(t, s.URL, text, map[string]any{"key": secret})), "deleted")
	})
}

func TestVerifyKeyRejectsRequests(t *testing.T) {
	s := handlerstest.New(t)
	text, secret := credential(t, s, "shop", ""), s.Key(t)
	tests := []struct {
		name, credential string
		body             any
		status           int
		texts            []string
	}{
		{"no credential", "", map[string]any{"key": secret}, http.StatusUnauthorized, []string{"node credential"}},
		{"an API key as the credential", secret, map[string]any{"key": secret}, http.StatusUnauthorized, nil},
		{"neither key nor digest", text, map[string]any{}, http.StatusUnprocessableEntity, []string{`"key":`}},
		{"both", text, map[string]any{"key": secret, "digest": strings.Repeat("a", 64)}, http.StatusUnprocessableEntity, []string{"not both"}},
		{"short digest", text, map[string]any{"digest": "ab"}, http.StatusUnprocessableEntity, []string{`"digest":`}},
		{"unknown scope", text, map[string]any{"key": secret, "scopes": []string{"seats.read", "nope"}}, http.StatusUnprocessableEntity, []string{`"scopes[1]":`}},
		{"long route", text, map[string]any{"key": secret, "route": strings.Repeat("a", 201)}, http.StatusUnprocessableEntity, []string{`"route":`}},
		{"unknown field", text, map[string]any{"key": secret, "scope": "seats.read"}, http.StatusUnprocessableEntity, []string{"Did you mean"}},
		{"an array", text, []string{}, http.StatusUnprocessableEntity, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := ask(t, s.URL, tt.credential, tt.body)
			response.Want(t, tt.status, tt.texts...)
			response.WantWithout(t, secret)
		})
	}
	get := s.Request(t, http.MethodGet, "/v1/verify", "")
	get.Header.Set("Authorization", "Bearer "+text)
	handlerstest.Send(t, http.DefaultClient, get).Want(t, http.StatusMethodNotAllowed)
}

// A credential for one workspace doesn't reveal that a key of another exists.
func TestVerifyKeyOfAnotherWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	text := credential(t, s, "shop", s.Workspace.ID)
	other, _ := s.NewWorkspace(t, "Other", "eve@other.test")
	foreign := s.KeyOf(t, other.ID)
	want := verify(t, s.URL, text, map[string]any{"key": token.New(token.Live).Reveal()})
	for range 2 { // from the database and from memory
		modelstest.Equal(t, "result", reasonOf(verify(t, s.URL, text, map[string]any{"key": foreign})), reasonOf(want))
	}
	modelstest.Equal(t, "reason with a credential for all", reasonOf(verify(t, s.URL, credential(t, s, "all", ""), map[string]any{"key": foreign})), "")
}

func TestVerifyKeyCountsUsage(t *testing.T) {
	s := handlerstest.New(t)
	text := credential(t, s, "shop", "")
	key, secret := newKey(t, s, models.NewAPIKey{Scopes: scope.Of(scope.SeatsRead)})
	verify(t, s.URL, text, map[string]any{"key": secret, "scopes": []string{"seats.read"}, "route": "GET /orders/:id", "address": "203.0.113.9", "user_agent": "shop/1.0"})
	verify(t, s.URL, text, map[string]any{"key": secret, "scopes": []string{"seats.write"}, "route": "POST /orders"})
	s.Flush(t)
	report, err := s.UsageReport(t.Context(), s.Workspace.ID, key.ID, usage.LastHours(s.Clock.Now(), 24))
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range report.Uses {
		switch use.Route {
		case "GET /orders/:id":
			modelstest.Equal(t, "address", use.LastAddress, "203.0.113.9")
			modelstest.Equal(t, "user agent", use.LastUserAgent, "shop/1.0")
			modelstest.Equal(t, "scope", use.Scope, "seats.read")
		case "POST /orders":
			modelstest.Equal(t, "rejection", use.Rejection, usage.RejectedScope)
		default:
			t.Errorf("unexpected route %q", use.Route)
		}
	}
	modelstest.Equal(t, "requests", report.Ever(), 2)
}

func TestVerifyKeyOverItsRateLimit(t *testing.T) {
	policy := ratelimit.Policy{Name: "default", Quota: 2, Window: time.Minute}
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Limits: keyauth.Limits{
		Keys: &keyauth.KeyLimit{Limiter: ratelimit.NewMemory(policy, time.Now), Policy: policy},
	}})
	text, secret := credential(t, s, "shop", ""), s.Key(t)
	for _, want := range []int{1, 0} {
		got := verify(t, s.URL, text, map[string]any{"key": secret})
		modelstest.Equal(t, "valid", got.Valid, true)
		modelstest.Equal(t, "remaining", got.RateLimit.Remaining, want)
	}
	over := verify(t, s.URL, text, map[string]any{"key": secret})
	modelstest.Equal(t, "valid", over.Valid, false)
	modelstest.Equal(t, "reason", reasonOf(over), "rate_limit")
}

// The server keeps a credential in memory, but not for longer than until the revocation returns.
func TestVerifyKeyWithRevokedCredential(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, first *handlerstest.Server) {
		servers := []*handlerstest.Server{first, first.AnotherNode(t)}
		text, secret := credential(t, first, "shop", ""), first.Key(t)
		for _, s := range servers {
			for range 3 {
				verify(t, s.URL, text, map[string]any{"key": secret})
			}
		}
		if _, err := first.RevokeNodeToken(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			ask(t, s.URL, text, map[string]any{"key": secret}).Want(t, http.StatusUnauthorized)
		}
	})
}
