// Package setup renders the page that a one-time setup link opens.
package setup

import "github.com/skipup/keys/models"

// Form holds the values and errors of the form for the first workspace and its admin.
type Form struct {
	Token     string        `form:"-"` // of the link
	Database  string        `form:"-"` // its URL without a password
	Workspace string        `form:"workspace"`
	Name      string        `form:"name"`
	Email     string        `form:"email"`
	Password  string        `form:"password"` // never rendered
	Errors    models.Fields `form:"-"`
}
