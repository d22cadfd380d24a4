package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// createMeetingRequest creates a meeting request and returns the data of the response.
func createMeetingRequest(t *testing.T, s *handlerstest.Server, key string) map[string]any {
	t.Helper()
	var created objectBody
	s.Want(t, http.StatusAccepted, key, "POST", "/meeting_requests",
		`{"organizer_email":"ada@acme.test","participant_emails":["p@x.test"],"context":{"title":"Kickoff","duration_minutes":30}}`).JSON(t, &created)
	return created.Data
}

func TestMeetingRequestLifecycle(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key := s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
		want := createMeetingRequest(t, s, key)
		url := "/meeting_requests/" + want["id"].(string)
		check := func(method, path, body string, changes map[string]any) {
			t.Helper()
			for field, value := range changes {
				want[field] = value
			}
			var got objectBody
			s.Want(t, http.StatusOK, key, method, url+path, body).JSON(t, &got)
			if diff := cmp.Diff(want, got.Data); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", method, path, diff)
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

		for path, message := range map[string]string{"/pause": "cancelled, so it can't be paused", "/resume": "cancelled, so it can't be resumed", "/cancel": "already cancelled"} {
			checkError(t, s.Call(t, key, "POST", url+path, ""), 422, "invalid_request", "This meeting request is "+message)
		}
		checkError(t, s.Call(t, key, "PATCH", url, "{}"), 422, "invalid_request", "This meeting request is cancelled")
		checkError(t, s.Call(t, key, "POST", url+"/change_organizer", `{"organizer_email":"ada@acme.test"}`), 422, "invalid_request", "cancelled")
	})
}

func TestMeetingRequestChangeErrors(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
	url := "/meeting_requests/" + createMeetingRequest(t, s, key)["id"].(string)
	foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
	theirs := s.KeyOf(t, foreign.ID, scope.MeetingRequestsRead, scope.MeetingRequestsWrite)
	for _, tt := range []struct {
		key, method, path, body string
		status                  int
		errorType, message      string
	}{
		{theirs, "GET", url, "", 404, "not_found", ""},
		{theirs, "PATCH", url, "{}", 404, "not_found", ""},
		{theirs, "POST", url + "/cancel", "", 404, "not_found", ""},
		{key, "GET", "/meeting_requests/mr_none", "", 404, "not_found", ""},
		{key, "PATCH", url, "", 400, "invalid_request", "body is empty"},
		{key, "PATCH", url, `{"title":"x"}`, 422, "validation_error", `Unknown field \"title\"`},
		{key, "PATCH", url, `{"status":"booked"}`, 422, "validation_error", `Unknown field \"status\"`},
		{key, "PATCH", url, `{"context":{"title":7}}`, 422, "validation_error", "context.title must be a string"},
		{key, "PATCH", url, `{"context":{"title":""}}`, 422, "validation_error", "context.title is required"},
		{key, "PATCH", url, `{"context":{"x":1}}`, 422, "validation_error", `Unknown field \"context.x\"`},
		{key, "PATCH", url, `{"context":{"timeframe":{"start":"soon"}}}`, 422, "validation_error", "context.timeframe.start must be an RFC 3339 time"},
		{key, "PATCH", url, `{"participants":[]}`, 422, "validation_error", "participants must have 1 to 50"},
		{key, "PATCH", url, `{"participant_emails":null}`, 422, "validation_error", "participant_emails"},
		{key, "PATCH", url, `{"participants":[{"email":"a@x.test"}],"participant_emails":["a@x.test"]}`, 422, "invalid_request", "not both"},
		{key, "POST", url + "/resume", "", 422, "invalid_request", "is already active"},
		{key, "POST", url + "/cancel", `{"notify":"yes"}`, 422, "validation_error", "notify must be true or false"},
		{key, "POST", url + "/pause", `{"notify":true}`, 422, "validation_error", `Unknown field \"notify\"`},
		{key, "POST", url + "/change_organizer", `{"organizer_email":"unknown@acme.test"}`, 422, "validation_error", "organizer_email must be the email of an active member"},
		{key, "POST", url + "/change_organizer", `{}`, 422, "validation_error", "organizer_email is required"},
	} {
		t.Run(tt.method+" "+tt.body, func(t *testing.T) {
			checkError(t, s.Call(t, tt.key, tt.method, tt.path, tt.body), tt.status, tt.errorType, tt.message)
		})
	}
}
