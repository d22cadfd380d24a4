// Package workspace renders Settings > Workspace, and the pages that create and leave a workspace.
package workspace

import "github.com/skipup/keys/models"

// NameForm is the form with the name of a workspace.
type NameForm struct {
	Name    string `form:"name"`
	Errors  models.Fields
	Message string
}
