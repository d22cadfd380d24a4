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

// callOnce sends a request under an Idempotency-Key.
func callOnce(t testing.TB, s *handlerstest.Server, key, name, path, body string) handlerstest.Answer {
	t.Helper()
	request := s.Request(t, http.MethodPost, "/api/v1"+path, body)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", name)
	return handlerstest.Send(t, http.DefaultClient, request)
}

// TestEveryCreationIsDoneOnce: sent again it answers the same, but for what must not be kept.
func TestEveryCreationIsDoneOnce(t *testing.T) {
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
			first := callOnce(t, s, key, name, path, body)
			again := callOnce(t, s, key, strings.Trim(name, `"`), path, body) // the quotes are not part of it
			var made, replayed one
			first.JSON(t, &made)
			again.JSON(t, &replayed)
			if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" ||
				again.Status != first.Status || made.Data["id"] == nil || replayed.Data["id"] != made.Data["id"] {
				t.Errorf("%s: first %d %s, again %d %s", path, first.Status, first.Body, again.Status, again.Body)
			}
			for _, secret := range []string{"key", "secret"} {
				if _, shown := replayed.Data[secret]; shown {
					t.Errorf("%s: the %s is answered again", path, secret)
				}
			}
			checkRefusal(t, callOnce(t, s, key, name, path, body+" "), 422, "invalid_request", "used with a different request")
			other := s.Key(t, scope.All.Scopes()...)
			if theirs := callOnce(t, s, other, name, path, body); theirs.Header.Get("Idempotency-Replayed") != "" {
				t.Errorf("%s: another key gets the answer: %s", path, theirs.Body)
			}
		}
	})
}

func TestIdempotencyKeyIsChecked(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.APIKeysWrite)
	for name, good := range map[string]bool{
		"a": true, strings.Repeat("x", 255): true, `"quoted"`: true, "~!": true,
		strings.Repeat("x", 256): false, "": false, `""`: false, `"open`: false, "two words": false, "é": false,
	} {
		before := keysIn(t, s, s.Workspace.ID)
		answer := callOnce(t, s, key, name, "/api_keys", `{"name":"CI"}`)
		if made := keysIn(t, s, s.Workspace.ID) - before; (made == 1) != good || (answer.Status == http.StatusCreated) != good {
			t.Errorf("%.20q: %d %s, %d made", name, answer.Status, answer.Body, made)
		}
	}
}

// TestFiftyIdenticalRequestsMakeOneThing, sent at once to two nodes.
func TestFiftyIdenticalRequestsMakeOneThing(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		nodes := []*handlerstest.Server{s, s.AnotherNode(t)}
		key := s.Key(t, scope.MeetingRequestsWrite, scope.MeetingRequestsRead)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				answer := callOnce(t, nodes[i%2], key, "one", "/meeting_requests", `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`)
				if answer.Status != http.StatusAccepted && answer.Status != http.StatusConflict {
					t.Errorf("%d %s", answer.Status, answer.Body)
				}
			})
		}
		all.Wait()
		page, err := s.MeetingRequests(t.Context(), s.Workspace.ID, models.MeetingRequestFilter{}, models.Page{})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("%d meeting requests, %v", len(page.Items), err)
		}
		if again := callOnce(t, s, key, "one", "/meeting_requests", `{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`); again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("afterwards: %d %s", again.Status, again.Body)
		}
	})
}

// TestAKeyMayDeleteItself, and is refused from then on.
func TestAKeyMayDeleteItself(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.APIKeysWrite)
		var me one
		s.Want(t, http.StatusOK, key, "GET", "/me", "").JSON(t, &me)
		s.Want(t, http.StatusNoContent, key, "DELETE", "/api_keys/"+me.Data["id"].(string), "")
		checkRefused(t, s.Call(t, key, "GET", "/me", ""), invalidToken)
	})
}
