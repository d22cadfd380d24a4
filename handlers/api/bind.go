package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// bind decodes the path, the query and, if the method has one, the body of a request into in, a
// pointer to a struct with param, query and json tags. It also returns the body.
func bind(c echo.Context, in any) (body []byte, err error) {
	var binder echo.DefaultBinder
	if err := errors.Join(binder.BindPathParams(c, in), binder.BindQueryParams(c, in)); err != nil {
		return nil, err
	}
	switch c.Request().Method {
	case http.MethodPost, http.MethodPatch, http.MethodPut:
	default:
		return nil, nil
	}
	if body, err = readBody(c.Request()); err != nil {
		return nil, err
	}
	_, optional := in.(interface{ bodyOptional() })
	if optional && len(body) == 0 {
		return body, nil
	}
	return body, decode(c.Request(), body, in)
}

// readBody reads the body, whose size is limited by middleware.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, echo.ErrStatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The request body is incomplete."}
	}
	return body, nil
}

// decode decodes a JSON body strictly: it rejects unknown and duplicate fields, names in another
// case, and invalid UTF-8 (RFC 7493, I-JSON).
func decode(r *http.Request, body []byte, in any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); err != nil || media != echo.MIMEApplicationJSON {
		return &web.RequestError{Status: http.StatusUnsupportedMediaType, Type: "unsupported_media_type",
			Message: "Send the body as JSON, with the header Content-Type: application/json."}
	}
	if err := json.Unmarshal(body, in, json.RejectUnknownMembers(true)); err != nil {
		return decodeError(err)
	}
	if jsontext.Value(body).Kind() == 'n' { // null would leave in unchanged
		return invalid("the body", "must be an object")
	}
	return nil
}

// decodeError returns an error that says what is wrong with a body, and where, without repeating
// values from it.
func decodeError(err error) error {
	var (
		value  *json.SemanticError
		syntax *jsontext.SyntacticError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &value) && errors.Is(value.Err, json.ErrUnknownName):
		return invalidField(value.JSONPointer, "Unknown field")
	case errors.As(err, &value):
		return invalid(fieldOf(value.JSONPointer), "must be "+jsonType(value))
	case errors.As(err, &syntax) && errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return invalidField(syntax.JSONPointer, "Duplicate field")
	case errors.As(err, &syntax) && isBadText(syntax):
		return invalid(fieldOf(syntax.JSONPointer), "must be valid UTF-8 without unpaired surrogates")
	case errors.As(err, &syntax):
		return &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request",
			Message: fmt.Sprintf("The request body isn't valid JSON (at byte %d).", syntax.ByteOffset)}
	}
	return &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The request body isn't valid JSON."}
}

// isBadText reports whether err is about invalid UTF-8 or an unpaired surrogate, which the decoder
// reports only in the text of its error.
func isBadText(err *jsontext.SyntacticError) bool {
	text := err.Err.Error()
	return strings.Contains(text, "UTF-8") || strings.Contains(text, "surrogate")
}

// jsonType returns the JSON type that the field accepts, such as "a string".
func jsonType(err *json.SemanticError) string {
	if err.GoType == nil {
		return "of another type"
	}
	kind := err.GoType
	for kind.Kind().String() == "ptr" {
		kind = kind.Elem()
	}
	switch name := kind.Kind().String(); {
	case name == "string":
		return "a string"
	case name == "bool":
		return "true or false"
	case name == "slice":
		return "an array"
	case name == "struct":
		return "an object"
	case strings.HasPrefix(name, "int"):
		return "a whole number"
	}
	return "of another type"
}

const maxField = 100

// fieldOf formats a JSON pointer like an expression, such as participants[3].email.
func fieldOf(pointer jsontext.Pointer) string {
	var field strings.Builder
	for part := range pointer.Tokens() {
		switch {
		case strings.Trim(part, "0123456789") == "":
			field.WriteString("[" + part + "]")
			continue
		case field.Len() > 0:
			field.WriteByte('.')
		}
		field.WriteString(part)
	}
	text := field.String()
	if text == "" {
		return "the body"
	}
	if len(text) > maxField || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "a field"
	}
	return text
}

// invalid returns an error about the value of a field, such as "must be a string".
func invalid(field, problem string) error {
	fields := models.Fields{field: problem}
	return &models.Error{Kind: models.Invalid, Message: fields.Sentence(field, field), Fields: fields}
}

// invalidField returns an error about the name of a field.
func invalidField(pointer jsontext.Pointer, problem string) error {
	field := fieldOf(pointer)
	return &models.Error{Kind: models.Invalid, Message: fmt.Sprintf("%s %q.", problem, field), Fields: models.Fields{field: problem}}
}

// parseTime parses an RFC 3339 time. It returns nil for an empty text.
func parseTime(field, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, invalid(field, "must be an RFC 3339 time with a time zone, such as 2026-03-14T09:26:53Z")
	}
	return &t, nil
}

// parseTimePointer parses a time that may be omitted or null.
func parseTimePointer(field string, text *string) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	if *text == "" {
		return nil, invalid(field, "must be a time or null, not an empty string")
	}
	return parseTime(field, *text)
}
