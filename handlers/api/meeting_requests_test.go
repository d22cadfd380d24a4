package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

func TestCreateMeetingRequest(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.MeetingRequestsWrite)
		var got objectBody
		response := s.Call(t, key, "POST", "/meeting_requests", `{
			"organizer_email": "Ada@ACME.test", "organizer_timezone": "Europe/Berlin",
			"participants": [{"email": "grace@partner.test", "name": "Grace", "timezone": "America/New_York"}, {"email": "alan@partner.test"}],
			"include_introduction": true,
			"context": {"title": "Kickoff", "purpose": "Meet", "description": "First line\nsecond line", "duration_minutes": 45,
				"timeframe": {"start": "2026-04-01T09:00:00+02:00", "end": "2026-04-03T18:00:00+02:00"}}}`)
		checkStatus(t, response, http.StatusAccepted)
		response.JSON(t, &got)
		id, _ := got.Data["id"].(string)
		want := map[string]any{
			"id": id, "organizer_email": "ada@acme.test", "participant_emails": []any{"grace@partner.test", "alan@partner.test"},
			"status": "active", "title": "Kickoff", "purpose": "Meet", "description": "First line\nsecond line",
			"include_introduction": true, "duration_minutes": 45.0,
			"timeframe":  map[string]any{"start": "2026-04-01T07:00:00Z", "end": "2026-04-03T16:00:00Z"},
			"created_at": "2026-03-14T09:26:53Z", "updated_at": "2026-03-14T09:26:53Z",
			"booked_at": nil, "cancelled_at": nil, "paused_at": nil,
		}
		if !strings.HasPrefix(id, "mr_") {
			t.Errorf("id = %q, want prefix mr_", id)
		}
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("meeting request (-want +got):\n%s", diff)
		}
		var listed listBody
		s.Call(t, s.Key(t, scope.MeetingRequestsRead), "GET", "/meeting_requests", "").JSON(t, &listed)
		if diff := cmp.Diff([]map[string]any{want}, listed.Data); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
	})
}

func TestMeetingRequestFieldsDefaultToNull(t *testing.T) {
	s := handlerstest.New(t)
	var got objectBody
	s.Call(t, s.Key(t, scope.MeetingRequestsWrite), "POST", "/meeting_requests",
		`{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]}`).JSON(t, &got)
	for _, field := range []string{"title", "purpose", "description", "duration_minutes", "timeframe", "booked_at"} {
		if value, present := got.Data[field]; !present || value != nil {
			t.Errorf("%s = %v (present: %t), want null", field, value, present)
		}
	}
}

// TestCreateMeetingRequestErrors checks that errors name the field as it was sent, and that nothing is
// created.
func TestCreateMeetingRequestErrors(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.MeetingRequestsWrite, scope.MeetingRequestsRead)
	people := `"organizer_email":"ada@acme.test","participant_emails":["p@x.test"]`
	tests := []struct{ name, body, errorType, message string }{
		{"empty object", `{}`, "validation_error", "organizer_email"},
		{"organizer who is not a member", `{"organizer_email":"eve@x.test","participant_emails":["p@x.test"]}`, "validation_error", "organizer_email"},
		{"no participants", `{"organizer_email":"ada@acme.test"}`, "validation_error", "participant"},
		{"both lists of participants", `{` + people + `,"participants":[{"email":"q@x.test"}]}`, "invalid_request", "participants"},
		{"invalid email", `{"organizer_email":"ada@acme.test","participants":[{"email":"p@x.test"},{"email":"nope"}]}`, "validation_error", "participants[1].email"},
		{"misspelled nested field", `{"organizer_email":"ada@acme.test","participants":[{"mail":"p@x.test"}]}`, "validation_error", `Unknown field \"participants[0].mail\"`},
		{"unknown time zone", `{` + people + `,"organizer_timezone":"Mars/Base"}`, "validation_error", "organizer_timezone"},
		{"time without a zone", `{` + people + `,"context":{"timeframe":{"start":"2026-04-01T09:00:00"}}}`, "validation_error", "context.timeframe.start"},
		{"empty time", `{` + people + `,"context":{"timeframe":{"end":""}}}`, "validation_error", "context.timeframe.end"},
		{"end before start", `{` + people + `,"context":{"timeframe":{"start":"2026-04-02T09:00:00Z","end":"2026-04-01T09:00:00Z"}}}`, "validation_error", "context.timeframe.end"},
		{"half a minute", `{` + people + `,"context":{"duration_minutes":0.5}}`, "validation_error", "context.duration_minutes must be a whole number"},
		{"NUL", `{` + people + `,"context":{"description":"a\u0000"}}`, "validation_error", "context.description"},
		{"too long", `{` + people + `,"context":{"description":"` + strings.Repeat("x", 5001) + `"}}`, "validation_error", "context.description"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkError(t, s.Call(t, key, "POST", "/meeting_requests", tt.body), http.StatusUnprocessableEntity, tt.errorType, tt.message)
		})
	}
	var listed listBody
	s.Call(t, key, "GET", "/meeting_requests", "").JSON(t, &listed)
	if len(listed.Data) != 0 {
		t.Errorf("created %v, want none", listed.Data)
	}
}

func TestListMeetingRequests(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.MeetingRequestsWrite, scope.MeetingRequestsRead)
		for i := range 7 {
			body := fmt.Sprintf(`{"organizer_email":"ada@acme.test","participant_emails":["p%d@x.test","all@x.test"]}`, i)
			s.Want(t, http.StatusAccepted, key, "POST", "/meeting_requests", body)
			s.Clock.Advance(time.Minute)
		}
		foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
		tests := []struct {
			key, query string
			status     int
			rows       int
		}{
			{key, "", 200, 7},
			{key, "?limit=3", 200, 3},
			{key, "?participant_email=P3@x.test", 200, 1},
			{key, "?participant_email=all@x.test&status=active", 200, 7},
			{key, "?status=paused", 200, 0},
			{key, "?organizer_email=ada@acme.test", 200, 7},
			{key, "?created_after=2026-03-14T09:28:53Z&created_before=2026-03-14T09:30:53Z", 200, 3},
			{key, "?created_after=" + url.QueryEscape("2026-03-14T11:28:53+02:00"), 200, 5},
			{key, "?status=done", 422, 0},
			{key, "?participant_email=nope", 422, 0},
			{key, "?created_after=yesterday", 422, 0},
			{s.KeyOf(t, foreign.ID, scope.MeetingRequestsRead), "", 200, 0},
		}
		for _, tt := range tests {
			var got listBody
			response := s.Call(t, tt.key, "GET", "/meeting_requests"+tt.query, "")
			response.JSON(t, &got)
			if response.Status != tt.status {
				t.Errorf("%s: status = %d, want %d\n%s", tt.query, response.Status, tt.status, response.Body)
			}
			if len(got.Data) != tt.rows {
				t.Errorf("%s: %d meeting requests, want %d", tt.query, len(got.Data), tt.rows)
			}
		}
	})
}
