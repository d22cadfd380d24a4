package viewer

import (
	"net/url"
	"strings"
)

// Notice is a message about what a person has just done. It may have a link, and an undo.
type Notice struct {
	Text, Link, LinkLabel string
	Undo                  string // where the form that undoes it is sent, with its fields as the query
}

// ParseNotice returns the notice whose String is text.
func ParseNotice(text string) Notice {
	parts := append(strings.SplitN(text, "\n", 4), "", "", "")
	return Notice{parts[0], parts[1], parts[2], parts[3]}
}

// String returns the notice as a session stores it: its text, its link, the label of the link, and its undo,
// each on a line.
func (n Notice) String() string {
	return strings.TrimRight(strings.Join([]string{n.Text, n.Link, n.LinkLabel, n.Undo}, "\n"), "\n")
}

// UndoForm returns the URL and the fields of the form that undoes what the notice is about.
func (n Notice) UndoForm() (action string, fields url.Values) {
	action, query, _ := strings.Cut(n.Undo, "?")
	fields, _ = url.ParseQuery(query) // the notice was made by this program
	return action, fields
}
