// Package email renders the emails to users, as text and as HTML. Styles are inline, because many
// email programs ignore style sheets.
package email

import (
	"time"

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
func (i Invitation) Subject() string { return "Join " + ui.Isolate(i.Workspace) + " on SkipUp Keys" }

// Text returns the plain-text version.
func (i Invitation) Text() string {
	return i.greeting() + "\n\n" + i.purpose() + "\n\n" + i.Link + "\n\n" + i.limits() + "\n\n" + ignore + "\n"
}

const ignore = "If you weren’t expecting this email, you can ignore it."

func (i Invitation) greeting() string {
	if i.Name == "" {
		return "Hello,"
	}
	return "Hello " + ui.Isolate(i.Name) + ","
}

func (i Invitation) purpose() string {
	purpose := "You’ve been invited to join " + ui.Isolate(i.Workspace) + " on SkipUp Keys. "
	if i.Account {
		return purpose + "Sign in to join:"
	}
	return purpose + "Set a password to get started:"
}

func (i Invitation) limits() string {
	return "This link is just for you. You can use it once, until " + formatTime(i.ExpiresAt) + "."
}
