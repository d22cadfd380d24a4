package ui

import "github.com/skipup/keys/models"

// OwnerOptions returns members as options of a Select. It says which of them views the page.
func OwnerOptions(members []models.Member, viewer *models.Member) []Option {
	options := make([]Option, len(members))
	for i := range members {
		m := &members[i]
		options[i] = Option{Value: m.ID, Label: m.DisplayName()}
		switch {
		case viewer != nil && m.ID == viewer.ID:
			options[i].Label += " (you)"
		case m.Name() != "":
			options[i].Label += " (" + m.User.Email + ")"
		}
	}
	return options
}
