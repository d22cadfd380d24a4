package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
)

// bind decodes the path, the query and, if the method has one, the body of a request into in, a
// pointer to a struct with param, query and json tags. It also returns the body.
func bind(c echo.Context, in any) (body []byte, err error) {
	if err := checkQuery(c, in); err != nil {
		return nil, err
	}
	var binder echo.DefaultBinder
	if err := errors.Join(binder.BindPathParams(c, in), binder.BindQueryParams(c, in)); err != nil {
		return nil, err
	}
	switch c.Request().Method {
	case http.MethodPost, http.MethodPatch, http.MethodPut:
		return BindBody(c.Request(), in)
	}
	return nil, nil
}

var errNoBody = &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request",
	Message: "The request body is empty. Send a JSON object."}

// BindBody decodes the JSON body of a request strictly into in, a pointer to a struct. Its headers are checked
// before it is read, so that a client that sent Expect: 100-continue needn't send a body that is rejected
// anyway.
func BindBody(r *http.Request, in any) (body []byte, err error) {
	_, optional := in.(interface{ bodyOptional() })
	mayBeEmpty := optional && r.ContentLength < 0
	if r.ContentLength != 0 && !mayBeEmpty {
		if err := checkBodyHeaders(r); err != nil {
			return nil, err
		}
	}
	if body, err = readBody(r); err != nil || optional && len(body) == 0 {
		return body, err
	}
	if mayBeEmpty {
		if err := checkBodyHeaders(r); err != nil {
			return nil, err
		}
	}
	return body, decode(body, in)
}

// readBody reads the body, whose size is limited by middleware.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, err
	}
	if err != nil {
		return nil, &web.RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The request body is incomplete."}
	}
	return body, nil
}

// mergePatch is the media type of a PATCH (RFC 7396), which is also accepted as plain JSON.
const mergePatch = "application/merge-patch+json"

// checkBodyHeaders returns an error unless the body is JSON without compression.
func checkBodyHeaders(r *http.Request) error {
	unsupported := func(message string) error {
		return &web.RequestError{Status: http.StatusUnsupportedMediaType, Type: "unsupported_media_type", Message: message}
	}
	media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationJSON && (media != mergePatch || r.Method != http.MethodPatch) {
		return unsupported("Send the body as JSON, with the header Content-Type: application/json.")
	}
	for _, encoding := range r.Header.Values(echo.HeaderContentEncoding) {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return unsupported("Compressed bodies aren't supported. Send the body without the header Content-Encoding.")
		}
	}
	return nil
}

// byteOrderMark begins the bodies of some Windows clients. It isn't part of the JSON (RFC 8259 §8.1).
var byteOrderMark = []byte("\xef\xbb\xbf")

// decode decodes a JSON body strictly: it rejects unknown and duplicate fields, names in another
// case, and invalid UTF-8 (RFC 7493, I-JSON). Integers may be written with a zero fraction.
func decode(body []byte, in any) error {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if len(bytes.TrimSpace(body)) == 0 {
		return errNoBody
	}
	if err := json.Unmarshal(body, in, json.RejectUnknownMembers(true), wholeNumbers); err != nil {
		return decodeError(err)
	}
	if jsontext.Value(body).Kind() == 'n' { // null would leave in unchanged
		return invalid("the body", "must be an object")
	}
	return nil
}

// wholeNumbers decodes integers, including ones such as 30.0 and 3e1, which JSON Schema counts as
// integers and some clients write.
var wholeNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(decodeInt))

func decodeInt(decoder *jsontext.Decoder, n *int) error {
	if decoder.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported // leaves the value to json
	}
	value, err := decoder.ReadValue()
	if err != nil {
		return err
	}
	if *n, err = strconv.Atoi(string(value)); err == nil {
		return nil
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxExact {
		return errNotWhole
	}
	*n = int(f)
	return nil
}

// maxExact is the largest number up to which float64 has every integer.
const maxExact = 1 << 53

var errNotWhole = errors.New("not a whole number")

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
		return unknownName("field", fieldOf(value.JSONPointer), value.JSONPointer.LastToken(), namesOf(value.GoType, "json"))
	case errors.As(err, &value):
		return invalid(fieldOf(value.JSONPointer), "must be "+jsonType(value))
	case errors.As(err, &syntax) && errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		field := fieldOf(syntax.JSONPointer)
		return &models.Error{Kind: models.Invalid, Message: fmt.Sprintf("Duplicate field %q.", field), Fields: models.Fields{field: "must be sent once"}}
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
	goType := err.GoType
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	if goType == reflect.TypeFor[rfc3339]() {
		return "a string with an RFC 3339 time, such as \"2026-03-14T09:26:53Z\""
	}
	switch goType.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Struct:
		return "an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
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
	return printable(text, "a field")
}

// printable returns a name that may be repeated in a message, or other if it is too long, not printable,
// or contains an API key.
func printable(name, other string) string {
	if len(name) > maxField || token.Occurs(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return other
	}
	return name
}

// invalid returns an error about the value of a field, such as "must be a string".
func invalid(field, problem string) error {
	fields := models.Fields{field: problem}
	return &models.Error{Kind: models.Invalid, Message: fields.Sentence(field, field), Fields: fields}
}

// rfc3339 is the text of a time in a body.
type rfc3339 string

// timeForm matches RFC 3339 times with a valid zone, about which time.Parse is lenient.
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime parses an RFC 3339 time. It accepts the lowercase t and z that the standard allows (§5.6),
// and a space in place of a plus, which is what a plus in a query means unless it is encoded. It returns
// nil for an empty text.
func parseTime(field, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	text = strings.ToUpper(text)
	if zone := len(text) - len("+00:00"); zone > 0 && text[zone] == ' ' {
		text = text[:zone] + "+" + text[zone+1:]
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !timeForm.MatchString(text) {
		return nil, invalid(field, "must be an RFC 3339 time with a time zone, such as 2026-03-14T09:26:53Z or 2026-03-14T09:26:53+02:00 (write + as %2B in a URL)")
	}
	return &t, nil
}

// parseTimePointer parses a time that may be omitted or null.
func parseTimePointer(field string, text *rfc3339) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	if *text == "" {
		return nil, invalid(field, "must be a time or null, not an empty string")
	}
	return parseTime(field, string(*text))
}
