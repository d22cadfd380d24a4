package static

import (
	_ "embed" // for the document
	"encoding/json"
	"sync"

	"go.yaml.in/yaml/v3"
)

// OpenAPIYAML is the OpenAPI 3.1 document of the API.
//
//go:embed openapi.yaml
var OpenAPIYAML []byte

// OpenAPIJSON returns the OpenAPI document as JSON.
var OpenAPIJSON = sync.OnceValue(func() []byte {
	var document any
	if err := yaml.Unmarshal(OpenAPIYAML, &document); err != nil {
		panic("parse static/openapi.yaml: " + err.Error())
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic("convert static/openapi.yaml to JSON: " + err.Error())
	}
	return text
})
