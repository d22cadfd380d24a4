package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// thingsOf makes one of each thing in a workspace, and returns their ids by the first part of
// their path.
func thingsOf(t *testing.T, s *handlerstest.Server, workspace *models.Workspace, admin *models.Member) map[string]string {
	t.Helper()
	seat, err := s.AssignSeat(t.Context(), workspace.ID, admin.ID)
	if err != nil {
		t.Fatal(err)
	}
	meeting, err := s.CreateMeetingRequest(t.Context(), workspace.ID, models.NewMeetingRequest{
		OrganizerEmail: admin.User.Email, ParticipantEmails: []string{"p@x.test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, _, err := s.CreateWebhookEndpoint(t.Context(), workspace.ID, models.NewWebhookEndpoint{
		URL: "https://hooks.example.com/skipup", Events: []string{"seat.assigned"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"webhook_endpoints": endpoint.ID,
		"meeting_requests":  meeting.ID, "workspace_members": admin.ID, "seats": seat.ID,
		"api_keys": s.NamedKey(t, workspace.ID, "Key").ID,
	}
}

// addressAmong is the path of a route about one of things.
func addressAmong(t *testing.T, route api.Route, things map[string]string) string {
	t.Helper()
	if !strings.Contains(route.Path, ":") {
		return route.Path
	}
	resource := strings.Split(route.Path, "/")[1]
	id, made := things[resource]
	if !made {
		t.Fatalf("thingsOf makes nothing for %s: add one of %s to it", route.Name(), resource)
	}
	parts := strings.Split(strings.Replace(route.Path, ":id", id, 1), "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = "none"
		}
	}
	return strings.Join(parts, "/")
}

// TestEveryScopeAgainstEveryRoute tries each of the 1,024 sets of scopes on each route: it opens
// exactly to the sets that hold its scope, to what is in the key's own workspace, and to nothing
// of another.
func TestEveryScopeAgainstEveryRoute(t *testing.T) {
	s := handlerstest.New(t)
	foreign, rival := s.NewWorkspace(t, "Rival", "rival@rival.test")
	ours, theirs := thingsOf(t, s, s.Workspace, s.Admin), thingsOf(t, s, foreign, rival)
	before := linesWith(s.Dump(t), foreign.ID)
	bodies := exampleBodies(t)
	for mask := range scope.All + 1 {
		key := s.Key(t, mask.Scopes()...)
		for _, route := range routesOf(s) {
			opens := route.Scope == nil || mask.Has(*route.Scope)
			checkTheirs(t, s, route, key, opens, bodies[route.Name()], theirs)
			if route.Method == http.MethodGet {
				checkOurs(t, s, route, key, opens, ours)
			}
			if t.Failed() {
				t.Fatalf("with a key for %q", mask)
			}
		}
	}
	if after := linesWith(s.Dump(t), foreign.ID); after != before {
		t.Errorf("something has changed in the other workspace:\n%s\n%s", before, after)
	}
}

// direct is Call without a connection, for very many calls.
func direct(s *handlerstest.Server, key, method, path, body string) handlerstest.Answer {
	request := httptest.NewRequest(method, api.Base+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer := httptest.NewRecorder()
	s.Handler.ServeHTTP(answer, request)
	return handlerstest.Answer{Status: answer.Code, Header: answer.Header(), Body: answer.Body.String()}
}

// exampleBodies are the good bodies that the document has, by the names of the routes.
func exampleBodies(t *testing.T) map[string]string {
	t.Helper()
	bodies := map[string]string{}
	for name, operation := range operationsOf(document(t)) {
		if operation.RequestBody == nil {
			continue
		}
		if example := operation.RequestBody.Content.GetOrZero("application/json").Example; example != nil {
			bodies[name] = jsonOf(t, example)
		}
	}
	return bodies
}

func linesWith(text, word string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// checkTheirs sends a good request about a thing of another workspace, which is not found; what
// is about no thing gets a body that makes nothing, and shows nothing of it.
func checkTheirs(t *testing.T, s *handlerstest.Server, route api.Route, key string, opens bool, body string, theirs map[string]string) {
	t.Helper()
	one := strings.Contains(route.Path, ":")
	if !one && takesBody(route) {
		body = `{"no such member":1}`
	}
	answer := direct(s, key, route.Method, addressAmong(t, route, theirs), body)
	switch {
	case !opens:
		checkNoScope(t, route, answer)
	case one && answer.Status != http.StatusNotFound, !one && takesBody(route) && answer.Status != http.StatusUnprocessableEntity,
		!one && !takesBody(route) && answer.Status != http.StatusOK:
		t.Errorf("%s of another workspace: %d %s", route.Name(), answer.Status, answer.Body)
	}
	for _, id := range theirs {
		if strings.Contains(answer.Body, id) {
			t.Errorf("%s shows what is another workspace's: %s", route.Name(), answer.Body)
		}
	}
}

// checkOurs reads a thing of the key's own workspace, with GET and with HEAD.
func checkOurs(t *testing.T, s *handlerstest.Server, route api.Route, key string, opens bool, ours map[string]string) {
	t.Helper()
	address := addressAmong(t, route, ours)
	answer := direct(s, key, http.MethodGet, address, "")
	if !opens {
		checkNoScope(t, route, answer)
	} else if answer.Status != http.StatusOK && !strings.HasSuffix(address, "/none") {
		t.Errorf("%s: %d %s", route.Name(), answer.Status, answer.Body)
	}
	if head := direct(s, key, http.MethodHead, address, ""); head.Status != answer.Status { // a server leaves out its body
		t.Errorf("HEAD of %s: %d, GET: %d", route.Name(), head.Status, answer.Status)
	}
}

func checkNoScope(t *testing.T, route api.Route, answer handlerstest.Answer) {
	t.Helper()
	challenge := `Bearer realm="SkipUp API", error="insufficient_scope", scope="` + route.ScopeWord() + `"`
	if answer.Status != http.StatusForbidden || answer.Body != noScopeBody || answer.Header.Get("WWW-Authenticate") != challenge {
		t.Errorf("%s: %d %s %q", route.Name(), answer.Status, answer.Body, answer.Header.Get("WWW-Authenticate"))
	}
}
