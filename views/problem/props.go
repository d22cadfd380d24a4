// Package problem draws the page of a request that went wrong.
package problem

// Page says what went wrong and what to do.
type Page struct {
	Status    int
	Title     string // such as "Page not found"
	Message   string
	RequestID string // shown where it helps to ask the operator, else empty
	SignedIn  bool   // draw it in the shell of the settings
}
