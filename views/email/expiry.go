package email

import (
	"strconv"
	"time"

	"github.com/skipup/keys/views/ui"
)

// Expiry reminds an admin of the API keys that expire soon.
type Expiry struct {
	Workspace string
	Name      string // of the admin; may be empty
	Keys      []ExpiringKey
	Link      string // to the list of these keys
	Settings  string // link to turn the emails off
}

// ExpiringKey is a key that expires soon.
type ExpiringKey struct {
	Name, Prefix string
	ExpiresAt    time.Time
	LastUsedAt   *time.Time
	Link         string
}

// shownKeys limits the keys that an email lists by name.
const shownKeys = 20

// Subject returns the subject line.
func (e Expiry) Subject() string {
	if len(e.Keys) == 1 {
		return "API key “" + ui.Isolate(e.Keys[0].Name) + "” in " + ui.Isolate(e.Workspace) + " expires on " + formatTime(e.Keys[0].ExpiresAt)
	}
	return strconv.Itoa(len(e.Keys)) + " API keys in " + ui.Isolate(e.Workspace) + " expire soon"
}

// Text returns the plain-text version.
func (e Expiry) Text() string {
	text := greetingOf(e.Name) + "\n\n" + e.purpose() + "\n\n"
	for _, key := range e.shown() {
		text += "- " + ui.Isolate(key.Name) + " (" + key.Prefix + ")\n  " + key.times() + "\n  " + key.Link + "\n"
	}
	if more := e.more(); more != "" {
		text += "- " + more + "\n"
	}
	return text + "\n" + e.task() + "\n\n" + e.Link + "\n\n" + turnOff + " " + e.Settings + "\n"
}

func (e Expiry) purpose() string {
	if len(e.Keys) == 1 {
		return "This API key in " + ui.Isolate(e.Workspace) + " expires soon. Requests with an expired key are rejected."
	}
	return "These API keys in " + ui.Isolate(e.Workspace) + " expire soon. Requests with an expired key are rejected."
}

func (e Expiry) task() string {
	if len(e.Keys) == 1 {
		return "Extend or rotate it if you still need it:"
	}
	return "Extend or rotate the ones you still need:"
}

func (e Expiry) shown() []ExpiringKey { return e.Keys[:min(len(e.Keys), shownKeys)] }

func (e Expiry) more() string {
	if left := len(e.Keys) - shownKeys; left > 0 {
		return "and " + strconv.Itoa(left) + " more"
	}
	return ""
}

// times returns when the key expires and when it was last used.
func (k ExpiringKey) times() string {
	text := "Expires on " + formatTime(k.ExpiresAt) + ", "
	if k.LastUsedAt == nil {
		return text + "never used"
	}
	return text + "last used on " + formatTime(*k.LastUsedAt)
}

func formatTime(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }
