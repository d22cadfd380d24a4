package api_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/static"
)

// document is static/openapi.yaml.
func document(t testing.TB) *v3.Document {
	t.Helper()
	read, err := libopenapi.NewDocument(static.OpenAPIYAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := read.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	return &model.Model
}

// operationsOf are the operations of the document, by the names of their routes.
func operationsOf(d *v3.Document) map[string]*v3.Operation {
	operations := map[string]*v3.Operation{}
	for path, item := range d.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			operation.Parameters = append(operation.Parameters, item.Parameters...)
			name := strings.ToUpper(method) + " " + strings.NewReplacer("{", ":", "}", "").Replace(path)
			operations[name] = operation
		}
	}
	return operations
}

// jsonOf is an example of the document as it is sent.
func jsonOf(t *testing.T, example *yaml.Node) string {
	t.Helper()
	var value any
	if err := example.Decode(&value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocumentIsOpenAPI(t *testing.T) {
	if good, complaints := handlerstest.Contract().ValidateDocument(); !good {
		for _, complaint := range complaints {
			t.Errorf("%s: %s %+v", complaint.Message, complaint.Reason, complaint.SchemaValidationErrors)
		}
	}
}

// TestDocumentIsTheRouteTable: neither has a route, a scope, a parameter, a member or a status
// that the other has not.
func TestDocumentIsTheRouteTable(t *testing.T) {
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
				"components/responses. Then add to prepare in examples_test.go what has to be there before its example is sent.",
				route.Name(), tags, route.Summary, route.ScopeWord(), statusesOf(route))
			continue
		}
		delete(operations, route.Name())
		if other, taken := ids[operation.OperationId]; taken || operation.OperationId == "" {
			t.Errorf("%s: operationId %q is that of %s too", route.Name(), operation.OperationId, other)
		}
		ids[operation.OperationId] = route.Name()
		if operation.Summary != route.Summary || len(operation.Tags) != 1 || !slices.Contains(tags, operation.Tags[0]) {
			t.Errorf("%s: summary %q, tags %q; want %q and one of %q", route.Name(), operation.Summary, operation.Tags, route.Summary, tags)
		}
		checkSecurity(t, route, operation)
		checkStatuses(t, route, operation)
		checkParameters(t, route, operation)
		checkBody(t, route, operation)
		checkAnswer(t, route, operation)
	}
	for name := range operations {
		t.Errorf("static/openapi.yaml describes %s, which is not in the table of handlers/api/routes.go", name)
	}
}

func checkSecurity(t *testing.T, route api.Route, operation *v3.Operation) {
	t.Helper()
	var got []string
	if len(operation.Security) == 1 {
		got = operation.Security[0].Requirements.GetOrZero("apiKey")
	}
	if want := strings.Fields(route.ScopeWord()); len(operation.Security) != 1 || !slices.Equal(got, want) {
		t.Errorf("%s: security is apiKey %q, want %q", route.Name(), got, want)
	}
}

// statusesOf are the statuses with which a route may answer.
func statusesOf(route api.Route) []string {
	statuses := []int{route.Success(), 400, 401, 422, 429, 500, 503}
	if route.Scope != nil {
		statuses = append(statuses, 403)
	}
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
	var words []string
	for _, status := range statuses {
		words = append(words, strconv.Itoa(status))
	}
	return words
}

func checkStatuses(t *testing.T, route api.Route, operation *v3.Operation) {
	t.Helper()
	got := slices.Sorted(operation.Responses.Codes.KeysFromOldest())
	if diff := cmp.Diff(statusesOf(route), got); diff != "" {
		t.Errorf("%s: statuses (-want +got): %s", route.Name(), diff)
	}
}

func checkParameters(t *testing.T, route api.Route, operation *v3.Operation) {
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
		got = append(got, parameter.In+" "+parameter.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: parameters (-want +got): %s", route.Name(), diff)
	}
}

func checkBody(t *testing.T, route api.Route, operation *v3.Operation) {
	t.Helper()
	if !takesBody(route) {
		if operation.RequestBody != nil {
			t.Errorf("%s: takes no body", route.Name())
		}
		return
	}
	optional := route.BodyOptional()
	body := operation.RequestBody
	if body == nil || body.Content.GetOrZero("application/json") == nil {
		t.Errorf("%s: has no requestBody of application/json", route.Name())
		return
	}
	if required := body.Required != nil && *body.Required; required == optional {
		t.Errorf("%s: body required is %v, want %v", route.Name(), required, !optional)
	}
	content := body.Content.GetOrZero("application/json")
	if members := membersOf(route.In()); len(members) > 0 && content.Example == nil {
		t.Errorf("%s: its body has no example", route.Name())
	}
	checkMembers(t, route.Name()+" takes", route.In(), content.Schema.Schema(), false)
}

func checkAnswer(t *testing.T, route api.Route, operation *v3.Operation) {
	t.Helper()
	answer := operation.Responses.Codes.GetOrZero(strconv.Itoa(route.Success()))
	if answer == nil {
		return
	}
	if replayed := answer.Headers.GetOrZero("Idempotency-Replayed") != nil; replayed != route.Once() {
		t.Errorf("%s: has Idempotency-Replayed: %v, want %v", route.Name(), replayed, route.Once())
	}
	if route.Success() == http.StatusNoContent || answer.Content == nil {
		if (answer.Content == nil) != (route.Success() == http.StatusNoContent) {
			t.Errorf("%s: has content: %v", route.Name(), answer.Content != nil)
		}
		return
	}
	content := answer.Content.GetOrZero("application/json")
	if content == nil || content.Example == nil {
		t.Errorf("%s: its answer has no example", route.Name())
		return
	}
	envelope := content.Schema.Schema()
	data := envelope.Properties.GetOrZero("data").Schema()
	if route.Meta() != nil {
		data = data.Items.A.Schema()
		checkMembers(t, route.Name()+" answers meta", route.Meta(), envelope.Properties.GetOrZero("meta").Schema(), true)
	}
	checkMembers(t, route.Name()+" answers", route.Out(), data, true)
}

// onlyOnce are members of answers that may be missing: what is answered once and never again.
var onlyOnce = []string{"key", "secret"}

// checkMembers compares the members of a Go type with those of a schema, all the way down. In an
// answer each is required, and null where the Go value is a pointer.
func checkMembers(t *testing.T, what string, goType reflect.Type, schema *base.Schema, answered bool) {
	t.Helper()
	schema, _ = valueOf(schema)
	members := membersOf(goType)
	got := []string{}
	if schema.Properties != nil {
		got = slices.AppendSeq(got, schema.Properties.KeysFromOldest())
	}
	slices.Sort(got)
	want := slices.AppendSeq([]string{}, maps.Keys(members))
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-code +static/openapi.yaml): %s", what, diff)
		return
	}
	if closed := schema.AdditionalProperties; closed == nil || closed.A != nil || closed.B {
		t.Errorf("%s: additionalProperties is not false", what)
	}
	for name, member := range members {
		value, null := valueOf(schema.Properties.GetOrZero(name).Schema())
		here := what + " " + name
		if pointer := member.Kind() == reflect.Pointer; answered && null != pointer {
			t.Errorf("%s: null is allowed: %v, want %v", here, null, pointer)
		}
		if answered && !slices.Contains(onlyOnce, name) && !slices.Contains(schema.Required, name) {
			t.Errorf("%s: is not required", here)
		}
		member = plain(member)
		if member.Kind() == reflect.Slice && value.Items != nil && value.Items.A != nil {
			member, value = plain(member.Elem()), value.Items.A.Schema()
		}
		if isObject(member) {
			checkMembers(t, here, member, value, answered)
		}
	}
}

// valueOf is a schema without the null that stands beside it, and whether there is one.
func valueOf(schema *base.Schema) (value *base.Schema, null bool) {
	null = slices.Contains(schema.Type, "null")
	for _, one := range schema.OneOf {
		if alternative := one.Schema(); slices.Equal(alternative.Type, []string{"null"}) {
			null = true
		} else if len(alternative.Type) > 0 {
			value = alternative
		}
	}
	if value == nil {
		value = schema
	}
	return value, null
}

// membersOf are the JSON members of a struct and their types.
func membersOf(goType reflect.Type) map[string]reflect.Type {
	members := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(plain(goType)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			members[name] = field.Type
		}
	}
	return members
}

// plain is a type without its pointer, and what may be left out as what it is when it is there.
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

// TestDocumentHasEveryScope in the order in which they are shown.
func TestDocumentHasEveryScope(t *testing.T) {
	var got []string
	for _, word := range document(t).Components.Schemas.GetOrZero("Scope").Schema().Enum {
		got = append(got, word.Value)
	}
	if diff := cmp.Diff(scope.All.Words(), got); diff != "" {
		t.Error(diff)
	}
}

// TestDocumentIsPublic: who makes a client of it has no key yet. What is beside it is closed.
func TestDocumentIsPublic(t *testing.T) {
	s := handlerstest.New(t)
	for path, mediaType := range map[string]string{"/openapi.json": "application/json", "/openapi.yaml": "application/yaml"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			answer := s.Want(t, http.StatusOK, "", method, path, "")
			if answer.Header.Get("Content-Type") != mediaType || (answer.Body == "") != (method == http.MethodHead) || answer.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s %s: %v, %d bytes", method, path, answer.Header, len(answer.Body))
			}
		}
		checkRefusal(t, s.Call(t, "", "POST", path, ""), 405, "method_not_allowed", "")
		checkRefused(t, s.Call(t, "", "GET", path+"/", ""), missing)
	}
	var read struct {
		OpenAPI string
		Paths   map[string]any
	}
	s.Call(t, "", "GET", "/openapi.json", "").JSON(t, &read)
	if fmt.Sprint(read.OpenAPI) != "3.1.0" || len(read.Paths) == 0 {
		t.Errorf("%+v", read)
	}
	if yaml := s.Call(t, "", "GET", "/openapi.yaml", ""); yaml.Body != string(static.OpenAPIYAML) {
		t.Error("the YAML is not the one that is tested")
	}
}
