// Package setup draws the page that a one-time set-up link opens.
package setup

import "github.com/skipup/keys/models"

// Form asks for the first workspace and its admin.
type Form struct {
	Token     string        `form:"-"` // of the link
	Workspace string        `form:"workspace"`
	Name      string        `form:"name"`
	Email     string        `form:"email"`
	Password  string        `form:"password"` // never drawn
	Errors    models.Fields `form:"-"`
}
