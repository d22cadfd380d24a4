package docs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skipup/keys/models/scope"
)

// parts splits text at its backticks. Every second part is code. The others have curly apostrophes, like
// all pages.
func parts(text string) []string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], "'", "’")
	}
	return parts
}

// short returns the abbreviation of a method for the navigation.
func short(method string) string {
	if method == "DELETE" {
		return "DEL"
	}
	return method
}

// about returns where a parameter goes, its type, and its limits.
func about(f Field) string {
	facts := []string{f.Type}
	if f.In != "" {
		facts = []string{f.In, f.Type}
	}
	if f.Bounds != "" {
		facts = append(facts, f.Bounds)
	}
	if f.Default != "" {
		facts = append(facts, "default "+f.Default)
	}
	return strings.Join(facts, ", ")
}

// allowed returns the values that a field allows. Where they are scopes, they include the custom ones.
func allowed(f Field, scopes *scope.Catalog) []string {
	if slices.Equal(f.Values, scope.Builtin.Names(scope.All)) {
		return scopes.Names(scopes.Known())
	}
	return f.Values
}

func bodyTitle(o Operation) string {
	if o.BodyRequired {
		return "Body"
	}
	return "Body (optional)"
}

func count(fields []Field) string {
	if len(fields) == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", len(fields))
}

func sortByStatus(responses []Response) {
	slices.SortFunc(responses, func(a, b Response) int { return strings.Compare(a.Status, b.Status) })
}
