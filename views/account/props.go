// Package account draws Settings > Account.
package account

import "github.com/skipup/keys/models"

// Page is a person's own account.
type Page struct {
	Sessions []models.Session
	Current  []byte        // Digest of the session that looks
	Errors   models.Fields // of the password form: password, new_password
}
