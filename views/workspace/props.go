// Package workspace renders Settings > Workspace, and the pages that create, leave, and delete a workspace.
package workspace

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// NameForm is the form with the name of a workspace.
type NameForm struct {
	Name    string `form:"name"`
	Errors  models.Fields
	Message string
}

// LeaveForm is the form that leaves a workspace.
type LeaveForm struct {
	NewOwnerID string `form:"new_owner_id"` // of the viewer's keys
}

// LeavePage asks whether to leave the workspace.
type LeavePage struct {
	LeaveForm
	Owned   int // number of keys that the viewer owns
	People  models.OwnerChoices
	Errors  models.Fields
	Message string // why the last attempt was rejected, if it was
}

func (p LeavePage) newOwner(viewer *models.Member) ui.NewOwner {
	return ui.NewOwner{Member: viewer, Keys: p.Owned, People: p.People, Viewer: viewer, Value: p.NewOwnerID, Error: p.Errors.Sentence("owner_id", "New owner")}
}

// DeletePage is the page that deletes the workspace.
type DeletePage struct {
	models.WorkspaceSummary
	Test       *models.Workspace // deleted with it; nil if there is none
	Entered    models.Confirmation
	ChangeTime time.Duration // how long the deletion takes if a server doesn't answer
	Errors     models.Fields
	Message    string
}

var daysKept = ui.Plural(int64(models.WorkspaceKept/(24*time.Hour)), "day")
