package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// provoke are requests that are refused as the examples of errors in the document say, by the
// names of response and example.
var provoke = map[string]func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer{
	"BadRequest body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "POST", "/api_keys", `{"name":"CI"`)
	},
	"BadRequest query": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "GET", "/me?limit=%zz", "")
	},
	"Unauthorized key": func(t *testing.T, s *handlerstest.Server, _ string) handlerstest.Answer {
		return s.Call(t, "", "GET", "/me", "")
	},
	"Forbidden scope": func(t *testing.T, s *handlerstest.Server, _ string) handlerstest.Answer {
		return s.Call(t, s.Key(t), "GET", "/seats", "")
	},
	"NotFound id": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "GET", "/meeting_requests/mr_none", "")
	},
	"InFlight running": func(t *testing.T, s *handlerstest.Server, key string) (second handlerstest.Answer) {
		var me struct{ Data struct{ ID string } }
		s.Call(t, key, "GET", "/me", "").JSON(t, &me)
		request := models.IdempotentRequest{APIKeyID: me.Data.ID, Key: "order-4711", Fingerprint: []byte("1")}
		_, err := s.Once(t.Context(), request, func(*models.Store) (models.IdempotentAnswer, error) {
			second = callOnce(t, s, key, "order-4711", "/api_keys", `{"name":"CI"}`)
			return models.IdempotentAnswer{Status: 201, Body: []byte("{}")}, nil
		})
		must(t, err)
		return second
	},
	"TooLarge body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "POST", "/api_keys", `{"name":"`+strings.Repeat("x", 64<<10)+`"}`)
	},
	"NotJSON body": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "POST", "/api_keys", "")
	},
	"Unprocessable value": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "POST", "/meeting_requests", `{"organizer_emial":"ada@acme.test"}`)
	},
	"Unprocessable limit": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		return s.Call(t, key, "GET", "/seats?limit=0", "")
	},
	"Unprocessable state": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		address := "/meeting_requests/" + aMeeting(t, s, key)["id"].(string)
		s.Want(t, http.StatusOK, key, "POST", address+"/cancel", "")
		return s.Call(t, key, "POST", address+"/pause", "")
	},
	"Unprocessable reused_key": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		callOnce(t, s, key, "order-4711", "/api_keys", `{"name":"CI"}`)
		return callOnce(t, s, key, "order-4711", "/api_keys", `{"name":"CD"}`)
	},
	"RateLimited key": func(t *testing.T, _ *handlerstest.Server, _ string) (answer handlerstest.Answer) {
		s := limited(t)
		key := s.Key(t)
		for range 4 {
			answer = s.Call(t, key, "GET", "/me", "")
		}
		return answer
	},
	"InternalError broken": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		s.Exec(t, "ALTER TABLE seats RENAME TO seats_away")
		return s.Call(t, key, "GET", "/seats", "")
	},
	"Unavailable database": func(t *testing.T, s *handlerstest.Server, key string) handlerstest.Answer {
		must(t, s.Close())
		return s.Call(t, key, "GET", "/me", "")
	},
}

// TestErrorExamplesAreReallyAnswered, to the letter.
func TestErrorExamplesAreReallyAnswered(t *testing.T) {
	for name, response := range document(t).Components.Responses.FromOldest() {
		for example, shown := range response.Content.GetOrZero("application/json").Examples.FromOldest() {
			t.Run(name+" "+example, func(t *testing.T) {
				ask, known := provoke[name+" "+example]
				if !known {
					t.Fatal("provoke does not say which request is refused like this")
				}
				s := handlerstest.New(t)
				answer := ask(t, s, s.Key(t, scope.All.Scopes()...))
				var want, got any
				must(t, json.Unmarshal([]byte(jsonOf(t, shown.Value)), &want))
				answer.JSON(t, &got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-document +answer): %s", diff)
				}
			})
		}
	}
}
