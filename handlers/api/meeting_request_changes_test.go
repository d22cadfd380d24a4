package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// aMeeting makes a meeting request and returns it as it was answered.
func aMeeting(t *testing.T, s *handlerstest.Server, key string) map[string]any {
	t.Helper()
	var made one
	s.Want(t, http.StatusAccepted, key, "POST", "/meeting_requests",
		`{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"],"context":{"title":"Kick-off","duration_minutes":30}}`).JSON(t, &made)
	return made.Data
}

func TestMeetingRequestLife(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
		want := aMeeting(t, s, key)
		address := "/meeting_requests/" + want["id"].(string)
		check := func(method, path, body string, changes map[string]any) {
			t.Helper()
			for member, value := range changes {
				want[member] = value
			}
			var got one
			s.Want(t, http.StatusOK, key, method, address+path, body).JSON(t, &got)
			if diff := cmp.Diff(want, got.Data); diff != "" {
				t.Errorf("%s %s: %s", method, path, diff)
			}
		}
		now := "2026-03-14T09:26:53Z"
		check("GET", "", "", nil)
		check("PATCH", "", `{}`, nil)
		check("PATCH", "", `{"context":{"purpose":"Why","title":null},"include_introduction":true}`,
			map[string]any{"purpose": "Why", "title": nil, "include_introduction": true})
		check("PATCH", "", `{"participants":[{"email":"Q@x.test","name":"Q"}],"context":{"timeframe":{"end":"2026-04-01T00:00:00+02:00"}}}`,
			map[string]any{"participant_emails": []any{"q@x.test"}, "timeframe": map[string]any{"start": nil, "end": "2026-03-31T22:00:00Z"}})
		check("PATCH", "", `{"context":{"timeframe":null}}`, map[string]any{"timeframe": nil})
		check("PATCH", "", `{"context":null,"organizer_name":"A."}`, map[string]any{"purpose": nil, "duration_minutes": nil})
		check("POST", "/pause", "", map[string]any{"status": "paused", "paused_at": now})
		check("POST", "/resume", "{}", map[string]any{"status": "active", "paused_at": nil})
		s.AddMember(t, s.Workspace, "bob@acme.test")
		check("POST", "/change_organizer", `{"organizer_email":"Bob@acme.test"}`, map[string]any{"organizer_email": "bob@acme.test"})
		check("POST", "/cancel", `{"notify":true}`, map[string]any{"status": "cancelled", "cancelled_at": now})

		for _, path := range []string{"/pause", "/resume", "/cancel"} {
			checkRefusal(t, s.Call(t, key, "POST", address+path, ""), 422, "invalid_request", "This meeting request is cancelled")
		}
		checkRefusal(t, s.Call(t, key, "PATCH", address, "{}"), 422, "invalid_request", "This meeting request is cancelled")
		checkRefusal(t, s.Call(t, key, "POST", address+"/change_organizer", `{"organizer_email":"ada@acme.test"}`), 422, "invalid_request", "cancelled")
	})
}

func TestMeetingRequestChangeRefusals(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
	address := "/meeting_requests/" + aMeeting(t, s, key)["id"].(string)
	foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
	theirs := s.KeyOf(t, foreign.ID, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
	for _, tt := range []struct {
		key, method, path, body string
		status                  int
		kind, says              string
	}{
		{theirs, "GET", address, "", 404, "not_found", ""},
		{theirs, "PATCH", address, "{}", 404, "not_found", ""},
		{theirs, "POST", address + "/cancel", "", 404, "not_found", ""},
		{key, "GET", "/meeting_requests/mr_none", "", 404, "not_found", ""},
		{key, "PATCH", address, "", 415, "unsupported_media_type", ""},
		{key, "PATCH", address, `{"title":"x"}`, 422, "validation_error", `Unknown field \"title\"`},
		{key, "PATCH", address, `{"status":"booked"}`, 422, "validation_error", `Unknown field \"status\"`},
		{key, "PATCH", address, `{"context":{"title":7}}`, 422, "validation_error", "context.title must be a string"},
		{key, "PATCH", address, `{"context":{"title":""}}`, 422, "validation_error", "context.title is required"},
		{key, "PATCH", address, `{"context":{"x":1}}`, 422, "validation_error", `Unknown field \"context.x\"`},
		{key, "PATCH", address, `{"context":{"timeframe":{"start":"soon"}}}`, 422, "validation_error", "context.timeframe.start must be an RFC 3339 time"},
		{key, "PATCH", address, `{"participants":[]}`, 422, "validation_error", "participants must have 1 to 50"},
		{key, "PATCH", address, `{"participant_emails":null}`, 422, "validation_error", "participant_emails"},
		{key, "PATCH", address, `{"participants":[{"email":"a@x.test"}],"participant_emails":["a@x.test"]}`, 422, "invalid_request", "not both"},
		{key, "POST", address + "/resume", "", 422, "invalid_request", "is active"},
		{key, "POST", address + "/cancel", `{"notify":"yes"}`, 422, "validation_error", "notify must be true or false"},
		{key, "POST", address + "/pause", `{"notify":true}`, 422, "validation_error", `Unknown field \"notify\"`},
		{key, "POST", address + "/change_organizer", `{"organizer_email":"nobody@acme.test"}`, 422, "validation_error", "organizer_email must be the address of an active member"},
		{key, "POST", address + "/change_organizer", `{}`, 422, "validation_error", "organizer_email is required"},
	} {
		checkRefusal(t, s.Call(t, tt.key, tt.method, tt.path, tt.body), tt.status, tt.kind, tt.says)
	}
}
