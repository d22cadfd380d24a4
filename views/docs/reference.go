// Package docs draws the documentation of the API: the guides, and the reference, which is made
// of the OpenAPI document and says nothing else.
package docs

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/skipup/keys/static"
)

// Resource is what a tag of the document holds together.
type Resource struct {
	Name, Slug, About string
	Operations        []Operation
}

// Operation is one thing that the API does.
type Operation struct {
	ID, Method, Path, Summary, About string
	Scope                            string // empty where any good key will do
	Parameters                       []Member
	Body                             []Member
	BodyRequired                     bool
	BodyExample                      string // JSON; empty if there is nothing to say
	IdempotencyKey                   string // an example; empty where none is taken
	Answer                           Answer
	Errors                           []Answer
	Base                             string // the path before Path
}

// Answer is what an operation may answer.
type Answer struct {
	Status, About string
	Types         []string // the words that an error may have
	Members       []Member
	Example       string // JSON; empty without a body
}

// Member is a parameter, or a member of a body.
type Member struct {
	Name, Type, About string
	In                string // where a parameter is: path, query or header
	Command           string // what a parameter is in the command; empty if it is left out there
	Required          bool
	Bounds            string   // such as "1 to 100"
	Default           string   // what it is when it is left out
	Values            []string // all that it may be
	Members           []Member // of an object, or of each in an array
}

// Reference is all that the API does, as the document has it.
var Reference = sync.OnceValue(func() []Resource {
	var document yaml.Node
	if err := yaml.Unmarshal(static.OpenAPIYAML, &document); err != nil {
		panic("static/openapi.yaml is damaged: " + err.Error())
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

// ResourceOf finds a resource by its slug.
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
			if method.key == "parameters" || !slices.Contains(method.value.at("tags").words(), tag) {
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
		operation.Scope = strings.Join(requirement.at("apiKey").words(), " ")
	}
	for _, parameter := range append(shared, n.at("parameters").items()...) {
		if parameter.text("name") == "Idempotency-Key" {
			operation.IdempotencyKey = parameter.text("example")
		}
		operation.Parameters = append(operation.Parameters, parameterOf(parameter))
	}
	body := n.at("requestBody")
	content := body.at("content").at("application/json")
	operation.Body, operation.BodyRequired = membersOf(content.at("schema")), body.text("required") == "true"
	operation.BodyExample = content.at("example").json()
	for _, answer := range n.at("responses").pairs() {
		if answer.key < "400" {
			operation.Answer = answerOf(answer)
		} else {
			operation.Errors = append(operation.Errors, errorOf(answer))
		}
	}
	return operation
}

func answerOf(n pair) Answer {
	content := n.value.at("content").at("application/json")
	return Answer{
		Status: n.key, About: n.value.text("description"),
		Members: membersOf(content.at("schema")), Example: content.at("example").json(),
	}
}

// errorOf is an answer to a request that is refused, with the words that it may have.
func errorOf(n pair) Answer {
	answer := Answer{Status: n.key, About: n.value.text("description")}
	for _, example := range n.value.at("content").at("application/json").at("examples").pairs() {
		word := example.value.at("value").at("error").text("type")
		if !slices.Contains(answer.Types, word) {
			answer.Types = append(answer.Types, word)
		}
	}
	return answer
}

func parameterOf(n node) Member {
	member := memberOf(n.text("name"), n.at("schema"))
	member.In, member.Required, member.About = n.text("in"), n.text("required") == "true", n.text("description")
	if n.text("x-in-command") == "true" {
		member.Command = n.text("example")
	}
	return member
}

func membersOf(schema node) []Member {
	var members []Member
	required := schema.at("required").words()
	for _, property := range schema.at("properties").pairs() {
		member := memberOf(property.key, property.value)
		member.Required = slices.Contains(required, property.key)
		members = append(members, member)
	}
	return members
}

func memberOf(name string, schema node) Member {
	member := Member{Name: name, About: schema.text("description")}
	value, null := valueOf(schema)
	if member.About == "" {
		member.About = value.text("description")
	}
	member.Type, member.Values, member.Bounds = typeOf(value), value.at("enum").words(), boundsOf(value)
	member.Default = value.text("default")
	member.Members = membersOf(value)
	if items := value.at("items"); items.Node != nil {
		member.Type += " of " + typeOf(items) + "s"
		member.Values, member.Members = items.at("enum").words(), membersOf(items)
	}
	if null {
		member.Type += " or null"
	}
	return member
}

// valueOf is a schema without the null that stands beside it, and whether there is one.
func valueOf(schema node) (value node, null bool) {
	value = schema
	null = slices.Contains(schema.at("type").words(), "null")
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
	for _, word := range schema.at("type").words() {
		switch {
		case word == "null":
		case schema.text("format") == "date-time":
			return "time"
		default:
			return word
		}
	}
	return "value"
}

// boundsOf says how long, how many or how large a value may be.
func boundsOf(schema node) string {
	for _, bound := range []struct{ least, most, unit string }{
		{"minimum", "maximum", ""}, {"minLength", "maxLength", " characters"}, {"minItems", "maxItems", " of them"},
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

// Curl is the command that sends the example of an operation to the server at address.
func (o Operation) Curl(address string) string {
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
	line += `"` + address + o.Base + path + `"` + " \\\n  -H \"Authorization: Bearer $SKIPUP_API_KEY\""
	if o.IdempotencyKey != "" {
		line += " \\\n  -H \"Idempotency-Key: " + o.IdempotencyKey + `"`
	}
	if o.BodyExample != "" {
		line += " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + strings.ReplaceAll(o.BodyExample, "'", `'\''`) + "'"
	}
	return line
}

// variable names an id in a command: MEETING_REQUEST_ID in one about /meeting_requests/{id}.
func (o Operation) variable(parameter string) string {
	if parameter != "id" {
		return strings.ToUpper(parameter)
	}
	resource, _, _ := strings.Cut(strings.TrimPrefix(o.Path, "/"), "/")
	return strings.ToUpper(strings.TrimSuffix(resource, "s")) + "_ID"
}
