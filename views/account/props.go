// Package account renders Settings > Account.
package account

import "github.com/skipup/keys/models"

// Page is the data of a user's own account.
type Page struct {
	Sessions []models.Session
	Current  []byte        // digest of the session in use
	Errors   models.Fields // of the password form
}

// NameForm holds the values and errors of the form for one's own name.
type NameForm struct {
	Name   string        `form:"name"`
	Errors models.Fields `form:"-"`
}

// EmailForm holds the values and errors of the form for one's own email.
type EmailForm struct {
	Email    string        `form:"email"`
	Password string        `form:"password"` // never rendered
	Errors   models.Fields `form:"-"`
	Message  string        `form:"-"` // an error that concerns no single field
}

// Confirmation is the data of the page that confirms a new email.
type Confirmation struct {
	Token   string // of the link
	UserID  string // of the account
	Email   string // the new one
	Message string // why the attempt to confirm it was rejected, if it was
}
