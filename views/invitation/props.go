// Package invitation draws the page that the link of an invitation opens.
package invitation

import "github.com/skipup/keys/models"

// Form asks an invited person for a name and a password.
type Form struct {
	Token     string        `form:"-"` // of the link
	Workspace string        `form:"-"`
	Email     string        `form:"-"`
	Name      string        `form:"name"`
	Password  string        `form:"password"` // never drawn
	Errors    models.Fields `form:"-"`
}

// Account is an invitation for a person who has an account.
type Account struct {
	Token     string // of the link
	Workspace string
	Email     string // of the account
	SignedIn  string // address of whoever is signed in; empty if nobody is
}

// focus is the field to begin with: the first that is wrong, or the first that is empty.
func (f Form) focus() string {
	if f.Errors["name"] != "" || f.Name == "" {
		return "name"
	}
	return "password"
}
