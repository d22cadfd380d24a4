package models

import (
	"fmt"
	"strings"

	"github.com/hbollon/go-edlib"
)

// maxSuggested limits the length of the names that Nearest compares.
const maxSuggested = 64

// Nearest returns the known name that a misspelled name most likely stands for, or "" if none is
// similar.
func Nearest(name string, known []string) string {
	if len(name) > maxSuggested {
		return ""
	}
	nearest, least := "", max(1, len(name)/3)+1 // fewer edits than this
	for _, candidate := range known {
		if distance := edlib.OSADamerauLevenshteinDistance(strings.ToLower(name), strings.ToLower(candidate)); distance < least {
			nearest, least = candidate, distance
		}
	}
	return nearest
}

// OneOf returns the message for a value that isn't one of the known ones, which continues the name of
// its field.
func OneOf[S ~string](value S, known []S) string {
	names := make([]string, len(known))
	for i, name := range known {
		names[i] = string(name)
	}
	message := "must be " + orList(names)
	if len(known) > 4 {
		message = "must be one of " + orList(names)
	}
	if nearest := Nearest(string(value), names); nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", nearest)
	}
	return message
}

// orList joins names as in "a, b, or c".
func orList(names []string) string {
	switch last := len(names) - 1; len(names) {
	case 0, 1:
		return strings.Join(names, "")
	case 2:
		return names[0] + " or " + names[1]
	default:
		return strings.Join(names[:last], ", ") + ", or " + names[last]
	}
}
