package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
)

// TestRequestLog checks the line of each kind of request.
func TestRequestLog(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	old, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Old"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, old.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	s.Call(t, key, "GET", "/seats?limit=1", "")
	for name, tt := range map[string]struct {
		request func() handlerstest.Response
		want    map[string]any // nil for an attribute that must be missing
	}{
		"key in memory": {func() handlerstest.Response { return s.Call(t, key, "GET", "/seats?limit=1", "") }, map[string]any{
			"method": "GET", "route": "/api/v1/seats", "status": 200.0, "address": "127.0.0.1", "key": "accepted", "key_from": "memory",
			"workspace": s.Workspace.ID, "error": nil,
		}},
		"deleted key": {func() handlerstest.Response { return s.Call(t, secret.Reveal(), "GET", "/seats", "") }, map[string]any{
			"status": 401.0, "key": "deleted", "workspace": s.Workspace.ID, "caller": old.ID, "queries": nil,
		}},
		"no key": {func() handlerstest.Response { return s.Call(t, "", "GET", "/seats", "") }, map[string]any{
			"key": "missing", "key_from": "syntax", "workspace": nil, "caller": nil,
		}},
		"page": {func() handlerstest.Response {
			return handlerstest.Send(t, http.DefaultClient, s.Request(t, http.MethodGet, path.SetUpWith("hidden"), ""))
		}, map[string]any{"route": "/setup/:token", "key": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			id := tt.request().Header.Get("X-Request-Id")
			var lines []map[string]any
			for line := range strings.Lines(s.Log.String()) {
				var attributes map[string]any
				if err := json.Unmarshal([]byte(line), &attributes); err != nil {
					t.Fatal(err)
				}
				if attributes["request_id"] == id {
					lines = append(lines, attributes)
				}
			}
			if len(lines) != 1 {
				t.Fatalf("%d lines, want 1", len(lines))
			}
			for name, want := range tt.want {
				if got := lines[0][name]; got != want {
					t.Errorf("%s = %v, want %v", name, got, want)
				}
			}
			for _, name := range []string{"took_ms", "bytes"} {
				if lines[0][name] == nil {
					t.Errorf("%s is missing", name)
				}
			}
			if queries, _ := lines[0]["queries"].(float64); tt.want["status"] == 200.0 && queries == 0 {
				t.Error("queries = 0, want those that read the seats")
			}
		})
	}
	for _, private := range []string{"limit=1", "hidden"} {
		if strings.Contains(s.Log.String(), private) {
			t.Errorf("the log has %q, a part of a URL", private)
		}
	}
}
