package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// fullBodies contains a valid body with every field for each route that takes one. MEMBER is the email
// of a member, and MEMBER_ID the ID of one without a seat. A field that can't be combined with others has
// a body of its own, with the field's name after that of the route.
var fullBodies = map[string]string{
	"POST /meeting_requests": `{"organizer_email":"MEMBER","organizer_name":"Ada","organizer_timezone":"Europe/Rome","include_introduction":true,
		"participant_emails":null,"participants":[{"email":"p@x.test","name":"P","timezone":"Europe/Rome"}],"context":{"title":"T",
		"purpose":"P","description":"D","duration_minutes":30,"timeframe":{"start":"2035-04-01T09:00:00Z","end":"2035-04-03T09:00:00Z"}}}`,
	"POST /meeting_requests participant_emails": `{"organizer_email":"MEMBER","participant_emails":["p@x.test"],"participants":null}`,
	"PATCH /meeting_requests/:id": `{"organizer_name":"Ada","organizer_timezone":"Europe/Rome","include_introduction":true,
		"participants":[{"email":"p@x.test","name":"P","timezone":"Europe/Rome"}],"context":{"title":"T","purpose":"P","description":"D",
		"duration_minutes":30,"timeframe":{"start":"2035-04-01T09:00:00Z","end":"2035-04-03T09:00:00Z"}}}`,
	"PATCH /meeting_requests/:id participant_emails": `{"participant_emails":["p@x.test"]}`,
	"POST /meeting_requests/:id/cancel":              `{"notify":true}`,
	"POST /meeting_requests/:id/change_organizer":    `{"organizer_email":"MEMBER","organizer_name":"Ada","organizer_timezone":"Europe/Rome"}`,
	"POST /workspace_members":                        `{"email":"new@acme.test","name":"New","role":"member"}`,
	"POST /webhook_endpoints":                        `{"url":"https://hooks.example.com/a","description":"A","events":["seat.assigned"]}`,
	"PATCH /webhook_endpoints/:id":                   `{"url":"https://hooks.example.com/a","description":"A","events":["seat.assigned"],"enabled":true}`,
	"POST /api_keys":                                 `{"name":"CI","description":"A","environment":"staging","owner_id":"MEMBER_ID","notify_new_callers":true,"scopes":["seats.read"],"expires_at":"2035-04-01T09:00:00Z","rate_limit":60,"allowlist":{"mode":"enforce","addresses":["10.0.0.0/8"]}}`,
	"PATCH /api_keys/:id":                            `{"name":"CI","description":"A","environment":"staging","owner_id":"MEMBER_ID","notify_new_callers":true,"scopes":["seats.read"],"expires_at":"2035-04-01T09:00:00Z","rate_limit":60,"allowlist":{"mode":"enforce","addresses":["10.0.0.0/8"]}}`,
	"POST /api_keys/:id/pause":                       `{"hours":24}`,
	"POST /api_keys/:id/rotate":                      `{"scopes":["seats.read"],"expires_at":"2035-04-01T09:00:00Z"}`,
	"POST /seats":                                    `{"member_id":"MEMBER_ID"}`,
	"PATCH /seats":                                   `{"capacity":30}`,
}

// onlyDescribed contains the nulls that the document rejects only in words: one of the lists is required.
var onlyDescribed = []string{"POST /meeting_requests with participants null", "POST /meeting_requests participant_emails with participant_emails null"}

// TestDocumentAndServerAcceptTheSameValues sends each field of each body as null, and each integer as
// 30.0, which JSON Schema counts as an integer.
func TestDocumentAndServerAcceptTheSameValues(t *testing.T) {
	operations := operationsOf(document(t))
	for _, route := range routesOf(handlerstest.New(t)) {
		if !takesBody(route) {
			continue
		}
		missing := map[string]bool{}
		pathsOf("", operations[route.Name()].RequestBody.Value.Content["application/json"].Schema.Value, missing)
		for name, body := range fullBodies {
			if name != route.Name() && !strings.HasPrefix(name, route.Name()+" ") {
				continue
			}
			compareValues(t, route, name, body, true)
			for path, variant := range variantsOf(t, body, "null") {
				delete(missing, path)
				if variantName := name + " with " + path + " null"; !slices.Contains(onlyDescribed, variantName) {
					compareValues(t, route, variantName, variant, false)
				}
			}
			for path, variant := range variantsOf(t, body, "30.0") {
				compareValues(t, route, name+" with "+path+" 30.0", variant, false)
			}
		}
		for path := range missing {
			t.Errorf("no body of %s in fullBodies has %s", route.Name(), path)
		}
	}
}

// pathsOf adds the paths of all fields and elements of a schema to paths, such as participants[0].email.
func pathsOf(path string, schema *openapi3.Schema, paths map[string]bool) {
	schema, _ = valueOf(schema)
	if schema.Items != nil {
		paths[path+"[0]"] = true
		pathsOf(path+"[0]", schema.Items.Value, paths)
	}
	for name, field := range schema.Properties {
		here := strings.TrimPrefix(path+"."+name, ".")
		paths[here] = true
		pathsOf(here, field.Value, paths)
	}
}

// variantsOf returns variants of a body by path, each with one value replaced by text. Only numbers are
// replaced with a number.
func variantsOf(t *testing.T, body, text string) map[string]string {
	t.Helper()
	var document any
	must(t, json.Unmarshal([]byte(body), &document))
	variants := map[string]string{}
	var walk func(path string, value any, set func(any))
	replace := func(path string, value any, set func(any)) {
		if _, isNumber := value.(float64); isNumber || text == "null" {
			set(json.RawMessage(text))
			variant, err := json.Marshal(document)
			must(t, err)
			variants[path] = string(variant)
			set(value)
		}
		walk(path, value, set)
	}
	walk = func(path string, value any, _ func(any)) {
		switch value := value.(type) {
		case map[string]any:
			for name, field := range value {
				replace(strings.TrimPrefix(path+"."+name, "."), field, func(v any) { value[name] = v })
			}
		case []any:
			for i, element := range value {
				replace(fmt.Sprintf("%s[%d]", path, i), element, func(v any) { value[i] = v })
			}
		}
	}
	walk("", document, nil)
	return variants
}

// compareValues sends a body to a new server, and checks that it accepts the body if, and only if, the
// document does.
func compareValues(t *testing.T, route api.Route, name, body string, valid bool) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		s := handlerstest.New(t)
		objects := createObjects(t, s, s.Workspace, s.Admin)
		address := s.Serve(t, noLimits) // without the checks in handlerstest
		key, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Key", Scopes: scope.Of(scope.SeatsRead)})
		must(t, err)
		objects["api_keys"] = key.ID
		member := s.AddMember(t, s.Workspace, "grace@acme.test")
		body = strings.NewReplacer("MEMBER_ID", member.ID, "MEMBER", handlerstest.AdminEmail).Replace(body)
		request := func() *http.Request {
			request, err := http.NewRequest(route.Method, "http://"+address+api.Base+pathAmong(t, route, objects), strings.NewReader(body))
			must(t, err)
			request.Header.Set("Authorization", "Bearer "+s.Key(t, scope.All.Scopes()...))
			request.Header.Set("Content-Type", "application/json")
			return request
		}
		mismatch := handlerstest.Contract().CheckRequest(request())
		if valid && mismatch != nil {
			t.Errorf("the document rejects %s: %v", body, mismatch)
		}
		response := handlerstest.Send(t, http.DefaultClient, request())
		if accepted := response.Status < http.StatusBadRequest; accepted != (mismatch == nil) {
			t.Errorf("status = %d, but the document says %v\n%s\n%s", response.Status, mismatch, body, response.Body)
		}
	})
}

// TestIntegersMayHaveAZeroFraction checks which numbers are accepted as integers.
func TestIntegersMayHaveAZeroFraction(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t, scope.All.Scopes()...)
	for text, want := range map[string]int{
		"30": 200, "30.0": 200, "3e1": 200, "3.0E+1": 200, "300e-1": 200,
		"30.5": 422, "1e-1": 422, "1e30": 422, "1e400": 422, "99999999999999999999": 422, `"30"`: 422, "true": 422,
	} {
		response := s.Call(t, key, "PATCH", "/seats", `{"capacity":`+text+`}`)
		if response.Status != want {
			t.Errorf("capacity %s: status = %d, want %d\n%s", text, response.Status, want, response.Body)
			continue
		}
		if want == 200 && !strings.Contains(response.Body, `"capacity":30,`) {
			t.Errorf("capacity %s: body = %s, want capacity 30", text, response.Body)
		}
		if want == 422 && !strings.Contains(response.Body, "capacity must be a whole number.") {
			t.Errorf("capacity %s: body = %s, want it to say that capacity must be a whole number", text, response.Body)
		}
	}
}
