// Package layout is the frame of every page: the shell of the settings, and the bare page of
// those who are not signed in.
package layout

import (
	"context"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// Product is the name that people read.
const Product = "SkipUp Keys"

// htmxConfig: no styles of its own, which the content security policy would refuse, and a
// full load when somebody goes back to a page that htmx has changed.
const htmxConfig = `{"includeIndicatorCSS":false,"defaultSettleDelay":0,"history":"reload"}`

// navItem is a place in the settings.
type navItem struct {
	Label, Href, Icon string
}

// navOf are the places that a viewer may go to.
func navOf(v viewer.Viewer) []navItem {
	account := navItem{Label: "Account", Href: path.Account, Icon: "circle-user-round"}
	if v.Member == nil || !v.Member.IsAdmin() {
		return []navItem{account}
	}
	return []navItem{
		{Label: "API keys", Href: path.APIKeys, Icon: "key-round"},
		{Label: "Members", Href: path.Members, Icon: "users-round"},
		{Label: "Seats", Href: path.Seats, Icon: "armchair"},
		{Label: "Webhooks", Href: path.Webhooks, Icon: "webhook"},
		{Label: "Audit log", Href: path.AuditLog, Icon: "scroll-text"},
		account,
	}
}

// comeBackTo is where a form of the shell leads back to: this page if it can be read again,
// else the place in the settings that it belongs to.
func comeBackTo(ctx context.Context, active string) string {
	if address := viewer.Of(ctx).Address; address != "" {
		return address
	}
	if active != "" {
		return active
	}
	return path.Root
}

// htmlClass is the class of <html> for a theme.
func htmlClass(theme viewer.Theme) string {
	return string(viewer.ParseTheme(string(theme)))
}

// themeChoice is a segment of the theme switch.
type themeChoice struct {
	Theme       viewer.Theme
	Label, Icon string
}

var themeChoices = []themeChoice{
	{Theme: viewer.System, Label: "System", Icon: "monitor"},
	{Theme: viewer.Light, Label: "Light", Icon: "sun"},
	{Theme: viewer.Dark, Label: "Dark", Icon: "moon"},
}
