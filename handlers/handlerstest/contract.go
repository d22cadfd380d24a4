package handlerstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/routers"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/static"
)

// Contract returns static/openapi.yaml.
var Contract = sync.OnceValue(func() *Document {
	document, err := ParseDocument(static.OpenAPIYAML)
	if err != nil {
		panic("static/openapi.yaml: " + err.Error())
	}
	return document
})

// valid holds the exchanges that have already been found valid.
var valid sync.Map

// withContract returns a handler that fails the test if a response of the API doesn't conform to
// static/openapi.yaml.
func withContract(t testing.TB, handler http.Handler) http.Handler {
	if _, isBenchmark := t.(*testing.B); isBenchmark {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, api.Base+"/") || r.URL.Path == api.DocumentJSON || r.URL.Path == api.DocumentYAML {
			handler.ServeHTTP(w, r)
			return
		}
		x := exchange{request: r.Clone(r.Context())}
		r = r.WithContext(r.Context()) // net/http must find its own body in the original
		r.Body = teeBody{io.TeeReader(r.Body, &x.sent), r.Body}
		handler.ServeHTTP(&recorder{ResponseWriter: w, exchange: &x}, r)
		if err := x.check(); err != nil {
			t.Errorf("%s %s: %v", r.Method, x.request.URL.Path, err)
		}
	})
}

// exchange is a request with its response.
type exchange struct {
	request *http.Request
	sent    bytes.Buffer
	status  int
	header  http.Header
	body    bytes.Buffer
}

type teeBody struct {
	io.Reader
	io.Closer
}

// recorder records a response while it is sent.
type recorder struct {
	http.ResponseWriter
	exchange *exchange
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.exchange.status, r.exchange.header = status, r.Header().Clone()
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(part []byte) (int, error) {
	r.exchange.body.Write(part)
	return r.ResponseWriter.Write(part)
}

// check returns an error if the exchange doesn't conform to static/openapi.yaml.
func (x *exchange) check() error {
	if x.status == 0 || x.request.Method == http.MethodHead || x.status == http.StatusNoContent && x.request.Method == http.MethodOptions {
		return nil // the client has gone, or there is nothing to compare
	}
	key := fmt.Sprint(x.request.Method, x.request.URL.RequestURI(), x.sent.String(), x.status, x.body.String(), slices.Sorted(maps.Keys(x.header)))
	if _, known := valid.Load(key); known {
		return nil
	}
	if err := x.compare(); err != nil {
		return err
	}
	valid.Store(key, true)
	return nil
}

func (x *exchange) compare() error {
	if x.status >= http.StatusBadRequest {
		if err := x.checkError(); err != nil {
			return err
		}
	}
	request := x.request.Clone(x.request.Context())
	sent := bytes.TrimPrefix(x.sent.Bytes(), []byte("\xef\xbb\xbf")) // a byte order mark, which the server skips
	request.Body = io.NopCloser(bytes.NewReader(sent))
	request.URL.RawQuery = given(request.URL.RawQuery)
	if err := Contract().CheckResponse(request, x.status, x.header, x.body.Bytes()); err != nil {
		var unknown *routers.RouteError
		slash := strings.HasSuffix(request.URL.Path, "/") // ignored by the library, but not by the router
		if (slash || errors.As(err, &unknown)) && x.status >= http.StatusBadRequest {
			return nil
		}
		return fmt.Errorf("response does not conform to static/openapi.yaml: %w\n%d %s", err, x.status, x.body.String())
	}
	if x.status >= http.StatusMultipleChoices {
		return nil
	}
	if err := Contract().CheckRequest(request); err != nil {
		return fmt.Errorf("server accepted a request that does not conform to static/openapi.yaml: %w\n%s", err, x.sent.String())
	}
	return nil
}

// given returns a query without an empty cursor, which stands for the first page, or "" if it can't be
// parsed.
func given(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	maps.DeleteFunc(values, func(name string, value []string) bool { return name == "cursor" && value[0] == "" })
	return values.Encode()
}

// errorTypes contains the types of errors by status.
var errorTypes = map[int][]string{
	http.StatusBadRequest:            {"invalid_request"},
	http.StatusUnauthorized:          {"authentication_error"},
	http.StatusForbidden:             {"forbidden", "address_not_allowed"},
	http.StatusNotFound:              {"not_found"},
	http.StatusMethodNotAllowed:      {"method_not_allowed"},
	http.StatusConflict:              {"conflict"},
	http.StatusRequestEntityTooLarge: {"payload_too_large"},
	http.StatusUnsupportedMediaType:  {"unsupported_media_type"},
	http.StatusUnprocessableEntity:   {"validation_error", "invalid_request"},
	http.StatusTooManyRequests:       {"rate_limited"},
	http.StatusInternalServerError:   {"internal_error"},
	http.StatusServiceUnavailable:    {"service_unavailable"},
}

// checkError returns an error unless the body is exactly the error envelope, with a type that the status
// has.
func (x *exchange) checkError() error {
	var body struct {
		Error *struct {
			Type    *string           `json:"type"`
			Message *string           `json:"message"`
			Fields  map[string]string `json:"fields"`
		} `json:"error"`
	}
	decoder := json.NewDecoder(bytes.NewReader(x.body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return fmt.Errorf("response %d does not have the error envelope: %w\n%s", x.status, err, x.body.String())
	}
	if body.Error == nil || body.Error.Type == nil || body.Error.Message == nil || *body.Error.Message == "" {
		return fmt.Errorf("response %d lacks the type or message of its error: %s", x.status, x.body.String())
	}
	if contentType := x.header.Get("Content-Type"); contentType != "application/json" {
		return fmt.Errorf("response %d has the Content-Type %q", x.status, contentType)
	}
	if x.header.Get("X-Request-Id") == "" {
		return fmt.Errorf("response %d has no X-Request-Id", x.status)
	}
	if !slices.Contains(errorTypes[x.status], *body.Error.Type) {
		return fmt.Errorf("response %d has the error type %q, want one of %q", x.status, *body.Error.Type, errorTypes[x.status])
	}
	if invalid := *body.Error.Type == "validation_error"; invalid != (len(body.Error.Fields) > 0) {
		return fmt.Errorf("response %d of type %s has the fields %v", x.status, *body.Error.Type, body.Error.Fields)
	}
	return nil
}
