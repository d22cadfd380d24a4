// Package layout holds the frames of pages: the settings, the documentation, and pages for people
// who are not signed in.
package layout

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// Product is the name of the product.
const Product = "SkipUp Keys"

// htmxConfig turns off inline styles, which the content security policy blocks, and reloads a page
// that htmx has changed when the browser goes back to it.
const htmxConfig = `{"includeIndicatorCSS":false,"defaultSettleDelay":0,"history":"reload"}`

// Section is a link in the navigation of the settings.
type Section struct {
	Label, Href, Icon string
}

// Sections returns the navigation for a viewer.
func Sections(v viewer.Viewer) []Section {
	account := Section{Label: "Account", Href: path.Account, Icon: "circle-user-round"}
	if !v.May(models.ViewWorkspace) {
		return []Section{account}
	}
	in := path.Of(v)
	return []Section{
		{Label: "API keys", Href: in.APIKeys(), Icon: "key-round"},
		{Label: "Members", Href: in.Members(), Icon: "users-round"},
		{Label: "Seats", Href: in.Seats(), Icon: "armchair"},
		{Label: "Webhooks", Href: in.Webhooks(), Icon: "webhook"},
		{Label: "Policy", Href: in.Policy(), Icon: "shield-check"},
		{Label: "Audit log", Href: in.AuditLog(), Icon: "scroll-text"},
		{Label: "Workspace", Href: in.Workspace(), Icon: "building-2"},
		account,
	}
}

// returnTo returns the URL of the page that follows a form of the shell: this page if it can be loaded
// with GET, or else its section of the settings.
func returnTo(ctx context.Context, active string) string {
	if url := viewer.Of(ctx).ReturnTo; url != "" {
		return url
	}
	if active != "" {
		return active
	}
	return path.Root
}

// htmlClass returns the class of <html> for a theme.
func htmlClass(theme viewer.Theme) string {
	return string(viewer.ParseTheme(string(theme)))
}

// Choice is a value of a preference.
type Choice struct{ Value, Label, Icon string }

// The preferences of a browser.
var (
	Themes = []Choice{
		{Value: string(viewer.System), Label: "System", Icon: "monitor"},
		{Value: string(viewer.Light), Label: "Light", Icon: "sun"},
		{Value: string(viewer.Dark), Label: "Dark", Icon: "moon"},
	}
	Times = []Choice{
		{Value: string(viewer.RelativeTimes), Label: "Relative", Icon: "history"},
		{Value: string(viewer.ExactTimes), Label: "Exact", Icon: "clock"},
	}
	Densities = []Choice{
		{Value: string(viewer.Comfortable), Label: "Comfortable", Icon: "rows-2"},
		{Value: string(viewer.Compact), Label: "Compact", Icon: "rows-4"},
	}
)
