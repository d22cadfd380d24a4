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

// client is what somebody writes who has read the public documentation and nothing else.
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
	answer := reply{Status: response.StatusCode, Replayed: response.Header.Get("Idempotency-Replayed") == "true"}
	must(c.t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

type meetingRequest struct {
	ID                string   `json:"id"`
	Status            string   `json:"status"`
	ParticipantEmails []string `json:"participant_emails"`
}

// meeting is send, and the meeting request in the answer, which has the status.
func (c client) meeting(status int, method, path string, body any, headers ...string) (meetingRequest, reply) {
	c.t.Helper()
	answer := c.send(method, path, body, headers...)
	if answer.Status != status {
		c.t.Fatalf("%s %s: %d %+v, want %d", method, path, answer.Status, answer.Error, status)
	}
	var made meetingRequest
	must(c.t, json.Unmarshal(answer.Data, &made))
	return made, answer
}

type jsonObject = map[string]any

// TestAClientOfTheDocumentation: one that was written from it alone works.
func TestAClientOfTheDocumentation(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		c := client{t, s.URL + "/api/v1", s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite, scope.MembersRead)}

		var people []struct{ ID, Email, Role string }
		must(t, json.Unmarshal(c.send("GET", "/workspace_members?email="+url.QueryEscape(handlerstest.AdminEmail), nil).Data, &people))
		if len(people) != 1 || people[0].Role != "admin" {
			t.Fatalf("the member looked up by its address: %+v", people)
		}
		organizer := people[0].Email

		byPerson, _ := c.meeting(202, "POST", "/meeting_requests", jsonObject{
			"organizer_email": organizer,
			"participants":    []jsonObject{{"email": "grace@partner.test", "name": "Grace Hopper", "timezone": "America/New_York"}},
			"context":         jsonObject{"title": "Kick-off", "timeframe": jsonObject{"start": "2026-04-01T09:00:00+02:00", "end": "2026-04-03T18:00:00+02:00"}},
		})
		order := jsonObject{"organizer_email": organizer, "participant_emails": []string{"alan@partner.test"}}
		byAddress, first := c.meeting(202, "POST", "/meeting_requests", order, "Idempotency-Key", "order-4711")
		again, second := c.meeting(202, "POST", "/meeting_requests", order, "Idempotency-Key", "order-4711")
		if first.Replayed || !second.Replayed || again.ID != byAddress.ID {
			t.Errorf("sent again: %+v, replayed %v; the first: %+v", again, second.Replayed, byAddress)
		}
		made := map[string]bool{byPerson.ID: true, byAddress.ID: true}
		for range 10 {
			one, _ := c.meeting(202, "POST", "/meeting_requests", order)
			made[one.ID] = true
		}

		for cursor := ""; ; {
			page := c.send("GET", "/meeting_requests?limit=5&cursor="+url.QueryEscape(cursor), nil)
			var listed []meetingRequest
			must(t, json.Unmarshal(page.Data, &listed))
			for _, one := range listed {
				delete(made, one.ID)
			}
			if page.Meta.NextCursor == nil {
				break
			}
			cursor = *page.Meta.NextCursor
		}
		if len(made) != 0 {
			t.Errorf("the pages lack %v", made)
		}

		path := "/meeting_requests/" + byPerson.ID
		for _, step := range []struct {
			verb, becomes string
			body          any
		}{{"pause", "paused", nil}, {"resume", "active", nil}, {"cancel", "cancelled", jsonObject{"notify": true}}} {
			if now, _ := c.meeting(200, "POST", path+"/"+step.verb, step.body); now.Status != step.becomes {
				t.Errorf("%s: %s, want %s", step.verb, now.Status, step.becomes)
			}
		}
		if refused := c.send("POST", path+"/resume", nil); refused.Status != 422 || refused.Error.Type != "invalid_request" {
			t.Errorf("resumed after the end: %+v", refused)
		}
		if shown, _ := c.meeting(200, "GET", path, nil); shown.Status != "cancelled" || len(shown.ParticipantEmails) != 1 {
			t.Errorf("at the end: %+v", shown)
		}
	})
}
