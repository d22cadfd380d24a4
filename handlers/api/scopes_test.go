package api_test

import (
	"math/bits"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// createObjects creates one object of each kind in a workspace, and returns their IDs by the first
// segment of their path.
func createObjects(t *testing.T, s *handlerstest.Server, workspace *models.Workspace, admin *models.Member) map[string]string {
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

// pathAmong returns the path of a route for one of the objects.
func pathAmong(t *testing.T, route api.Route, objects map[string]string) string {
	t.Helper()
	if !strings.Contains(route.Path, ":") {
		return route.Path
	}
	resource := strings.Split(route.Path, "/")[1]
	id, found := objects[resource]
	if !found {
		t.Fatalf("createObjects creates nothing for %s: add one of %s", route.Name(), resource)
	}
	parts := strings.Split(strings.Replace(route.Path, ":id", id, 1), "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = "none"
		}
	}
	return strings.Join(parts, "/")
}

// TestEveryScopeAgainstEveryRoute tries sets of scopes on each route: those of up to two scopes, and those that
// lack up to one. A key can call exactly the routes whose scope it has, and can't access another workspace.
func TestEveryScopeAgainstEveryRoute(t *testing.T) {
	s := handlerstest.New(t)
	foreign, rival := s.NewWorkspace(t, "Rival", "rival@rival.test")
	ours, theirs := createObjects(t, s, s.Workspace, s.Admin), createObjects(t, s, foreign, rival)
	before := linesWith(s.Store.Dump(t), foreign.ID)
	bodies := exampleBodies(t)
	for set := range uint64(1) << scope.All.Len() {
		if size := bits.OnesCount64(set); size > 2 && size < scope.All.Len()-1 {
			continue
		}
		mask := scope.Set{set, 0}
		key := s.Key(t, mask.Scopes()...)
		for _, route := range routesOf(s) {
			if route.Name() == "DELETE /me" { // has its own test, because it deletes the key
				continue
			}
			missing := route.Scopes.Without(mask)
			checkForeign(t, s, route, key, missing, bodies[route.Name()], theirs)
			if route.Method == http.MethodGet {
				checkOwn(t, s, route, key, missing, ours)
			}
			if t.Failed() {
				t.Fatalf("with a key for %q", mask)
			}
		}
		s.Exec(t, "UPDATE api_keys SET deleted_at = created_at WHERE name <> 'Key'") // deleted keys don't count toward the limit
	}
	if after := linesWith(s.Store.Dump(t), foreign.ID); after != before {
		t.Errorf("the other workspace changed:\nbefore: %s\nafter: %s", before, after)
	}
}

// direct sends a request like Call, but without a connection.
func direct(s *handlerstest.Server, key, method, path, body string) handlerstest.Response {
	request := httptest.NewRequest(method, api.Base+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response := httptest.NewRecorder()
	s.Handler.ServeHTTP(response, request)
	return handlerstest.Response{Status: response.Code, Header: response.Header(), Body: response.Body.String()}
}

// exampleBodies returns the example bodies of the document by the names of the routes.
func exampleBodies(t *testing.T) map[string]string {
	t.Helper()
	bodies := map[string]string{}
	for name, operation := range operationsOf(document(t)) {
		if operation.RequestBody == nil {
			continue
		}
		if example := operation.RequestBody.Value.Content["application/json"].Example; example != nil {
			bodies[name] = jsonOf(t, example)
		}
	}
	return bodies
}

func linesWith(text, part string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// checkForeign checks that a valid request for an object of another workspace returns 404, and that
// no response contains such an object. Requests that would create something get an invalid body.
func checkForeign(t *testing.T, s *handlerstest.Server, route api.Route, key string, missing scope.Set, body string, theirs map[string]string) {
	t.Helper()
	one := strings.Contains(route.Path, ":")
	if !one && takesBody(route) {
		body = `{"no such member":1}`
	}
	response := direct(s, key, route.Method, pathAmong(t, route, theirs), body)
	switch {
	case !missing.IsEmpty():
		checkMissingScope(t, route, missing, response)
	case one && response.Status != http.StatusNotFound, !one && takesBody(route) && response.Status != http.StatusUnprocessableEntity,
		!one && !takesBody(route) && response.Status != http.StatusOK:
		t.Errorf("%s in another workspace: status = %d\n%s", route.Name(), response.Status, response.Body)
	}
	for _, id := range theirs {
		if strings.Contains(response.Body, id) {
			t.Errorf("%s: the response contains %s of another workspace: %s", route.Name(), id, response.Body)
		}
	}
}

// checkOwn checks GET and HEAD for an object of the key's own workspace.
func checkOwn(t *testing.T, s *handlerstest.Server, route api.Route, key string, missing scope.Set, ours map[string]string) {
	t.Helper()
	path := pathAmong(t, route, ours)
	response := direct(s, key, http.MethodGet, path, "")
	if !missing.IsEmpty() {
		checkMissingScope(t, route, missing, response)
	} else if response.Status != http.StatusOK && !strings.HasSuffix(path, "/none") {
		t.Errorf("%s: status = %d, want 200\n%s", route.Name(), response.Status, response.Body)
	}
	if head := direct(s, key, http.MethodHead, path, ""); head.Status != response.Status {
		t.Errorf("%s with HEAD: status = %d, want %d", route.Name(), head.Status, response.Status)
	}
}

func checkMissingScope(t *testing.T, route api.Route, missing scope.Set, response handlerstest.Response) {
	t.Helper()
	challenge := `Bearer realm="SkipUp API", error="insufficient_scope", scope="` + missing.String() + `"`
	if response.Status != http.StatusForbidden {
		t.Errorf("%s: status = %d, want 403", route.Name(), response.Status)
	}
	if response.Body != forbiddenBody {
		t.Errorf("%s: body = %s, want %s", route.Name(), response.Body, forbiddenBody)
	}
	if got := response.Header.Get("WWW-Authenticate"); got != challenge {
		t.Errorf("%s: WWW-Authenticate = %q, want %q", route.Name(), got, challenge)
	}
}
