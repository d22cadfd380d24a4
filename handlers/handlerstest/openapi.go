package handlerstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Document is an OpenAPI 3.1 document that requests and responses can be validated against.
type Document struct {
	*openapi3.T
	router   routers.Router
	compile  sync.Mutex
	compiler *jsonschema.Compiler // keeps what it has compiled; openapi3filter compiles the schema of each body again
}

// ParseDocument returns the document in text, which is YAML or JSON.
func ParseDocument(text []byte) (*Document, error) {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		return nil, err
	}
	compiler, err := compilerOf(text)
	return &Document{T: document, router: router, compiler: compiler}, err
}

// compilerOf returns a compiler of the schemas in a document, whose URL is "/".
func compilerOf(text []byte) (*jsonschema.Compiler, error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	document, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1.0 §4.8.24
	compiler.AssertFormat()
	return compiler, compiler.AddResource("/", document)
}

// CheckRequest returns an error if a request doesn't conform to the document, or a *routers.RouteError if the
// document has no such path or method. It ignores security requirements.
func (d *Document) CheckRequest(r *http.Request) error {
	input, err := d.input(r)
	if err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	described := input.Route.Operation.RequestBody
	switch {
	case described == nil && len(body) > 0:
		return errors.New("the operation takes no body")
	case described == nil, len(body) == 0 && !described.Value.Required:
		return nil
	case len(body) == 0:
		return errors.New("the body is missing")
	}
	return d.checkBody(pointer(operationOf(input.Route), described.Ref, "requestBody"), described.Value.Content, r.Header, body)
}

// CheckResponse returns an error if the response to a request doesn't conform to the document, or a
// *routers.RouteError if the document has no such path or method.
func (d *Document) CheckResponse(r *http.Request, status int, header http.Header, body []byte) error {
	input, err := d.input(r)
	if err != nil {
		return err
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Header: header, Options: input.Options,
	})
	if err != nil {
		return err
	}
	described := input.Route.Operation.Responses.Status(status)
	if len(described.Value.Content) == 0 {
		return nil
	}
	return d.checkBody(pointer(operationOf(input.Route), described.Ref, "responses", fmt.Sprint(status)), described.Value.Content, header, body)
}

// input returns what openapi3filter needs to validate everything except bodies.
func (d *Document) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, parameters, err := d.router.FindRoute(r)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
			ExcludeRequestBody: true, ExcludeResponseBody: true,
		},
	}, nil
}

// checkBody returns an error if a body doesn't conform to the content that the document describes at a pointer.
func (d *Document) checkBody(pointer string, content openapi3.Content, header http.Header, body []byte) error {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || content[mediaType] == nil {
		return fmt.Errorf("the media type is %q, which isn't described", header.Get("Content-Type"))
	}
	d.compile.Lock()
	schema, err := d.compiler.Compile("/#" + pointer + "/content/" + escape(mediaType) + "/schema")
	d.compile.Unlock()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// operationOf returns the pointer to the operation of a route (RFC 6901).
func operationOf(route *routers.Route) string {
	return "/paths/" + escape(route.Path) + "/" + strings.ToLower(route.Method)
}

// pointer returns the pointer to a part of an operation, which may be a reference to another one.
func pointer(operation, reference string, names ...string) string {
	if reference != "" {
		return strings.TrimPrefix(reference, "#")
	}
	return operation + "/" + strings.Join(names, "/")
}

// escape returns a name as a part of a pointer in a URL (RFC 6901 §3 and §6).
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
}
