package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// provoke contains requests that cause the error examples of the document, by the names of response
// and example.
var provoke = map[string]func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response{
	"BadRequest body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "POST", "/api_keys", `{"name":"CI"`)
	},
	"BadRequest query": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "GET", "/me?limit=%zz", "")
	},
	"Unauthorized key": func(t *testing.T, s *handlerstest.Server, _ string) handlerstest.Response {
		return s.Call(t, "", "GET", "/me", "")
	},
	"Forbidden scope": func(t *testing.T, s *handlerstest.Server, _ string) handlerstest.Response {
		return s.Call(t, s.Key(t), "GET", "/seats", "")
	},
	"Forbidden address": func(t *testing.T, s *handlerstest.Server, _ string) handlerstest.Response {
		_, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{
			Name: "CI", Allowlist: models.Allowlist{Mode: models.AllowlistEnforce, Networks: "203.0.113.7/32"},
		})
		must(t, err)
		return s.Call(t, secret.Reveal(), "GET", "/me", "")
	},
	"NotFound id": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "GET", "/meeting_requests/mr_none", "")
	},
	"InFlight running": func(t *testing.T, s *handlerstest.Server, key string) (second handlerstest.Response) {
		var me struct{ Data struct{ ID string } }
		s.Call(t, key, "GET", "/me", "").JSON(t, &me)
		request := models.IdempotentRequest{APIKeyID: me.Data.ID, Key: "order-4711", Fingerprint: []byte("1")}
		_, err := s.Once(t.Context(), request, func(*models.Store) (models.IdempotentResponse, error) {
			second = callIdempotent(t, s, key, "order-4711", "/api_keys", `{"name":"CI"}`)
			return models.IdempotentResponse{Status: 201, Body: []byte("{}")}, nil
		})
		must(t, err)
		return second
	},
	"TooLarge body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "POST", "/api_keys", `{"name":"`+strings.Repeat("x", 64<<10)+`"}`)
	},
	"NotJSON body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return callWith(t, s, key, "POST", "/api_keys", "name=CI", "Content-Type", "application/x-www-form-urlencoded")
	},
	"NotJSON compressed": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return callWith(t, s, key, "POST", "/api_keys", "...", "Content-Type", "application/json", "Content-Encoding", "gzip")
	},
	"Unprocessable parameter": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "GET", "/workspace_members?emial=ada@acme.test", "")
	},
	"Unprocessable value": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "POST", "/meeting_requests", `{"organizer_emial":"ada@acme.test"}`)
	},
	"Unprocessable limit": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		return s.Call(t, key, "GET", "/seats?limit=0", "")
	},
	"Unprocessable state": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		path := "/meeting_requests/" + createMeetingRequest(t, s, key)["id"].(string)
		s.Want(t, http.StatusOK, key, "POST", path+"/cancel", "")
		return s.Call(t, key, "POST", path+"/pause", "")
	},
	"Unprocessable reused_key": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		callIdempotent(t, s, key, "order-4711", "/api_keys", `{"name":"CI"}`)
		return callIdempotent(t, s, key, "order-4711", "/api_keys", `{"name":"CD"}`)
	},
	"RateLimited key": func(t *testing.T, _ *handlerstest.Server, _ string) handlerstest.Response {
		s := limited(t)
		key := s.Key(t)
		for range 3 {
			s.Want(t, http.StatusOK, key, "GET", "/me", "")
		}
		s.Clock.Advance(48 * time.Second) // 12 seconds before the limit resets
		return s.Call(t, key, "GET", "/me", "")
	},
	"InternalError broken": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		s.Exec(t, "ALTER TABLE seats RENAME TO seats_away")
		return s.Call(t, key, "GET", "/seats", "")
	},
	"Unavailable database": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Response {
		must(t, s.Close())
		return s.Call(t, key, "GET", "/me", "")
	},
}

func TestErrorExamplesMatchResponses(t *testing.T) {
	for name, response := range document(t).Components.Responses {
		for example, shown := range response.Value.Content["application/json"].Examples {
			t.Run(name+" "+example, func(t *testing.T) {
				send, known := provoke[name+" "+example]
				if !known {
					t.Fatal("provoke has no request for this example")
				}
				s := handlerstest.New(t)
				response := send(t, s, s.Key(t, scope.All.Scopes()...))
				var want, got any
				must(t, json.Unmarshal([]byte(jsonOf(t, shown.Value.Value)), &want))
				response.JSON(t, &got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("response (-document +got):\n%s", diff)
				}
			})
		}
	}
}
