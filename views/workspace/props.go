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
