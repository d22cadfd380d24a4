package api_test

import (
	"encoding"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/static"
)

// document returns static/openapi.yaml.
func document(t testing.TB) *handlerstest.Document {
	t.Helper()
	read, err := handlerstest.ParseDocument(static.OpenAPIYAML)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// operationsOf returns the operations of the document by the names of their routes.
func operationsOf(d *handlerstest.Document) map[string]*openapi3.Operation {
	operations := map[string]*openapi3.Operation{}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			operation.Parameters = append(operation.Parameters, item.Parameters...)
			operations[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = operation
		}
	}
	return operations
}

// jsonOf returns an example of the document as JSON.
func jsonOf(t *testing.T, example any) string {
	t.Helper()
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocumentIsOpenAPI(t *testing.T) {
	if err := handlerstest.Contract().Validate(t.Context(), openapi3.EnableMultiError()); err != nil {
		t.Error(err)
	}
}

// TestDocumentMatchesRoutes checks that the document and the route table have the same routes,
// scopes, parameters, fields and statuses.
func TestDocumentMatchesRoutes(t *testing.T) {
	d := document(t)
	operations := operationsOf(d)
	var tags []string
	for _, tag := range d.Tags {
		tags = append(tags, tag.Name)
	}
	ids := map[string]string{}
	for _, route := range routesOf(handlerstest.New(t)) {
		operation, described := operations[route.Name()]
		if !described {
			t.Errorf("static/openapi.yaml does not describe %s. Add it under paths, with operationId, one of the tags %q, summary %q, "+
				"security \"- apiKey: [%s]\", its parameters, requestBody with an example, and the responses %v; those of errors are $ref to "+
				"components/responses. Then add to prepare in examples_test.go what must exist before its example is sent.",
				route.Name(), tags, route.Summary, route.ScopeNames(), statusesOf(route))
			continue
		}
		delete(operations, route.Name())
		if other, taken := ids[operation.OperationID]; taken || operation.OperationID == "" {
			t.Errorf("%s: operationId %q is also that of %s", route.Name(), operation.OperationID, other)
		}
		ids[operation.OperationID] = route.Name()
		if operation.Summary != route.Summary {
			t.Errorf("%s: summary = %q, want %q", route.Name(), operation.Summary, route.Summary)
		}
		if len(operation.Tags) != 1 || !slices.Contains(tags, operation.Tags[0]) {
			t.Errorf("%s: tags = %q, want one of %q", route.Name(), operation.Tags, tags)
		}
		checkSecurity(t, route, operation)
		checkStatuses(t, route, operation)
		checkParameters(t, route, operation)
		checkBody(t, route, operation)
		checkResponse(t, route, operation)
	}
	for name := range operations {
		t.Errorf("static/openapi.yaml describes %s, which is not in handlers/api/routes.go", name)
	}
}

func checkSecurity(t *testing.T, route api.Route, operation *openapi3.Operation) {
	t.Helper()
	var got []string
	if operation.Security != nil && len(*operation.Security) == 1 {
		got = (*operation.Security)[0]["apiKey"]
	}
	if want := strings.Fields(route.ScopeNames()); got == nil || !slices.Equal(got, want) {
		t.Errorf("%s: security = apiKey %q, want %q", route.Name(), got, want)
	}
}

// statusesOf returns the statuses that a route may return.
func statusesOf(route api.Route) []string {
	statuses := []int{route.Success(), 400, 401, 403, 422, 429, 500, 503}
	if strings.Contains(route.Path, ":") {
		statuses = append(statuses, 404)
	}
	if route.Once() {
		statuses = append(statuses, 409)
	}
	if takesBody(route) {
		statuses = append(statuses, 413, 415)
	}
	slices.Sort(statuses)
	var codes []string
	for _, status := range statuses {
		codes = append(codes, strconv.Itoa(status))
	}
	return codes
}

func checkStatuses(t *testing.T, route api.Route, operation *openapi3.Operation) {
	t.Helper()
	got := slices.Sorted(maps.Keys(operation.Responses.Map()))
	if diff := cmp.Diff(statusesOf(route), got); diff != "" {
		t.Errorf("%s: statuses (-want +got): %s", route.Name(), diff)
	}
}

func checkParameters(t *testing.T, route api.Route, operation *openapi3.Operation) {
	t.Helper()
	want := []string{}
	for part := range strings.SplitSeq(route.Path, "/") {
		if name, is := strings.CutPrefix(part, ":"); is {
			want = append(want, "path "+name)
		}
	}
	for _, field := range reflect.VisibleFields(route.In()) {
		if name := field.Tag.Get("query"); name != "" {
			want = append(want, "query "+name)
		}
	}
	if route.Once() {
		want = append(want, "header Idempotency-Key")
	}
	got := []string{}
	for _, parameter := range operation.Parameters {
		got = append(got, parameter.Value.In+" "+parameter.Value.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: parameters (-want +got): %s", route.Name(), diff)
	}
}

func checkBody(t *testing.T, route api.Route, operation *openapi3.Operation) {
	t.Helper()
	if !takesBody(route) {
		if operation.RequestBody != nil {
			t.Errorf("%s: has a requestBody, want none", route.Name())
		}
		return
	}
	if operation.RequestBody == nil || operation.RequestBody.Value.Content["application/json"] == nil {
		t.Errorf("%s: has no requestBody of application/json", route.Name())
		return
	}
	body := operation.RequestBody.Value
	if optional := route.BodyOptional(); body.Required == optional {
		t.Errorf("%s: body required = %v, want %v", route.Name(), body.Required, !optional)
	}
	content := body.Content["application/json"]
	if fields := fieldsOf(route.In()); len(fields) > 0 && content.Example == nil {
		t.Errorf("%s: the body has no example", route.Name())
	}
	checkFields(t, route.Name()+" accepts", route.In(), content.Schema.Value, false)
}

func checkResponse(t *testing.T, route api.Route, operation *openapi3.Operation) {
	t.Helper()
	reference := operation.Responses.Value(strconv.Itoa(route.Success()))
	if reference == nil {
		return
	}
	response := reference.Value
	if replayed := response.Headers["Idempotency-Replayed"] != nil; replayed != route.Once() {
		t.Errorf("%s: documents Idempotency-Replayed = %v, want %v", route.Name(), replayed, route.Once())
	}
	if route.Success() == http.StatusNoContent || response.Content == nil {
		if (response.Content == nil) != (route.Success() == http.StatusNoContent) {
			t.Errorf("%s: documents content = %v", route.Name(), response.Content != nil)
		}
		return
	}
	content := response.Content["application/json"]
	if content == nil || content.Example == nil {
		t.Errorf("%s: the response has no example", route.Name())
		return
	}
	envelope := content.Schema.Value
	data := envelope.Properties["data"].Value
	if route.Meta() != nil {
		data = data.Items.Value
		checkFields(t, route.Name()+" returns meta", route.Meta(), envelope.Properties["meta"].Value, true)
	}
	checkFields(t, route.Name()+" returns", route.Out(), data, true)
}

// omitted are the fields that some responses omit: secrets in replayed ones, and the mark of examples in
// all other events.
var omitted = []string{"key", "secret", "test"}

// checkFields compares the fields of a Go type with those of a schema, recursively. In a response,
// all fields are required, and those that are pointers in Go may be null.
func checkFields(t *testing.T, what string, goType reflect.Type, schema *openapi3.Schema, isResponse bool) {
	t.Helper()
	schema, _ = valueOf(schema)
	fields := fieldsOf(goType)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
		t.Errorf("%s (-code +static/openapi.yaml): %s", what, diff)
		return
	}
	if open := schema.AdditionalProperties.Has; open == nil || *open {
		t.Errorf("%s: additionalProperties = true, want false", what)
	}
	for name, field := range fields {
		value, null := valueOf(schema.Properties[name].Value)
		here := what + " " + name
		if pointer := field.Kind() == reflect.Pointer; isResponse && null != pointer {
			t.Errorf("%s: null allowed = %v, want %v", here, null, pointer)
		}
		if isResponse && !slices.Contains(omitted, name) && !slices.Contains(schema.Required, name) {
			t.Errorf("%s: not required, want required", here)
		}
		field = plain(field)
		if field.Kind() == reflect.Slice && value.Items != nil {
			field, value = plain(field.Elem()), value.Items.Value
		}
		if isObject(field) {
			checkFields(t, here, field, value, isResponse)
		}
	}
}

// valueOf returns a schema without its null alternative, and whether it has one.
func valueOf(schema *openapi3.Schema) (value *openapi3.Schema, null bool) {
	null = schema.Type.IncludesNull()
	for _, one := range schema.OneOf {
		if alternative := one.Value; alternative.Type.Is("null") {
			null = true
		} else if !alternative.Type.IsEmpty() {
			value = alternative
		}
	}
	if value == nil {
		value = schema
	}
	return value, null
}

// fieldsOf returns the types of the JSON fields of a struct by name.
func fieldsOf(goType reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(plain(goType)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

// plain returns a type without pointers and without the wrapper given.
func plain(goType reflect.Type) reflect.Type {
	if goType.Kind() == reflect.Pointer {
		return plain(goType.Elem())
	}
	if goType.Kind() == reflect.Struct && strings.HasPrefix(goType.Name(), "given[") {
		value, _ := goType.FieldByName("Value")
		return plain(value.Type)
	}
	return goType
}

func isObject(goType reflect.Type) bool {
	return goType.Kind() == reflect.Struct && !goType.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// TestDocumentHasEveryScope checks the scopes and their order.
func TestDocumentHasEveryScope(t *testing.T) {
	var got []string
	for _, word := range document(t).Components.Schemas["Scope"].Value.Enum {
		got = append(got, word.(string))
	}
	if diff := cmp.Diff(scope.Builtin.Names(scope.All), got); diff != "" {
		t.Error(diff)
	}
}

// TestSchemasSuitGenerators checks for what generators accept but turn into clients that are hard to use.
func TestSchemasSuitGenerators(t *testing.T) {
	globals := []string{"Array", "Date", "Error", "Event", "Headers", "Map", "Notification", "Number", "Object", "Request", "Response", "Set", "String"}
	for name, schema := range document(t).Components.Schemas {
		if slices.Contains(globals, name) {
			t.Errorf("schema %s shadows a global of JavaScript; rename it", name)
		}
		for field, value := range schema.Value.Properties {
			if value.Value.Default != nil {
				t.Errorf("%s.%s has a default, so openapi-typescript requires it; describe the default instead", name, field)
			}
		}
	}
}

// TestDocumentIsPublic checks that the document needs no key, but other paths do.
func TestDocumentIsPublic(t *testing.T) {
	s := handlerstest.New(t)
	for path, mediaType := range map[string]string{"/openapi.json": "application/json", "/openapi.yaml": "application/yaml"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			response := s.Want(t, http.StatusOK, "", method, path, "")
			if got := response.Header.Get("Content-Type"); got != mediaType {
				t.Errorf("%s %s: Content-Type = %q, want %q", method, path, got, mediaType)
			}
			if got, want := response.Body == "", method == http.MethodHead; got != want {
				t.Errorf("%s %s: empty body = %t, want %t", method, path, got, want)
			}
			if response.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s %s: no X-Request-Id", method, path)
			}
		}
		checkError(t, s.Call(t, "", "POST", path, ""), 405, "method_not_allowed", "")
		checkUnauthorized(t, s.Call(t, "", "GET", path+"/", ""), missing)
	}
	var read struct {
		OpenAPI string
		Paths   map[string]any
	}
	s.Call(t, "", "GET", "/openapi.json", "").JSON(t, &read)
	if got, want := read.OpenAPI, "3.1.0"; got != want {
		t.Errorf("openapi = %q, want %q", got, want)
	}
	if len(read.Paths) == 0 {
		t.Error("the document has no paths")
	}
	if yaml := s.Call(t, "", "GET", "/openapi.yaml", ""); yaml.Body != string(static.OpenAPIYAML) {
		t.Error("openapi.yaml differs from static/openapi.yaml")
	}
}
