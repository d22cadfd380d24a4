// Package email renders the emails to users, as text and as HTML. Styles are inline, because many
// email programs ignore style sheets.
package email

import (
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/views/ui"
)

// Invitation invites someone to join a workspace.
type Invitation struct {
	Workspace string
	Name      string // of the invited person; may be empty
	Link      string
	ExpiresAt time.Time
	Account   bool // whether they already have an account
}

// Subject returns the subject line.
func (i Invitation) Subject() string { return i.letter().subject }

// Text returns the plain-text version.
func (i Invitation) Text() string { return i.letter().text() }

// HTML returns the HTML version.
func (i Invitation) HTML() templ.Component { return i.letter().html() }

func (i Invitation) letter() letter {
	return letter{
		subject: "Join " + ui.Isolate(i.Workspace) + " on SkipUp Keys", name: i.Name, purpose: i.purpose(),
		action: "Join workspace", link: i.Link, limits: limitsOf(i.ExpiresAt),
		advice: "If you weren’t expecting this email, you can ignore it.",
	}
}

func (i Invitation) purpose() string {
	purpose := "You’ve been invited to join " + ui.Isolate(i.Workspace) + " on SkipUp Keys. "
	if i.Account {
		return purpose + "Sign in to join:"
	}
	return purpose + "Set a password to get started:"
}

func greetingOf(name string) string {
	if name == "" {
		return "Hello,"
	}
	return "Hello " + ui.Isolate(name) + ","
}

func limitsOf(expiresAt time.Time) string {
	return "This link is just for you. You can use it once, until " + formatTime(expiresAt) + "."
}
