// Package letter draws the mails that people get, in text and in HTML. Mail programs know no
// style sheets, so that the styles stand at the elements.
package letter

import "time"

// Invitation asks a person to join a workspace, or tells one with an account that they have.
type Invitation struct {
	Workspace string
	Name      string // of the person; may be empty
	Link      string // where to set a password, or to sign in
	ExpiresAt time.Time
	Joined    bool // the person has an account and is in
}

// Subject is the line that stands in a list of mails.
func (i Invitation) Subject() string {
	if i.Joined {
		return "You are now a member of " + i.Workspace
	}
	return "Join " + i.Workspace + " on SkipUp Keys"
}

// Text is the whole mail without HTML.
func (i Invitation) Text() string {
	text := i.greeting() + "\n\n" + i.purpose() + " " + i.task() + ":\n\n" + i.Link + "\n\n"
	if !i.Joined {
		text += i.limits() + "\n\n"
	}
	return text + ignore + "\n"
}

const ignore = "If you did not expect this mail, you can ignore it."

func (i Invitation) greeting() string {
	if i.Name == "" {
		return "Hello,"
	}
	return "Hello " + i.Name + ","
}

func (i Invitation) purpose() string {
	if i.Joined {
		return "you have been added to the workspace " + i.Workspace + " on SkipUp Keys."
	}
	return "you have been invited to the workspace " + i.Workspace + " on SkipUp Keys."
}

func (i Invitation) task() string {
	if i.Joined {
		return "Sign in with the password that you have"
	}
	return "Choose a password to join it"
}

func (i Invitation) action() string {
	if i.Joined {
		return "Sign in"
	}
	return "Join " + i.Workspace
}

func (i Invitation) limits() string {
	return "The link is for you alone. It works once, until " + i.ExpiresAt.UTC().Format("2 January 2006, 15:04 MST") + "."
}
