package handlerstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/static"
)

// Contract checks requests and answers against the document of the API.
var Contract = sync.OnceValue(func() validator.Validator {
	document, err := libopenapi.NewDocument(static.OpenAPIYAML)
	if err != nil {
		panic("static/openapi.yaml: " + err.Error())
	}
	contract, errs := validator.NewValidator(document, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	if len(errs) > 0 {
		panic(fmt.Sprint("static/openapi.yaml: ", errs))
	}
	return contract
})

// agreed are the answers that were found good, so that the same one is not looked at again.
var agreed sync.Map

// underContract is handler with every answer of the API held against the document: what it does
// not have fails the test.
func underContract(t testing.TB, handler http.Handler) http.Handler {
	if _, measured := t.(*testing.B); measured {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, api.Base+"/") || r.URL.Path == api.DocumentJSON || r.URL.Path == api.DocumentYAML {
			handler.ServeHTTP(w, r)
			return
		}
		asked := exchange{request: r.Clone(r.Context())}
		r.Body = readBoth{io.TeeReader(r.Body, &asked.sent), r.Body}
		handler.ServeHTTP(&recorder{ResponseWriter: w, exchange: &asked}, r)
		if err := asked.check(); err != nil {
			t.Errorf("%s %s: %v", r.Method, asked.request.URL.Path, err)
		}
	})
}

// exchange is a request and what was answered to it.
type exchange struct {
	request *http.Request
	sent    bytes.Buffer
	status  int
	header  http.Header
	body    bytes.Buffer
}

type readBoth struct {
	io.Reader
	io.Closer
}

// recorder notes an answer while it is sent.
type recorder struct {
	http.ResponseWriter
	exchange *exchange
}

// WriteHeader notes the status and the header.
func (r *recorder) WriteHeader(status int) {
	r.exchange.status, r.exchange.header = status, r.Header().Clone()
	r.ResponseWriter.WriteHeader(status)
}

// Write notes a part of the body.
func (r *recorder) Write(part []byte) (int, error) {
	r.exchange.body.Write(part)
	return r.ResponseWriter.Write(part)
}

// check compares an exchange with the document.
func (x *exchange) check() error {
	if x.status == 0 || x.request.Method == http.MethodHead || x.status == http.StatusNoContent && x.request.Method == http.MethodOptions {
		return nil // nobody was there to hear it, or there is nothing to compare
	}
	key := fmt.Sprint(x.request.Method, x.request.URL.RequestURI(), x.sent.String(), x.status, x.body.String(), slices.Sorted(maps.Keys(x.header)))
	if _, known := agreed.Load(key); known {
		return nil
	}
	if err := x.compare(); err != nil {
		return err
	}
	agreed.Store(key, true)
	return nil
}

func (x *exchange) compare() error {
	if x.status >= http.StatusBadRequest {
		if err := x.checkError(); err != nil {
			return err
		}
	}
	request := x.request.Clone(x.request.Context())
	request.Body = io.NopCloser(bytes.NewReader(x.sent.Bytes()))
	request.URL.RawQuery = given(request.URL.RawQuery)
	answer := &http.Response{StatusCode: x.status, Header: x.header, Body: io.NopCloser(&x.body), Request: request}
	if good, complaints := Contract().ValidateHttpResponse(request, answer); !good {
		slash := strings.HasSuffix(request.URL.Path, "/") // which the library does not mind, and the router does
		if (slash || isUnknownRoute(complaints)) && x.status >= http.StatusBadRequest {
			return nil
		}
		return fmt.Errorf("the answer is not what static/openapi.yaml says: %s\n%d %s", explain(complaints), x.status, x.body.String())
	}
	if x.status >= http.StatusMultipleChoices {
		return nil
	}
	if good, complaints := Contract().ValidateHttpRequestSync(request); !good {
		return fmt.Errorf("static/openapi.yaml does not allow what was accepted: %s\n%s", explain(complaints), x.sent.String())
	}
	return nil
}

// given is a query without the parameters that have no value, which are as those left out; empty
// for one that cannot be parsed.
func given(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	maps.DeleteFunc(values, func(_ string, value []string) bool { return value[0] == "" })
	return values.Encode()
}

// checkError fails unless the body is the envelope of errors, to the letter.
func (x *exchange) checkError() error {
	var body struct {
		Error *struct {
			Type    *string `json:"type"`
			Message *string `json:"message"`
		} `json:"error"`
	}
	decoder := json.NewDecoder(bytes.NewReader(x.body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || body.Error == nil || body.Error.Type == nil || body.Error.Message == nil || *body.Error.Message == "" ||
		x.header.Get("Content-Type") != "application/json" || x.header.Get("X-Request-Id") == "" {
		return fmt.Errorf("%d is not in the envelope of errors: %s, %v", x.status, x.body.String(), x.header)
	}
	return nil
}

// isUnknownRoute reports whether the document has no such path, or not with this method.
func isUnknownRoute(complaints []*errors.ValidationError) bool {
	for _, complaint := range complaints {
		if complaint.ValidationType != "path" {
			return false
		}
	}
	return true
}

func explain(complaints []*errors.ValidationError) string {
	var text strings.Builder
	for _, complaint := range complaints {
		fmt.Fprintf(&text, "%s: %s", complaint.Message, complaint.Reason)
		for _, failure := range complaint.SchemaValidationErrors {
			fmt.Fprintf(&text, "; %s: %s", failure.FieldPath, failure.Reason)
		}
		text.WriteString(". ")
	}
	return text.String()
}
