package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// client is a client that relies only on the public documentation.
type client struct {
	t         *testing.T
	base, key string
}

type reply struct {
	Status   int
	Replayed bool
	Data     json.RawMessage
	Meta     struct {
		NextCursor *string `json:"next_cursor"`
	}
	Error struct{ Type, Message string }
}

func (c client) send(method, path string, body any, headers ...string) reply {
	c.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		must(c.t, err)
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.base+path, sent)
	must(c.t, err)
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	must(c.t, err)
	defer response.Body.Close()
	result := reply{Status: response.StatusCode, Replayed: response.Header.Get("Idempotency-Replayed") == "true"}
	must(c.t, json.NewDecoder(response.Body).Decode(&result))
	return result
}

type meetingRequest struct {
	ID                string   `json:"id"`
	Status            string   `json:"status"`
	ParticipantEmails []string `json:"participant_emails"`
}

// meeting calls send, checks the status, and returns the meeting request in the response.
func (c client) meeting(status int, method, path string, body any, headers ...string) (meetingRequest, reply) {
	c.t.Helper()
	response := c.send(method, path, body, headers...)
	if response.Status != status {
		c.t.Fatalf("%s %s: status = %d, want %d: %+v", method, path, response.Status, status, response.Error)
	}
	var created meetingRequest
	must(c.t, json.Unmarshal(response.Data, &created))
	return created, response
}

type jsonObject = map[string]any

// TestDocumentedClient checks that a client written only from the documentation works.
func TestDocumentedClient(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		c := client{t, s.URL + "/api/v1", s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite, scope.MembersRead)}

		var people []struct{ ID, Email, Role string }
		must(t, json.Unmarshal(c.send("GET", "/workspace_members?email="+url.QueryEscape(handlerstest.AdminEmail), nil).Data, &people))
		if len(people) != 1 || people[0].Role != "admin" {
			t.Fatalf("members with the admin's email = %+v, want one admin", people)
		}
		organizer := people[0].Email

		byPerson, _ := c.meeting(202, "POST", "/meeting_requests", jsonObject{
			"organizer_email": organizer,
			"participants":    []jsonObject{{"email": "grace@partner.test", "name": "Grace Hopper", "timezone": "America/New_York"}},
			"context":         jsonObject{"title": "Kickoff", "timeframe": jsonObject{"start": "2026-04-01T09:00:00+02:00", "end": "2026-04-03T18:00:00+02:00"}},
		})
		order := jsonObject{"organizer_email": organizer, "participant_emails": []string{"alan@partner.test"}}
		byEmail, first := c.meeting(202, "POST", "/meeting_requests", order, "Idempotency-Key", "order-4711")
		again, second := c.meeting(202, "POST", "/meeting_requests", order, "Idempotency-Key", "order-4711")
		if first.Replayed {
			t.Error("the first response is marked as replayed")
		}
		if !second.Replayed {
			t.Error("the second response is not marked as replayed")
		}
		if again.ID != byEmail.ID {
			t.Errorf("repeated request returned %s, want %s", again.ID, byEmail.ID)
		}
		created := map[string]bool{byPerson.ID: true, byEmail.ID: true}
		for range 10 {
			one, _ := c.meeting(202, "POST", "/meeting_requests", order)
			created[one.ID] = true
		}

		for cursor := ""; ; {
			page := c.send("GET", "/meeting_requests?limit=5&cursor="+url.QueryEscape(cursor), nil)
			var listed []meetingRequest
			must(t, json.Unmarshal(page.Data, &listed))
			for _, one := range listed {
				delete(created, one.ID)
			}
			if page.Meta.NextCursor == nil {
				break
			}
			cursor = *page.Meta.NextCursor
		}
		if len(created) != 0 {
			t.Errorf("not listed: %v", created)
		}

		path := "/meeting_requests/" + byPerson.ID
		for _, step := range []struct {
			verb, becomes string
			body          any
		}{{"pause", "paused", nil}, {"resume", "active", nil}, {"cancel", "cancelled", jsonObject{"notify": true}}} {
			if now, _ := c.meeting(200, "POST", path+"/"+step.verb, step.body); now.Status != step.becomes {
				t.Errorf("status after %s = %s, want %s", step.verb, now.Status, step.becomes)
			}
		}
		rejected := c.send("POST", path+"/resume", nil)
		if rejected.Status != 422 {
			t.Errorf("resume a cancelled request: status = %d, want 422", rejected.Status)
		}
		if got, want := rejected.Error.Type, "invalid_request"; got != want {
			t.Errorf("resume a cancelled request: error type = %q, want %q", got, want)
		}
		shown, _ := c.meeting(200, "GET", path, nil)
		if shown.Status != "cancelled" {
			t.Errorf("status = %q, want cancelled", shown.Status)
		}
		if got := len(shown.ParticipantEmails); got != 1 {
			t.Errorf("participants = %d, want 1", got)
		}
	})
}
