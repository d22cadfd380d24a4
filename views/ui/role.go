package ui

import "github.com/skipup/keys/models"

// RoleLabel returns the name of a role.
func RoleLabel(role models.Role) string {
	switch role {
	case models.Viewer:
		return "Viewer"
	case models.KeyManager:
		return "Key manager"
	case models.Admin:
		return "Admin"
	}
	return string(role)
}

// RoleWithArticle returns a role as it appears in a sentence.
func RoleWithArticle(role models.Role) string {
	switch role {
	case models.Viewer:
		return "a viewer"
	case models.KeyManager:
		return "a key manager"
	}
	return "an admin"
}
