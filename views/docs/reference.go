// Package docs renders the API documentation: the guides, and the reference, which is generated from
// the OpenAPI document.
package docs

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/skipup/keys/static"
)

// Resource is a tag of the document with its operations.
type Resource struct {
	Name, Slug, About string
	Operations        []Operation
}

// Operation is an operation of the API.
type Operation struct {
	ID, Method, Path, Summary, About string
	Scope                            string // empty if no scope is required
	Parameters                       []Field
	Body                             []Field
	BodyRequired                     bool
	BodyExample                      string // JSON; empty without a body
	IdempotencyKey                   string // an example; empty if it isn't supported
	Response                         Response
	Errors                           []Response
	Base                             string // the path that precedes Path
}

// Response is a response that an operation can return.
type Response struct {
	Status, About string
	Types         []string // the types of an error
	Fields        []Field
	Example       string // JSON; empty without a body
}

// Field is a parameter, or a field of a body.
type Field struct {
	Name, Type, About string
	In                string // location of a parameter: path, query or header
	Command           string // value of a parameter in the command; empty if it is omitted
	Required          bool
	Bounds            string   // such as "1 to 100"
	Default           string   // value if it is omitted
	Values            []string // the allowed values
	Fields            []Field  // of an object, or of each element of an array
}

// Reference returns every resource of the API, in the order of the document.
var Reference = sync.OnceValue(func() []Resource {
	var document yaml.Node
	if err := yaml.Unmarshal(static.OpenAPIYAML, &document); err != nil {
		panic("parse static/openapi.yaml: " + err.Error())
	}
	root := node{document.Content[0], document.Content[0]}
	var resources []Resource
	for _, tag := range root.at("tags").items() {
		resources = append(resources, Resource{
			Name: tag.text("name"), Slug: slug(tag.text("name")), About: tag.text("description"),
			Operations: operationsOf(root, tag.text("name")),
		})
	}
	return resources
})

// ResourceOf returns the resource with a slug.
func ResourceOf(slug string) (Resource, bool) {
	resources := Reference()
	i := slices.IndexFunc(resources, func(r Resource) bool { return r.Slug == slug })
	if i < 0 {
		return Resource{}, false
	}
	return resources[i], true
}

func slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func operationsOf(root node, tag string) []Operation {
	var operations []Operation
	base := root.at("servers").items()[0].text("url")
	for _, path := range root.at("paths").pairs() {
		for _, method := range path.value.pairs() {
			if method.key == "parameters" || !slices.Contains(method.value.at("tags").strings(), tag) {
				continue
			}
			operation := operationOf(method.value, path.value.at("parameters").items())
			operation.Method, operation.Path, operation.Base = strings.ToUpper(method.key), path.key, base
			operations = append(operations, operation)
		}
	}
	return operations
}

func operationOf(n node, shared []node) Operation {
	operation := Operation{ID: n.text("operationId"), Summary: n.text("summary"), About: n.text("description")}
	for _, requirement := range n.at("security").items() {
		operation.Scope = strings.Join(requirement.at("apiKey").strings(), " ")
	}
	for _, parameter := range append(shared, n.at("parameters").items()...) {
		if parameter.text("name") == "Idempotency-Key" {
			operation.IdempotencyKey = operation.ID + "-4711" // two operations must not share a value
		}
		operation.Parameters = append(operation.Parameters, parameterOf(parameter))
	}
	body := n.at("requestBody")
	content := body.at("content").at("application/json")
	operation.Body, operation.BodyRequired = fieldsOf(content.at("schema")), body.text("required") == "true"
	operation.BodyExample = content.at("example").json()
	for _, response := range n.at("responses").pairs() {
		if response.key < "400" {
			operation.Response = responseOf(response)
		} else {
			operation.Errors = append(operation.Errors, errorOf(response))
		}
	}
	return operation
}

func responseOf(n pair) Response {
	content := n.value.at("content").at("application/json")
	return Response{
		Status: n.key, About: n.value.text("description"),
		Fields: fieldsOf(content.at("schema")), Example: content.at("example").json(),
	}
}

// errorOf returns an error response with its types.
func errorOf(n pair) Response {
	response := Response{Status: n.key, About: n.value.text("description")}
	for _, example := range n.value.at("content").at("application/json").at("examples").pairs() {
		name := example.value.at("value").at("error").text("type")
		if !slices.Contains(response.Types, name) {
			response.Types = append(response.Types, name)
		}
	}
	return response
}

func parameterOf(n node) Field {
	field := fieldOf(n.text("name"), n.at("schema"))
	field.In, field.Required, field.About = n.text("in"), n.text("required") == "true", n.text("description")
	if n.text("x-in-command") == "true" {
		field.Command = n.text("example")
	}
	return field
}

func fieldsOf(schema node) []Field {
	var fields []Field
	required := schema.at("required").strings()
	for _, property := range schema.at("properties").pairs() {
		field := fieldOf(property.key, property.value)
		field.Required = slices.Contains(required, property.key)
		fields = append(fields, field)
	}
	return fields
}

func fieldOf(name string, schema node) Field {
	field := Field{Name: name, About: schema.text("description")}
	value, null := valueOf(schema)
	if field.About == "" {
		field.About = value.text("description")
	}
	field.Type, field.Values, field.Bounds = typeOf(value), value.at("enum").strings(), boundsOf(value)
	field.Default = value.text("default")
	field.Fields = fieldsOf(value)
	if items := value.at("items"); items.Node != nil {
		field.Type += " of " + typeOf(items) + "s"
		field.Values, field.Fields = items.at("enum").strings(), fieldsOf(items)
	}
	if null {
		field.Type += " or null"
	}
	return field
}

// valueOf returns a schema without its null alternative, and whether it had one.
func valueOf(schema node) (value node, null bool) {
	value = schema
	null = slices.Contains(schema.at("type").strings(), "null")
	for _, alternative := range schema.at("oneOf").items() {
		switch {
		case alternative.text("type") == "null":
			null = true
		case alternative.at("type").Node != nil:
			value = alternative
		}
	}
	return value, null
}

func typeOf(schema node) string {
	for _, name := range schema.at("type").strings() {
		switch {
		case name == "null":
		case schema.text("format") == "date-time":
			return "time"
		default:
			return name
		}
	}
	return "value"
}

// boundsOf returns the limits on a value, such as "1 to 100 characters".
func boundsOf(schema node) string {
	for _, bound := range []struct{ least, most, unit string }{
		{"minimum", "maximum", ""}, {"minLength", "maxLength", " characters"}, {"minItems", "maxItems", " items"},
	} {
		least, most := schema.text(bound.least), schema.text(bound.most)
		switch {
		case least != "" && most != "":
			return fmt.Sprintf("%s to %s%s", least, most, bound.unit)
		case most != "":
			return "at most " + most + bound.unit
		case least != "":
			return "at least " + least + bound.unit
		}
	}
	return ""
}

// Curl returns the command that sends the example request of the operation to a server.
func (o Operation) Curl(server string) string {
	path := o.Path
	separator := "?"
	for _, parameter := range o.Parameters {
		switch {
		case parameter.In == "path":
			path = strings.ReplaceAll(path, "{"+parameter.Name+"}", "$"+o.variable(parameter.Name))
		case parameter.Command != "":
			path += separator + parameter.Name + "=" + parameter.Command
			separator = "&"
		}
	}
	line := "curl "
	if o.Method != "GET" {
		line += "-X " + o.Method + " "
	}
	line += `"` + server + o.Base + path + `"` + " \\\n  -H \"Authorization: Bearer $SKIPUP_API_KEY\""
	if o.IdempotencyKey != "" {
		line += " \\\n  -H \"Idempotency-Key: " + o.IdempotencyKey + `"`
	}
	if o.BodyExample != "" {
		line += " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + strings.ReplaceAll(o.BodyExample, "'", `'\''`) + "'"
	}
	return line
}

// variable returns the name of the shell variable for an ID, such as MEETING_REQUEST_ID for
// /meeting_requests/{id}.
func (o Operation) variable(parameter string) string {
	if parameter != "id" {
		return strings.ToUpper(parameter)
	}
	resource, _, _ := strings.Cut(strings.TrimPrefix(o.Path, "/"), "/")
	return strings.ToUpper(strings.TrimSuffix(resource, "s")) + "_ID"
}
