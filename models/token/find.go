package token

import "regexp"

// shape is what a key of either environment looks like. What has the shape may still fail its
// checksum.
var shape = regexp.MustCompile(`sk_(?:live|test)_[0-9A-Za-z]{36}`)

// Redact replaces every key in text, of either environment, with its hint. It is for text that
// comes from outside and is kept, such as a User-Agent, into which somebody may have put a key.
func Redact(text string) string {
	return shape.ReplaceAllStringFunc(text, func(found string) string {
		if !isKey(found) {
			return found
		}
		return Secret{&found}.Hint()
	})
}

// Occurs reports whether text has a key in it, of either environment.
func Occurs(text string) bool {
	for _, found := range shape.FindAllString(text, -1) {
		if isKey(found) {
			return true
		}
	}
	return false
}

func isKey(text string) bool {
	for _, env := range []Environment{Live, Test} {
		if _, err := Parse(env, text); err == nil {
			return true
		}
	}
	return false
}
