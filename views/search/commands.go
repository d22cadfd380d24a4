package search

import (
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/layout"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// commands returns what a viewer can do that matches text, ignoring case. Empty text matches everything.
func commands(v viewer.Viewer, text string) []group {
	all := []group{{"Actions", changes(v)}, {"Go to", pages(v)}, {"Switch workspace", workspaces(v)}, {"Theme", preferences("theme", layout.Themes)}, {"Times", preferences("times", layout.Times)}}
	for i, g := range all {
		all[i].Items = nil
		for _, command := range g.Items {
			if matches(g.Label+" "+command.Name, text) {
				all[i].Items = append(all[i].Items, command)
			}
		}
	}
	return all
}

// matches reports whether name contains each word of text, ignoring case.
func matches(name, text string) bool {
	name = strings.ToLower(name)
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if !strings.Contains(name, word) {
			return false
		}
	}
	return true
}

// changes returns the forms that the viewer may use to create something, and to scan for leaked keys.
func changes(v viewer.Viewer) []item {
	in := path.Of(v)
	all := []struct {
		permission models.Permission
		item       item
	}{
		{models.ManageKeys, item{Icon: "plus", Name: "Create API key", Opens: ui.Action{URL: in.NewAPIKey(), Dialog: true}}},
		{models.ManageMembers, item{Icon: "user-round-plus", Name: "Invite member", Opens: ui.Action{URL: in.NewMember(), Dialog: true}}},
		{models.ManageSeats, item{Icon: "armchair", Name: "Assign seat", Opens: ui.Action{URL: in.NewSeat(), Dialog: true}}},
		{models.ManageWebhooks, item{Icon: "webhook", Name: "Add webhook endpoint", Opens: ui.Action{URL: in.NewWebhook(), Dialog: true}}},
		{models.ManageWorkspace, item{Icon: "plus", Name: "Create workspace", Opens: ui.Action{URL: in.NewWorkspace(), Dialog: true}}},
		{models.ManageKeys, item{Icon: "scan-search", Name: "Scan for leaked keys", Opens: ui.Action{URL: in.APIKeyLeaks()}}},
	}
	var items []item
	for _, change := range all {
		if v.May(change.permission) {
			items = append(items, change.item)
		}
	}
	return items
}

// pages returns the pages that a viewer may open.
func pages(v viewer.Viewer) []item {
	var items []item
	for _, section := range layout.Sections(v) {
		items = append(items, item{Icon: section.Icon, Name: section.Label, Opens: ui.Action{URL: section.Href}})
	}
	return append(items,
		item{Icon: "book-open", Name: "API documentation", Opens: ui.Action{URL: path.Docs}},
		item{Icon: "keyboard", Name: "Keyboard shortcuts", Opens: ui.Action{URL: path.Shortcuts, Dialog: true}},
	)
}

// workspaces returns the other workspaces of a viewer.
func workspaces(v viewer.Viewer) []item {
	var items []item
	for _, m := range v.Memberships {
		if v.Member == nil || m.WorkspaceID != v.Member.WorkspaceID {
			items = append(items, item{Icon: "chevrons-up-down", Name: m.Workspace.Name, Opens: ui.Action{URL: path.Workspace(m.WorkspaceID).APIKeys()}})
		}
	}
	return items
}

func preferences(name string, choices []layout.Choice) []item {
	var items []item
	for _, choice := range choices {
		items = append(items, item{Icon: choice.Icon, Name: choice.Label, Opens: ui.Action{
			URL: path.Appearance, Post: true, Name: name, Value: choice.Value,
		}})
	}
	return items
}
