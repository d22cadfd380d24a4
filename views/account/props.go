// Package account renders Settings > Account.
package account

import "github.com/skipup/keys/models"

// Page is the data of a user's own account.
type Page struct {
	Sessions []models.Session
	Current  []byte        // digest of the session in use
	Errors   models.Fields // of the password form
}
