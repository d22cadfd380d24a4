package static

import (
	_ "embed" // for the document
	"encoding/json"
	"sync"

	"go.yaml.in/yaml/v3"
)

// OpenAPIYAML is the document of the API, as it is written: OpenAPI 3.1.
//
//go:embed openapi.yaml
var OpenAPIYAML []byte

// OpenAPIJSON is the same document as JSON.
var OpenAPIJSON = sync.OnceValue(func() []byte {
	var document any
	if err := yaml.Unmarshal(OpenAPIYAML, &document); err != nil {
		panic("static/openapi.yaml is damaged: " + err.Error())
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic("static/openapi.yaml has what JSON has not: " + err.Error())
	}
	return text
})
