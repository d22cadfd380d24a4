package docs

import (
	"fmt"
	"slices"
	"strings"
)

// parts cuts text at its backticks: every second part is code.
func parts(text string) []string { return strings.Split(text, "`") }

// short is a method in the narrow column of the navigation.
func short(method string) string {
	if method == "DELETE" {
		return "DEL"
	}
	return method
}

// about is where a parameter goes and what it must be.
func about(m Member) string {
	words := []string{m.Type}
	if m.In != "" {
		words = []string{m.In, m.Type}
	}
	if m.Bounds != "" {
		words = append(words, m.Bounds)
	}
	if m.Default != "" {
		words = append(words, "default "+m.Default)
	}
	return strings.Join(words, ", ")
}

func bodyTitle(o Operation) string {
	if o.BodyRequired {
		return "Body"
	}
	return "Body, which may be left out"
}

func count(members []Member) string {
	if len(members) == 1 {
		return "1 member"
	}
	return fmt.Sprintf("%d members", len(members))
}

func sortByStatus(answers []Answer) {
	slices.SortFunc(answers, func(a, b Answer) int { return strings.Compare(a.Status, b.Status) })
}
