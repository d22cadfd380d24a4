package models

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/skipup/keys/models/token"
)

const (
	maxUserAgent = 512 // bytes of a User-Agent header that are kept
	maxEmail     = 254 // bytes (RFC 5321 §4.5.3.1.3, without the angle brackets)
)

// checkLine adds an error unless value is a single visible line of 1 to size characters.
func checkLine(fields Fields, name, value string, size int) {
	switch length := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		fields.add(name, "must be valid UTF-8")
	case strings.ContainsFunc(value, unicode.IsControl):
		fields.add(name, "must be a single line of text")
	case token.Occurs(value):
		fields.add(name, "must not contain an API key. If that key is active, rotate it")
	case strings.TrimFunc(value, isInvisible) == "":
		fields.add(name, "is required")
	case length > size:
		fields.add(name, "must be %d characters or fewer (you have %d)", size, length)
	}
}

// checkText adds an error unless value has at most size characters. It may have several lines.
func checkText(fields Fields, name, value string, size int) {
	forbidden := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }
	switch length := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		fields.add(name, "must be valid UTF-8")
	case strings.ContainsFunc(value, forbidden):
		fields.add(name, "must not contain control characters other than line breaks and tabs")
	case length > size:
		fields.add(name, "must be %d characters or fewer (you have %d)", size, length)
	}
}

// isInvisible reports whether r shows nothing by itself.
func isInvisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(hidden, r) }

// checkEmail adds an error unless value is a bare email address with a domain name, and returns it as it
// is stored.
func checkEmail(fields Fields, name, value string) string {
	address, err := mail.ParseAddress(value[:min(len(value), maxEmail+1)]) // limits parsing
	normal, isDomain := storedEmail(value)
	switch {
	case value == "":
		fields.add(name, "is required")
	case len(value) > maxEmail || len(normal) > maxEmail:
		fields.add(name, "must be %d characters or fewer", maxEmail)
	case strings.ContainsFunc(value, isUnprintable):
		fields.add(name, "must not contain spaces, line breaks, or invisible characters")
	case err != nil || address.Address != value || !utf8.ValidString(value) || !isDomain:
		fields.add(name, "must be a valid email, for example ada@example.com")
	}
	return normal
}

// isUnprintable reports whether r is a space, a control character, or a formatting character, such as one
// that reverses the direction of text.
func isUnprintable(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

// normalEmail returns an email as it is stored and compared.
func normalEmail(value string) string {
	normal, _ := storedEmail(value)
	return normal
}

// storedEmail returns an email in lower case with the ASCII form of its domain, and whether it has a
// domain name. Browsers send the ASCII form of an international domain, and other clients often the
// international one.
func storedEmail(value string) (stored string, isDomain bool) {
	stored = strings.ToLower(norm.NFC.String(storable(value)))
	at := strings.LastIndex(stored, "@")
	if at < 0 || len(stored)-at > 2*maxEmail { // limits the conversion
		return stored, false
	}
	domain, err := idna.Lookup.ToASCII(stored[at+1:])
	if err != nil || domain == "" {
		return stored, false
	}
	return stored[:at+1] + domain, true
}

// storable returns value as valid UTF-8 without NUL, which both databases can store.
func storable(value string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(value, "�"), "\x00", "�")
}

// storableAll applies storable to each of values.
func storableAll(values []string) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = storable(value)
	}
	return all
}

// clip returns value as storable text of at most size bytes without API keys. Use it for input that
// is shortened rather than rejected.
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

// optional returns a pointer to value, or nil if it is empty.
func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}
