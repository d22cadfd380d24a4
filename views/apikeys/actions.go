package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// Actions returns what can be done with a key, besides opening its page.
func Actions(key *models.APIKey, now time.Time) []ui.Action {
	var actions []ui.Action
	status := key.StatusAt(now)
	switch {
	case key.IsRotating():
		actions = append(actions, ui.Action{Label: "View rotation", URL: path.APIKeyRotation(key.ID)})
	case key.CanRotateAt(now):
		actions = append(actions, ui.Action{Label: "Rotate", URL: path.APIKeyRotation(key.ID), Dialog: true})
	}
	switch {
	case key.IsScheduledForDeletion():
		actions = append(actions, ui.Action{Label: "Cancel deletion", URL: path.APIKeyCancelDeletion(key.ID), Dialog: true})
	case status == models.KeyPaused:
		actions = append(actions, ui.Action{Label: "Resume", URL: path.APIKeyResume(key.ID), Post: true})
	case canPause(key, now):
		actions = append(actions, ui.Action{Label: "Pause", URL: path.APIKeyPause(key.ID), Dialog: true})
	}
	if status != models.KeyDeleted {
		actions = append(actions, ui.Action{Label: "Edit access", URL: path.APIKeyAccess(key.ID), Shortcut: "e"})
	}
	actions = append(actions, ui.Action{Label: "Duplicate", URL: path.DuplicateAPIKey(key.ID), Dialog: true}, ui.Action{Label: "Copy ID", Copy: key.ID})
	if status != models.KeyDeleted {
		actions = append(actions, ui.Action{Label: "Delete", URL: path.APIKeyDelete(key.ID), Dialog: true, Danger: true})
	}
	return actions
}
