package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// callIdempotent sends a request with an Idempotency-Key.
func callIdempotent(t testing.TB, s *handlerstest.Server, key, name, path, body string) handlerstest.Response {
	t.Helper()
	request := s.Request(t, http.MethodPost, "/api/v1"+path, body)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", name)
	return handlerstest.Send(t, http.DefaultClient, request)
}

// TestCreateRequestsAreIdempotent checks that a repeated request returns the same response without
// its secrets.
func TestCreateRequestsAreIdempotent(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.All.Scopes()...)
		bodies := map[string]string{
			"/meeting_requests":  `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`,
			"/workspace_members": `{"email":"grace@acme.test"}`,
			"/api_keys":          `{"name":"CI","scopes":["seats.read"]}`,
			"/webhook_endpoints": hookBody,
			"/seats":             `{"member_id":"` + s.Admin.ID + `"}`,
		}
		for path, body := range bodies {
			name := `"once` + path + `"`
			first := callIdempotent(t, s, key, name, path, body)
			again := callIdempotent(t, s, key, strings.Trim(name, `"`), path, body) // the quotes are not part of the key
			var created, replayed objectBody
			first.JSON(t, &created)
			again.JSON(t, &replayed)
			if got := first.Header.Get("Idempotency-Replayed"); got != "" {
				t.Errorf("%s: Idempotency-Replayed of the first response = %q, want none", path, got)
			}
			if got := again.Header.Get("Idempotency-Replayed"); got != "true" {
				t.Errorf("%s: Idempotency-Replayed of the second response = %q, want true", path, got)
			}
			checkStatus(t, again, first.Status)
			if created.Data["id"] == nil {
				t.Errorf("%s: the response has no id: %s", path, first.Body)
			}
			if got, want := replayed.Data["id"], created.Data["id"]; got != want {
				t.Errorf("%s: id of the second response = %v, want %v", path, got, want)
			}
			for _, secret := range []string{"key", "secret"} {
				if _, shown := replayed.Data[secret]; shown {
					t.Errorf("%s: the second response contains the %s", path, secret)
				}
			}
			checkError(t, callIdempotent(t, s, key, name, path, body+" "), 422, "invalid_request", "used with a different request")
			other := s.Key(t, scope.All.Scopes()...)
			if got := callIdempotent(t, s, other, name, path, body); got.Header.Get("Idempotency-Replayed") != "" {
				t.Errorf("%s: another API key got the stored response: %s", path, got.Body)
			}
		}
	})
}

func TestIdempotencyKeyIsValidated(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.APIKeysWrite)
	for name, valid := range map[string]bool{
		"a": true, strings.Repeat("x", 255): true, `"quoted"`: true, "~!": true,
		strings.Repeat("x", 256): false, "": false, `""`: false, `"open`: false, "two words": false, "é": false,
	} {
		before := keysIn(t, s, s.Workspace.ID)
		response := callIdempotent(t, s, key, name, "/api_keys", `{"name":"CI"}`)
		created := keysIn(t, s, s.Workspace.ID) - before
		if got := created == 1; got != valid {
			t.Errorf("%.20q: created %d keys, want one: %t", name, created, valid)
		}
		if got := response.Status == http.StatusCreated; got != valid {
			t.Errorf("%.20q: status = %d, want 201: %t\n%s", name, response.Status, valid, response.Body)
		}
	}
}

// TestConcurrentIdempotentRequests checks that 50 identical requests to two nodes create one object.
func TestConcurrentIdempotentRequests(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		nodes := []*handlerstest.Server{s, s.AnotherNode(t)}
		key := s.Key(t, scope.MeetingRequestsWrite, scope.MeetingRequestsRead)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				response := callIdempotent(t, nodes[i%2], key, "one", "/meeting_requests", `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`)
				if response.Status != http.StatusAccepted && response.Status != http.StatusConflict {
					t.Errorf("status = %d, want 202 or 409\n%s", response.Status, response.Body)
				}
			})
		}
		all.Wait()
		page, err := s.MeetingRequests(t.Context(), s.Workspace.ID, models.MeetingRequestFilter{}, models.Page{})
		must(t, err)
		if got := len(page.Items); got != 1 {
			t.Errorf("created %d meeting requests, want 1", got)
		}
		if again := callIdempotent(t, s, key, "one", "/meeting_requests", `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`); again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("later request is not replayed: status = %d\n%s", again.Status, again.Body)
		}
	})
}

func TestKeyCanDeleteItself(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.APIKeysWrite)
		var me objectBody
		s.Want(t, http.StatusOK, key, "GET", "/me", "").JSON(t, &me)
		s.Want(t, http.StatusNoContent, key, "DELETE", "/api_keys/"+me.Data["id"].(string), "")
		checkUnauthorized(t, s.Call(t, key, "GET", "/me", ""), invalidToken)
	})
}
