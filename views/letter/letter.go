// Package letter draws the mails that people get, in text and in HTML. Many mail programs know no
// style sheets, so that the styles stand at the elements.
package letter

import "time"

// Invitation asks a person to join a workspace.
type Invitation struct {
	Workspace string
	Name      string // of the person; may be empty
	Link      string
	ExpiresAt time.Time
	Account   bool // the person has a password already
}

// Subject is the line that stands in a list of mails.
func (i Invitation) Subject() string { return "Join " + i.Workspace + " on SkipUp Keys" }

// Text is the whole mail without HTML.
func (i Invitation) Text() string {
	return i.greeting() + "\n\n" + i.purpose() + "\n\n" + i.Link + "\n\n" + i.limits() + "\n\n" + ignore + "\n"
}

const ignore = "If you did not expect this mail, you can ignore it."

func (i Invitation) greeting() string {
	if i.Name == "" {
		return "Hello,"
	}
	return "Hello " + i.Name + ","
}

func (i Invitation) purpose() string {
	purpose := "You have been invited to the workspace " + i.Workspace + " on SkipUp Keys. "
	if i.Account {
		return purpose + "Sign in with the password that you have to join it:"
	}
	return purpose + "Choose a password to join it:"
}

func (i Invitation) limits() string {
	return "The link is for you alone. It works once, until " + i.ExpiresAt.UTC().Format("2 January 2006, 15:04 MST") + "."
}
