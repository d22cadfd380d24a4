package letter

import (
	"strconv"
	"time"
)

// Expiry tells an admin which keys of a workspace expire soon.
type Expiry struct {
	Workspace string
	Name      string // of the admin; may be empty
	Keys      []ExpiringKey
	Link      string // to the list of them
}

// ExpiringKey is a key that expires soon.
type ExpiringKey struct {
	Name, Prefix string
	ExpiresAt    time.Time
	LastUsedAt   *time.Time
	Link         string
}

// shownKeys is how many keys a mail names before it counts the others.
const shownKeys = 20

// Subject is the line that stands in a list of mails.
func (e Expiry) Subject() string {
	if len(e.Keys) == 1 {
		return "An API key of " + e.Workspace + " expires on " + moment(e.Keys[0].ExpiresAt)
	}
	return strconv.Itoa(len(e.Keys)) + " API keys of " + e.Workspace + " expire soon"
}

// Text is the whole mail without HTML.
func (e Expiry) Text() string {
	text := Invitation{Name: e.Name}.greeting() + "\n\n" + e.purpose() + "\n\n"
	for _, key := range e.shown() {
		text += "- " + key.Name + " (" + key.Prefix + ")\n  " + key.times() + "\n  " + key.Link + "\n"
	}
	if more := e.more(); more != "" {
		text += "- " + more + "\n"
	}
	return text + "\n" + e.task() + ":\n\n" + e.Link + "\n"
}

func (e Expiry) purpose() string {
	return "from the moment of its expiry, every request with an API key is refused. In the workspace " + e.Workspace + " these expire soon:"
}

func (e Expiry) task() string { return "Give them more time, rotate them, or let them go" }

func (e Expiry) shown() []ExpiringKey { return e.Keys[:min(len(e.Keys), shownKeys)] }

func (e Expiry) more() string {
	if left := len(e.Keys) - shownKeys; left > 0 {
		return "and " + strconv.Itoa(left) + " more"
	}
	return ""
}

// times is when the key expires, and whether somebody will notice.
func (k ExpiringKey) times() string {
	text := "expires on " + moment(k.ExpiresAt) + ", "
	if k.LastUsedAt == nil {
		return text + "never used"
	}
	return text + "last used on " + moment(*k.LastUsedAt)
}

func moment(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 MST") }
