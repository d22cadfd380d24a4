package ui

import (
	"regexp"
	"strings"
)

// sentences are what a page shows for the messages of models that several fields share. Messages
// are fragments, because the API puts the name of the field before them.
var sentences = []struct {
	message  *regexp.Regexp
	sentence string // ${noun} is the value with its article, such as "a name"
}{
	{regexp.MustCompile(`^is required`), "Enter ${noun}."},
	{regexp.MustCompile(`^must be ([\d,]+) characters or fewer \(you have ([\d,]+)\)`), "Use $1 characters or fewer (you have $2)."},
	{regexp.MustCompile(`^must be ([\d,]+) characters or fewer`), "Use $1 characters or fewer."},
	{regexp.MustCompile(`^must have at least ([\d,]+) characters \(you have ([\d,]+)\); a few random words`), "Use at least $1 characters (you have $2)."},
	{regexp.MustCompile(`^is too common or easy to guess`), "This is too common or easy to guess. Choose another."},
	{regexp.MustCompile(`^must be a whole number from ([\d,]+) to ([\d,]+)`), "Enter a whole number from $1 to $2."},
	{regexp.MustCompile(`^must be a single line`), "Use a single line of text."},
	{regexp.MustCompile(`^must be valid UTF-8`), "Use valid UTF-8 text."},
	{regexp.MustCompile(`^must not contain an API key`), "This looks like an API key. Never put keys in names. If it’s active, rotate it."},
	{regexp.MustCompile(`^must be a valid email`), "Enter a valid email, for example ada@example.com."},
	{regexp.MustCompile(`^must be a date\b`), "Select ${noun}."},
	{regexp.MustCompile(`^must be one of the choices`), "Select one of the options."},
	{regexp.MustCompile(`^must be in the future`), "Select a time in the future."},
}

// Sentence returns what a page shows for message, the error of a field whose value is noun, such
// as "a name". It returns "" without a message.
func Sentence(noun, message string) string {
	if message == "" {
		return ""
	}
	for _, s := range sentences {
		if at := s.message.FindStringSubmatchIndex(message); at != nil {
			text := strings.ReplaceAll(s.sentence, "${noun}", noun)
			return string(s.message.ExpandString(nil, text, message, at))
		}
	}
	return strings.ToUpper(message[:1]) + strings.TrimRight(message[1:], ".") + "."
}
