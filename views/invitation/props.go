// Package invitation renders the page that an invitation link opens.
package invitation

import "github.com/skipup/keys/models"

// Form holds the values and errors of the form for creating an account.
type Form struct {
	Token     string        `form:"-"` // of the link
	Workspace string        `form:"-"`
	Email     string        `form:"-"`
	Name      string        `form:"name"`
	Password  string        `form:"password"` // never rendered
	Errors    models.Fields `form:"-"`
}

// Account is the data of the page for someone who already has an account.
type Account struct {
	Token     string // of the link
	Workspace string
	Email     string // of the account
	SignedIn  string // email of the user who is signed in, if any
}

// focus returns the name of the first field with an error, or else the first empty one.
func (f Form) focus() string {
	if f.Errors["name"] != "" || f.Name == "" {
		return "name"
	}
	return "password"
}
