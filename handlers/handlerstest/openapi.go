package handlerstest

import (
	"bytes"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Document is an OpenAPI document that requests and responses can be validated against.
type Document struct {
	*openapi3.T
	router routers.Router
}

// ParseDocument returns the document in text, which is YAML or JSON.
func ParseDocument(text []byte) (*Document, error) {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(document)
	return &Document{document, router}, err
}

// CheckRequest returns an error if a request doesn't conform to the document, or a *routers.RouteError if the
// document has no such path or method. It ignores security requirements.
func (d *Document) CheckRequest(r *http.Request) error {
	input, err := d.input(r)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(r.Context(), input)
}

// CheckResponse returns an error if the response to a request doesn't conform to the document, or a
// *routers.RouteError if the document has no such path or method.
func (d *Document) CheckResponse(r *http.Request, status int, header http.Header, body []byte) error {
	input, err := d.input(r)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
}

func (d *Document) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, parameters, err := d.router.FindRoute(r)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
			RejectWhenRequestBodyNotSpecified: true,
		},
	}, nil
}
