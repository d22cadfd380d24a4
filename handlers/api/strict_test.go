package api_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
)

// callWith sends a request with additional headers, given as names and values.
func callWith(t testing.TB, s *handlerstest.Server, key, method, path, body string, headers ...string) handlerstest.Response {
	t.Helper()
	request := s.Request(t, method, api.Base+path, body)
	request.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return handlerstest.Send(t, http.DefaultClient, request)
}

// noLimits are connections without limits.
var noLimits web.Connections

// raw sends text over a connection and returns the response.
func raw(t *testing.T, address, text string) handlerstest.Response {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	must(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, text)
	must(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(t, err)
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return handlerstest.Response{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// fieldErrors returns the message and the fields of an error response.
func fieldErrors(t *testing.T, response handlerstest.Response) (message string, fields map[string]string) {
	t.Helper()
	var body struct {
		Error struct {
			Message string
			Fields  map[string]string
		}
	}
	response.JSON(t, &body)
	return body.Error.Message, body.Error.Fields
}

// TestQueryStringsAreStrict checks that a query parameter that would have no effect is rejected, on
// every kind of route.
func TestQueryStringsAreStrict(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	tests := []struct {
		method, path, message, field string
	}{
		{"GET", "/workspace_members?emial=a@x.test", `Unknown query parameter "emial". Did you mean "email"?`, "emial"},
		{"GET", "/workspace_members?Email=a@x.test", `Unknown query parameter "Email". Did you mean "email"?`, "Email"},
		{"GET", "/meeting_requests?status[]=active", `Unknown query parameter "status[]". Did you mean "status"?`, "status[]"},
		{"GET", "/workspace_members?page=2", `Unknown query parameter "page". Known names: cursor, email, limit, role.`, "page"},
		{"GET", "/api_keys/key_none/usage?perod=7d", `Unknown query parameter "perod". Did you mean "period"?`, "perod"},
		{"GET", "/me?limit=5", `Unknown query parameter "limit".`, "limit"},
		{"GET", "/workspace_members?email=", "email must not be empty; omit it instead.", "email"},
		{"GET", "/workspace_members?limit=", "limit must not be empty; omit it instead.", "limit"},
		{"GET", "/seats?limit=1&limit=2", "limit must be given once.", "limit"},
		{"POST", "/api_keys?dry_run=1", `Unknown query parameter "dry_run".`, "dry_run"},
		{"DELETE", "/seats/seat_none?force=1", `Unknown query parameter "force".`, "force"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			body := ""
			if tt.method == "POST" {
				body = `{"name":"Dry run"}`
			}
			response := s.Call(t, key, tt.method, tt.path, body)
			checkError(t, response, http.StatusUnprocessableEntity, "validation_error", "")
			message, fields := fieldErrors(t, response)
			if message != tt.message {
				t.Errorf("message = %q, want %q", message, tt.message)
			}
			if len(fields) != 1 || fields[tt.field] == "" {
				t.Errorf("fields = %v, want one for %s", fields, tt.field)
			}
		})
	}
	s.Want(t, http.StatusOK, key, "GET", "/seats?limit=5&cursor=", "")
	secret := token.New(token.Live).Reveal()
	if response := s.Call(t, key, "GET", "/seats?"+secret, ""); strings.Contains(response.Body, secret) {
		t.Error("the response repeats an API key")
	}
}

// TestEveryRouteRejectsUnknownParameters checks every route, whatever parameters it has.
func TestEveryRouteRejectsUnknownParameters(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	for _, route := range routesOf(s) {
		response := s.Call(t, key, route.Method, pathOf(route)+"?nonsense=1", "")
		t.Run(route.Name(), func(t *testing.T) {
			checkError(t, response, http.StatusUnprocessableEntity, "validation_error", `Unknown query parameter \"nonsense\"`)
		})
	}
}

func TestUnknownFieldsNameTheNearestOne(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	tests := []struct {
		path, body, message, field string
	}{
		{"/api_keys", `{"name":"CI","scope":["seats.read"]}`, `Unknown field "scope". Did you mean "scopes"?`, "scope"},
		{"/api_keys", `{"Name":"CI"}`, `Unknown field "Name". Did you mean "name"?`, "Name"},
		{"/api_keys", `{"name":"CI","color":"red"}`, `Unknown field "color". Known names: allowlist, description, environment, expires_at, name, notify_new_callers, owner_id, rate_limit, scopes.`, "color"},
		{"/meeting_requests", `{"context":{"titel":"Kickoff"}}`, `Unknown field "context.titel". Did you mean "title"?`, "context.titel"},
		{"/meeting_requests", `{"participants":[{"emial":"p@x.test"}]}`, `Unknown field "participants[0].emial". Did you mean "email"?`, "participants[0].emial"},
		{"/meeting_requests/mr_none/pause", `{"notify":true}`, `Unknown field "notify".`, "notify"},
	}
	for _, tt := range tests {
		t.Run(tt.body, func(t *testing.T) {
			message, fields := fieldErrors(t, s.Want(t, http.StatusUnprocessableEntity, key, "POST", tt.path, tt.body))
			if message != tt.message {
				t.Errorf("message = %q, want %q", message, tt.message)
			}
			if want := "is unknown." + strings.TrimPrefix(tt.message, `Unknown field "`+tt.field+`".`); fields[tt.field] != want {
				t.Errorf("message of the field = %q, want %q", fields[tt.field], want)
			}
		})
	}
}

func TestValidationErrorsHaveFields(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	const timeMessage = "must be an RFC 3339 time with a time zone, such as 2026-03-14T09:26:53Z or 2026-03-14T09:26:53+02:00 (write + as %2B in a URL)"
	tests := []struct {
		method, path, body string
		want               map[string]string
	}{
		{"POST", "/api_keys", `{}`, map[string]string{"name": "is required"}},
		{"POST", "/api_keys", `{"name":"CI","expires_at":1767225600}`, map[string]string{"expires_at": `must be a string with an RFC 3339 time, such as "2026-03-14T09:26:53Z"`}},
		{"POST", "/api_keys", `{"name":"CI","scopes":["seats.raed"]}`, map[string]string{
			"scopes[0]": "must be one of " + strings.Join(scope.Builtin.Names(scope.All)[:9], ", ") + `, or seats.write; did you mean "seats.read"?`}},
		{"POST", "/workspace_members", `{"email":"g@acme.test","role":"owner"}`, map[string]string{"role": "must be admin or member"}},
		{"GET", "/meeting_requests?limit=0&created_after=today&created_before=now", "", map[string]string{
			"limit": "must be a whole number from 1 to 100", "created_after": timeMessage, "created_before": timeMessage}},
		{"GET", "/meeting_requests?status=canceled", "", map[string]string{"status": `must be active, paused, booked, or cancelled; did you mean "cancelled"?`}},
		{"GET", "/workspace_members?emial=a&page=2", "", map[string]string{
			"emial": `is unknown. Did you mean "email"?`, "page": "is unknown. Known names: cursor, email, limit, role."}},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			message, fields := fieldErrors(t, s.Want(t, http.StatusUnprocessableEntity, key, tt.method, tt.path, tt.body))
			if diff := cmp.Diff(tt.want, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			for field := range tt.want {
				if !strings.Contains(message, field) {
					t.Errorf("message = %q, want it to contain %q", message, field)
				}
			}
		})
	}
	for _, tt := range []struct{ key, want string }{
		{"", `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}`},
		{s.Key(t), `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}`},
	} {
		if got := strings.TrimSpace(s.Call(t, tt.key, "GET", "/seats", "").Body); got != tt.want {
			t.Errorf("body = %s, want %s", got, tt.want)
		}
	}
}

// TestMissingScopeIsLogged checks that the log of a rejected request names the scope, which the body does
// not.
func TestMissingScopeIsLogged(t *testing.T) {
	s := handlerstest.New(t)
	response := s.Want(t, http.StatusForbidden, s.Key(t), "GET", "/seats", "")
	if got, want := response.Header.Get("WWW-Authenticate"), `Bearer realm="SkipUp API", error="insufficient_scope", scope="seats.read"`; got != want {
		t.Errorf("WWW-Authenticate = %q, want %q", got, want)
	}
	if !strings.Contains(s.Log.String(), `"missing_scope":"seats.read"`) {
		t.Error("the log doesn't name the missing scope")
	}
}

// TestBodiesOfRealClients checks what clients and proxies do to a body.
func TestBodiesOfRealClients(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	const valid = `{"name":"CI"}`
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		message                  string
	}{
		{"byte order mark", "POST", "/api_keys", "\ufeff" + valid, []string{"Content-Type", "application/json"}, 201, ""},
		{"gzip", "POST", "/api_keys", valid, []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415, "Content-Encoding"},
		{"identity", "POST", "/api_keys", valid, []string{"Content-Type", "application/json", "Content-Encoding", "identity"}, 201, ""},
		{"merge patch", "PATCH", "/seats", `{"capacity":7}`, []string{"Content-Type", "application/merge-patch+json"}, 200, ""},
		{"merge patch in a POST", "POST", "/api_keys", valid, []string{"Content-Type", "application/merge-patch+json"}, 415, "Content-Type: application/json"},
		{"no body", "POST", "/api_keys", "", nil, 400, "The request body is empty. Send a JSON object."},
		{"blank body", "POST", "/api_keys", " \n", []string{"Content-Type", "application/json"}, 400, "The request body is empty. Send a JSON object."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := callWith(t, s, key, tt.method, tt.path, tt.body, tt.headers...)
			checkStatus(t, response, tt.status)
			if !strings.Contains(response.Body, tt.message) {
				t.Errorf("body = %s, want it to contain %q", response.Body, tt.message)
			}
		})
	}
}

func TestTimesAreReadAsClientsWriteThem(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	address := s.Serve(t, noLimits) // without the checks of formats in handlerstest
	list := func(text string) handlerstest.Response {
		request, err := http.NewRequest("GET", "http://"+address+api.Base+"/meeting_requests?created_after="+text, nil)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		return handlerstest.Send(t, http.DefaultClient, request)
	}
	for text, status := range map[string]int{
		"2026-03-14T09:26:53Z":               200,
		"2026-03-14t09:26:53z":               200,
		"2026-03-14T09:26:53.5Z":             200,
		"2026-03-14T09:26:53+02:00":          200, // the plus means a space
		"2026-03-14T09:26:53%2B02:00":        200,
		"2026-03-14T09:26:53-23:59":          200,
		"2026-03-14T09:26:53%2B24:00":        422,
		"2026-03-14T09:26:53%2B02:60":        422,
		"2026-03-14T9:26:53Z":                422,
		"2026-03-14":                         422,
		"2026-03-14T09:26:53":                422,
		url.QueryEscape("14 Mar 2026 09:26"): 422,
	} {
		response := list(text)
		if response.Status != status {
			t.Errorf("%s: status = %d, want %d", text, response.Status, status)
		}
		if status == 422 && !strings.Contains(response.Body, "%2B") {
			t.Errorf("%s: body = %s, want it to contain %%2B", text, response.Body)
		}
	}
}

// TestTransitionErrorsReadWell checks the messages for changes of status that aren't allowed.
func TestTransitionErrorsReadWell(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	path := "/meeting_requests/" + createMeetingRequest(t, s, key)["id"].(string)
	for _, step := range []struct {
		verb    string
		status  int
		message string
	}{
		{"resume", 422, "This meeting request is already active."},
		{"cancel", 200, ""},
		{"cancel", 422, "This meeting request is already cancelled."},
		{"resume", 422, "This meeting request is cancelled, so it can't be resumed."},
		{"pause", 422, "This meeting request is cancelled, so it can't be paused."},
	} {
		response := s.Call(t, key, "POST", path+"/"+step.verb, "")
		checkStatus(t, response, step.status)
		if step.message == "" {
			continue
		}
		if message, _ := fieldErrors(t, response); message != step.message {
			t.Errorf("%s: message = %q, want %q", step.verb, message, step.message)
		}
	}
}

// TestConflictsSayWhenToRetry checks that the response to a request that is already running has a
// Retry-After.
func TestConflictsSayWhenToRetry(t *testing.T) {
	s := handlerstest.New(t)
	response := provoke["InFlight running"](t, s, s.Key(t, scope.All.Scopes()...))
	checkError(t, response, http.StatusConflict, "conflict", "")
	if got, want := response.Header.Get("Retry-After"), "1"; got != want {
		t.Errorf("Retry-After = %q, want %q", got, want)
	}
}

// TestUnusualURLsGetJSON checks URLs that the router would otherwise leave to the pages or to net/http.
func TestUnusualURLsGetJSON(t *testing.T) {
	s := handlerstest.New(t)
	key, address := s.Key(t), s.Serve(t, noLimits)
	for path, want := range map[string]int{
		"//api/v1/me": 200, "///api/v1/nothing": 404, "/api/v1/me/": 404, "/api//v1/me": 404, "/api/v1/seats/%zz": 400, "/api/v1/me?a=%zz": 400,
	} {
		response := raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: keys.test\r\nAuthorization: Bearer "+key+"\r\nConnection: close\r\n\r\n")
		if response.Status != want {
			t.Errorf("%s: status = %d, want %d", path, response.Status, want)
		}
		if got := response.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type = %q, want application/json", path, got)
		}
		if !json.Valid([]byte(response.Body)) {
			t.Errorf("%s: body = %s, want JSON", path, response.Body)
		}
		if response.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-Id", path)
		}
	}
}

// TestBrowserAppsCanCallTheAPI checks preflights and requests from pages of other sites.
func TestBrowserAppsCanCallTheAPI(t *testing.T) {
	const allowed, other = "https://app.example.com", "https://evil.example"
	s := handlerstest.New(t)
	app := s.WithOrigins(t, allowed)
	key := s.Key(t)
	preflight := func(s *handlerstest.Server, origin string) handlerstest.Response {
		return callWith(t, s, "", "OPTIONS", "/me", "", "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
	}
	granted := preflight(app, allowed)
	checkStatus(t, granted, http.StatusNoContent)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": allowed, "Access-Control-Allow-Methods": "GET,HEAD,POST,PATCH,DELETE", "Access-Control-Max-Age": "600",
		"Access-Control-Allow-Headers": "Authorization,Content-Type,Idempotency-Key,X-Request-Id",
	} {
		if got := granted.Header.Get(name); got != want {
			t.Errorf("preflight: %s = %q, want %q", name, got, want)
		}
	}
	for name, response := range map[string]handlerstest.Response{"other origin": preflight(app, other), "no origins": preflight(s, allowed)} {
		checkStatus(t, response, http.StatusNoContent)
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Origin = %q, want none", name, got)
		}
	}
	for _, tt := range []struct {
		origin, key, want string
		status            int
	}{{allowed, key, allowed, 200}, {allowed, "nonsense", allowed, 401}, {other, key, "", 200}} {
		response := callWith(t, app, tt.key, "GET", "/me", "", "Origin", tt.origin)
		checkStatus(t, response, tt.status)
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
			t.Errorf("request from %s: Access-Control-Allow-Origin = %q, want %q", tt.origin, got, tt.want)
		}
	}
}
