package static

import (
	_ "embed" // for the document
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// OpenAPIYAML is the OpenAPI 3.1 document of the API, with the built-in scopes.
//
//go:embed openapi.yaml
var OpenAPIYAML []byte

// OpenAPI is the OpenAPI document in two formats.
type OpenAPI struct{ YAML, JSON []byte }

// OpenAPIWith returns the document with the names of all scopes, and with a prefix in its examples of keys.
func OpenAPIWith(scopes []string, keyPrefix string) OpenAPI {
	var document yaml.Node
	if err := yaml.Unmarshal(OpenAPIYAML, &document); err != nil {
		panic("parse static/openapi.yaml: " + err.Error())
	}
	enum := document.Content[0]
	for _, name := range []string{"components", "schemas", "Scope", "enum"} {
		enum = valueOf(enum, name)
	}
	lines := strings.SplitAfter(string(OpenAPIYAML), "\n")
	line := &lines[enum.Line-1] // has the whole list
	*line = (*line)[:enum.Column-1] + "[" + strings.Join(scopes, ", ") + "]\n"
	enum.Content = nil
	for _, name := range scopes {
		enum.Content = append(enum.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name})
	}
	var values any
	if err := document.Decode(&values); err != nil {
		panic("read static/openapi.yaml: " + err.Error())
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic("convert static/openapi.yaml to JSON: " + err.Error())
	}
	withPrefix := strings.NewReplacer("sk_live_", keyPrefix+"_live_")
	return OpenAPI{[]byte(withPrefix.Replace(strings.Join(lines, ""))), []byte(withPrefix.Replace(string(text)))}
}

// valueOf returns the value of a name in a mapping.
func valueOf(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	panic("static/openapi.yaml lacks " + name)
}
