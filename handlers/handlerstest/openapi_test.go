package handlerstest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/routers"

	"github.com/skipup/keys/handlers/handlerstest"
)

const things = `
openapi: 3.1.0
info: {title: Things, version: "1"}
servers: [{url: /v1}]
security: [key: []]
paths:
  /things:
    post:
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 10}}
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
      responses:
        "200":
          description: The thing.
          headers: {Replayed: {required: true, schema: {const: "true"}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
components:
  securitySchemes: {key: {type: http, scheme: bearer}}
  schemas:
    Thing:
      type: object
      required: [at]
      additionalProperties: false
      properties:
        at: {type: [string, "null"], format: date-time}
        size: {oneOf: [{$ref: "#/components/schemas/Size"}, {type: "null"}]}
    Size: {type: integer, minimum: 1}
`

// TestDocumentFindsMismatches checks that the validation of requests and responses fails where it should.
func TestDocumentFindsMismatches(t *testing.T) {
	document, err := handlerstest.ParseDocument([]byte(things))
	if err != nil {
		t.Fatal(err)
	}
	request := func(method, target, body string) *http.Request {
		r := httptest.NewRequest(method, "http://127.0.0.1:8080"+target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	bodies := map[string]bool{
		`{"at":"2035-04-01T09:00:00Z","size":1}`: true, `{"at":null,"size":null}`: true, `{"at":null,"size":2.0}`: true,
		`{}`: false, `{"at":"tomorrow"}`: false, `{"at":null,"color":1}`: false, `{"at":null,"size":0}`: false, `{"at":null,"size":"1"}`: false, `[]`: false, `null`: false, `{`: false,
	}
	for body, want := range bodies {
		r := request("POST", "/v1/things?limit=10", body)
		if err := document.CheckRequest(r); (err == nil) != want {
			t.Errorf("CheckRequest of %s = %v, want valid = %t", body, err, want)
		}
		header := http.Header{"Content-Type": {"application/json"}, "Replayed": {"true"}}
		if err := document.CheckResponse(r, 200, header, []byte(body)); (err == nil) != want {
			t.Errorf("CheckResponse of %s = %v, want valid = %t", body, err, want)
		}
	}

	const valid = `{"at":null}`
	for name, r := range map[string]*http.Request{"parameter": request("POST", "/v1/things?limit=11", valid), "type of parameter": request("POST", "/v1/things?limit=ten", valid), "no body": request("POST", "/v1/things", "")} {
		if err := document.CheckRequest(r); err == nil {
			t.Errorf("%s: CheckRequest = nil, want an error", name)
		}
	}
	for name, tt := range map[string]struct {
		status int
		header http.Header
	}{
		"status":       {201, http.Header{"Content-Type": {"application/json"}, "Replayed": {"true"}}},
		"content type": {200, http.Header{"Content-Type": {"text/html"}, "Replayed": {"true"}}},
		"header":       {200, http.Header{"Content-Type": {"application/json"}, "Replayed": {"no"}}},
		"no header":    {200, http.Header{"Content-Type": {"application/json"}}},
	} {
		if err := document.CheckResponse(request("POST", "/v1/things", valid), tt.status, tt.header, []byte(valid)); err == nil {
			t.Errorf("%s: CheckResponse = nil, want an error", name)
		}
	}
	for _, r := range []*http.Request{request("POST", "/v1/people", ""), request("GET", "/v1/things", "")} {
		var unknown *routers.RouteError
		if err := document.CheckRequest(r); !errors.As(err, &unknown) {
			t.Errorf("%s %s: CheckRequest = %v, want a *routers.RouteError", r.Method, r.URL.Path, err)
		}
	}
}
