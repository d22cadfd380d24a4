package models

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/skipup/keys/models/token"
)

const (
	maxName      = 100 // characters of a name
	maxUserAgent = 512 // bytes kept of a User-Agent header
	maxEmail     = 254 // octets of an address (RFC 5321 §4.5.3.1.3, less the angle brackets)
)

// checkName is checkLine for what names a thing or a person.
func checkName(fields Fields, name, value string) { checkLine(fields, name, value, maxName) }

// checkLine complains unless value is one line of 1 to size characters that shows something.
// It is kept as it is, byte for byte.
func checkLine(fields Fields, name, value string, size int) {
	switch length := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		fields.add(name, "must be valid UTF-8")
	case strings.ContainsFunc(value, unicode.IsControl):
		fields.add(name, "must be one line without control characters")
	case token.Occurs(value):
		fields.add(name, "must not contain an API key; if that key is in use, delete it and make another")
	case strings.TrimFunc(value, isInvisible) == "":
		fields.add(name, "must not be empty")
	case length > size:
		fields.add(name, "must have at most %d characters, and has %d", size, length)
	}
}

// isInvisible reports whether r alone shows nothing: a space, or what only shapes others.
func isInvisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// checkEmail complains unless value is one bare email address, and returns it in lower case.
func checkEmail(fields Fields, name, value string) string {
	address, err := mail.ParseAddress(value[:min(len(value), maxEmail+1)]) // what is longer is not worth parsing
	switch {
	case value == "":
		fields.add(name, "must not be empty")
	case len(value) > maxEmail:
		fields.add(name, "must have at most %d characters", maxEmail)
	case err != nil || address.Address != value || !utf8.ValidString(value) || strings.ContainsAny(value, " \t"):
		fields.add(name, "must be an email address, such as ada@example.com")
	}
	return normalEmail(value)
}

// normalEmail is the form in which addresses are stored and compared.
func normalEmail(value string) string { return strings.ToLower(storable(value)) }

// storable is value as valid UTF-8 without NUL, which is what both databases take.
func storable(value string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(value, "�"), "\x00", "�")
}

// storableAll is values, each of them storable.
func storableAll(values []string) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = storable(value)
	}
	return all
}

// clip cuts value to at most size bytes of valid UTF-8 without NUL and without API keys, for
// text that is kept as it came from outside and must never be a reason to refuse.
func clip(value string, size int) string {
	value = token.Redact(storable(value))
	if len(value) <= size {
		return value
	}
	for size > 0 && !utf8.RuneStart(value[size]) {
		size--
	}
	return value[:size]
}

// optional is nil for an empty string.
func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}
