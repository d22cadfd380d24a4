package apikeys

import (
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// Actions returns what the viewer can do with a key, besides opening its page.
func Actions(key *models.APIKey, v viewer.Viewer) []ui.Action {
	var actions []ui.Action
	in := path.Of(v)
	copyID := ui.Action{Label: "Copy ID", Copy: key.ID}
	status := key.StatusAt(v.Now)
	switch {
	case key.IsRotating():
		actions = append(actions, ui.Action{Label: "View rotation", URL: in.APIKeyRotation(key.ID)})
	case v.MayRotate(key):
		actions = append(actions, ui.Action{Label: "Rotate", URL: in.APIKeyRotation(key.ID), Dialog: true})
	}
	if !v.May(models.ManageKeys) {
		return append(actions, copyID)
	}
	switch {
	case key.IsScheduledForDeletion():
		actions = append(actions, ui.Action{Label: "Cancel deletion", URL: in.APIKeyCancelDeletion(key.ID), Dialog: true})
	case status == models.KeyPaused:
		actions = append(actions, ui.Action{Label: "Resume", URL: in.APIKeyResume(key.ID), Post: true})
	case canPause(key, v.Now):
		actions = append(actions, ui.Action{Label: "Pause", URL: in.APIKeyPause(key.ID), Dialog: true})
	}
	if status != models.KeyDeleted {
		actions = append(actions, ui.Action{Label: "Edit access", URL: in.APIKeyAccess(key.ID), Shortcut: "e"})
	}
	actions = append(actions, ui.Action{Label: "Duplicate", URL: in.DuplicateAPIKey(key.ID), Dialog: true}, copyID)
	if status != models.KeyDeleted {
		actions = append(actions, ui.Action{Label: "Delete", URL: in.APIKeyDelete(key.ID), Dialog: true, Danger: true})
	}
	return actions
}
