// Package problem renders error pages.
package problem

// Page is the data of an error page.
type Page struct {
	Status    int
	Title     string // such as "Page not found"
	Message   string
	RequestID string // shown if the operator can help; otherwise empty
	Link      string // to what the page is about, in place of the dashboard; may be empty
	LinkLabel string
	SignedIn  bool // whether to render it within the settings
}
