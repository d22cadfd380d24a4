package viewer

import "strings"

// Notice is a message about what a person has just done, with a link to it, if there is one.
type Notice struct{ Text, Link, LinkLabel string }

// ParseNotice returns the notice whose String is text.
func ParseNotice(text string) Notice {
	text, rest, _ := strings.Cut(text, "\n")
	link, label, _ := strings.Cut(rest, "\n")
	return Notice{text, link, label}
}

// String returns the notice as a session stores it: its text, its link, and the label of the link, each on
// a line.
func (n Notice) String() string {
	return strings.TrimRight(n.Text+"\n"+n.Link+"\n"+n.LinkLabel, "\n")
}
