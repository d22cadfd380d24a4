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

// bind reads the path, the query and, where the method has one, the body of a request into in,
// a pointer to a struct with param, query and json tags. It returns the body too.
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

// readBody reads the whole body, which is bounded.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, echo.ErrStatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The request body ended too early."}
	}
	return body, nil
}

// decode reads a JSON body strictly: names match to the letter and stand once, members that in
// does not know are refused, and text is valid UTF-8 (RFC 7493, I-JSON).
func decode(r *http.Request, body []byte, in any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); err != nil || media != echo.MIMEApplicationJSON {
		return &web.RequestError{Status: http.StatusUnsupportedMediaType, Type: "unsupported_media_type",
			Message: "Send the body as JSON, with the header Content-Type: application/json."}
	}
	if err := json.Unmarshal(body, in, json.RejectUnknownMembers(true)); err != nil {
		return explain(err)
	}
	if jsontext.Value(body).Kind() == 'n' { // null would leave in as it is
		return invalid("the body", "must be an object")
	}
	return nil
}

// explain says what is wrong with a body, and where, without repeating what was sent.
func explain(err error) error {
	var (
		value  *json.SemanticError
		syntax *jsontext.SyntacticError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &value) && errors.Is(value.Err, json.ErrUnknownName):
		return invalid(memberOf(value.JSONPointer), "is not a member that this request has")
	case errors.As(err, &value):
		return invalid(memberOf(value.JSONPointer), "must be "+wanted(value))
	case errors.As(err, &syntax) && errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return invalid(memberOf(syntax.JSONPointer), "is given twice")
	case errors.As(err, &syntax) && isBadText(syntax):
		return invalid(memberOf(syntax.JSONPointer), "must be valid UTF-8, without half a surrogate pair")
	case errors.As(err, &syntax):
		return &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request",
			Message: fmt.Sprintf("The request body is not JSON: see byte %d.", syntax.ByteOffset)}
	}
	return &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The request body is not JSON."}
}

// isBadText reports whether a string in the body holds bytes or an escape that are no
// characters. The decoder tells it in words alone.
func isBadText(err *jsontext.SyntacticError) bool {
	words := err.Err.Error()
	return strings.Contains(words, "UTF-8") || strings.Contains(words, "surrogate")
}

// wanted is the kind of value that the member takes, in the words of JSON.
func wanted(err *json.SemanticError) string {
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

const maxMember = 100

// memberOf is a JSON pointer in the words of a program: participants[3].email.
func memberOf(pointer jsontext.Pointer) string {
	var member strings.Builder
	for part := range pointer.Tokens() {
		switch {
		case strings.Trim(part, "0123456789") == "":
			member.WriteString("[" + part + "]")
			continue
		case member.Len() > 0:
			member.WriteByte('.')
		}
		member.WriteString(part)
	}
	text := member.String()
	if text == "" {
		return "the body"
	}
	if len(text) > maxMember || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "a member"
	}
	return text
}

// invalid is a complaint about one value.
func invalid(member, complaint string) error {
	return &models.Error{Kind: models.Invalid, Message: member + " " + complaint + ".", Fields: models.Fields{member: complaint}}
}

// parseTime reads a moment with its zone; an empty text is none.
func parseTime(member, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, invalid(member, "must be a time with its zone as in RFC 3339, such as 2026-03-14T09:26:53Z")
	}
	return &t, nil
}

// parseTimePointer is parseTime for a member that may be missing or null.
func parseTimePointer(member string, text *string) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	if *text == "" {
		return nil, invalid(member, "must be null or a time, not an empty string")
	}
	return parseTime(member, *text)
}
