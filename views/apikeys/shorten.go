package apikeys

import (
	"net/url"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// ShortenForm names the keys whose lifetimes are shortened together.
type ShortenForm struct {
	Keys []string `form:"key"` // ids
}

// ShortenPage asks for confirmation before lifetimes are shortened to what the policy allows.
type ShortenPage struct {
	Keys       []models.APIKey // that expire later than the policy allows
	Left       int             // number of selected keys that don't, or that no longer exist
	ChangeTime time.Duration   // longest time until the change takes effect
	Message    string          // why an attempt changed nothing
}

// ShortenedPage shows which lifetimes were shortened.
type ShortenedPage struct {
	Keys   []models.ShortenedKey
	Effect models.Effect
}

// shortenURL returns the URL for shortening the lifetimes of all keys that q finds.
func shortenURL(in path.Workspace, q ui.ListQuery) string {
	return q.With().At(in.APIKeyShorten()).URL()
}

// shortenURLOf returns the URL for shortening the lifetime of a key.
func shortenURLOf(in path.Workspace, id string) string {
	return in.APIKeyShorten() + "?" + url.Values{"key": {id}}.Encode()
}

// limitOf returns until when the policy allows a key to last.
func limitOf(key *models.APIKey, v viewer.Viewer) string {
	latest := v.KeyPolicy().LatestExpiry(key.CreatedAt)
	switch {
	case latest == nil:
		return "The policy requires an expiry"
	case latest.After(v.Now):
		return "The policy allows " + ui.Date(*latest, v.Location)
	}
	return "The policy allowed " + ui.Date(*latest, v.Location)
}

func (p ShortenPage) panel(in path.Workspace) ui.Panel {
	panel := ui.Panel{
		Title: "Nothing to shorten", Lead: "Each key gets the latest expiry that your workspace’s policy allows.", Wide: true, Message: p.Message,
		Up: in.APIKeys(), UpLabel: "API keys", Action: in.APIKeyShorten(), Cancel: in.APIKeys(), CancelFirst: true,
	}
	if n := len(p.Keys); n > 0 {
		panel.Title, panel.Submit, panel.Busy, panel.Longest = "Shorten "+lifetimes(n)+"?", "Shorten "+lifetimes(n), "Shortening…", p.ChangeTime
	}
	return panel
}

// lifetimes returns what is shortened, such as "3 lifetimes".
func lifetimes(n int) string { return ui.Plural(int64(n), "lifetime") }

// expiry returns an expiry in words.
func expiry(at *time.Time, v viewer.Viewer) string {
	if at == nil {
		return "Never"
	}
	return ui.Date(*at, v.Location)
}

// effectText says when a change to keys took effect.
func effectText(e models.Effect) string {
	text := "In effect on all nodes after " + ui.Milliseconds(e.Took) + "."
	if e.Nodes != nil && len(e.SilentNodes) == 0 {
		text += " " + ui.Plural(int64(*e.Nodes), "node") + " confirmed it."
	}
	return text
}
