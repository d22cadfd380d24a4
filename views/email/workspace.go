package email

import (
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/views/ui"
)

// WorkspaceDeleted tells an admin that their workspace was deleted, and how to undo it.
type WorkspaceDeleted struct {
	Name          string // of the recipient; may be empty
	Workspace     string
	WorkspaceID   string
	By            string // may be empty
	At, RemovedAt time.Time
}

// Subject returns the subject line.
func (d WorkspaceDeleted) Subject() string { return d.letter().subject }

// Text returns the plain-text version.
func (d WorkspaceDeleted) Text() string { return d.letter().text() }

// HTML returns the HTML version.
func (d WorkspaceDeleted) HTML() templ.Component { return d.letter().html() }

func (d WorkspaceDeleted) letter() letter {
	by := ""
	if d.By != "" {
		by = " by " + ui.Isolate(d.By)
	}
	return letter{
		subject: "The workspace " + ui.Isolate(d.Workspace) + " was deleted", name: d.Name,
		purpose: "The workspace " + ui.Isolate(d.Workspace) + " was deleted" + by + " on " + formatTime(d.At) + ". Its API keys no longer work, and its webhooks aren’t sent.",
		advice: "If that was a mistake, ask the operator of this server to restore it. Until " + formatTime(d.RemovedAt) +
			", they can do that with: skipup workspace restore " + d.WorkspaceID,
	}
}

// WorkspaceRestored tells an admin that their workspace was restored, and what is left to do.
type WorkspaceRestored struct {
	Name      string // of the recipient; may be empty
	Workspace string
	At        time.Time
	Link      string // to its API keys
}

// Subject returns the subject line.
func (r WorkspaceRestored) Subject() string { return r.letter().subject }

// Text returns the plain-text version.
func (r WorkspaceRestored) Text() string { return r.letter().text() }

// HTML returns the HTML version.
func (r WorkspaceRestored) HTML() templ.Component { return r.letter().html() }

func (r WorkspaceRestored) letter() letter {
	return letter{
		subject: "The workspace " + ui.Isolate(r.Workspace) + " was restored", name: r.Name,
		purpose: "The workspace " + ui.Isolate(r.Workspace) + " was restored on " + formatTime(r.At) +
			", with the members and roles that it had. Its API keys are still paused and its webhook endpoints disabled. Resume and enable those that you still need:",
		action: "Review API keys", link: r.Link,
		advice: "Invitations have to be sent again.",
	}
}
