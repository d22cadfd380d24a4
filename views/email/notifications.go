package email

import (
	"cmp"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/notifications"
	"github.com/skipup/keys/views/ui"
)

// Notifications tells someone who manages keys what happened to them.
type Notifications struct {
	Workspace string
	Name      string // of the recipient; may be empty
	Items     []NotificationItem
	Link      string // to all notifications
	Settings  string // link to turn the emails off
}

// NotificationItem is something that happened to a key, or to several keys.
type NotificationItem struct {
	Kind models.NotificationKind
	// Happened follows the key in a sentence.
	Happened string
	Key      string // name or beginning of the key; empty for several keys
	Keys     int
	By       string // such as " by Ada"; may be empty
	At       time.Time
	Link     string
}

// maxItems limits the items that an email lists. It only counts the others.
const maxItems = 20

// Subject returns the subject line.
func (n Notifications) Subject() string {
	if len(n.Items) == 1 {
		return n.Items[0].happened() + " in " + ui.Isolate(n.Workspace)
	}
	return ui.Plural(int64(len(n.Items)), "notification") + " about API keys in " + ui.Isolate(n.Workspace)
}

// Text returns the plain-text version.
func (n Notifications) Text() string {
	text := greetingOf(n.Name) + "\n\n" + n.purpose() + "\n\n"
	for _, item := range n.shown() {
		text += "- " + item.sentence() + "\n  " + formatTime(item.At) + "\n  " + item.Link + "\n"
	}
	for _, line := range n.more() {
		text += "- " + line + "\n"
	}
	return text + "\nSee all notifications:\n\n" + n.Link + "\n\n" + turnOff + " " + n.Settings + "\n"
}

const turnOff = "Choose the emails that you get:"

func (n Notifications) purpose() string {
	return "This happened in " + ui.Isolate(n.Workspace) + ":"
}

func (n Notifications) shown() []NotificationItem { return n.Items[:min(len(n.Items), maxItems)] }

// more returns how many more keys each kind of the items that aren't shown is about.
func (n Notifications) more() (lines []string) {
	keys := map[models.NotificationKind]int{}
	for _, item := range n.Items[len(n.shown()):] {
		keys[item.Kind] += item.Keys
	}
	for _, kind := range models.MutableEmails {
		switch count := keys[kind]; count {
		case 0:
		case 1:
			lines = append(lines, "1 more API key"+notifications.Happened(kind, 1))
		default:
			lines = append(lines, ui.Count(int64(count))+" more API keys"+notifications.Happened(kind, count))
		}
	}
	return lines
}

// happened returns the item as a sentence without who did it.
func (i NotificationItem) happened() string {
	if i.Key == "" {
		return notifications.Keys(i.Kind, i.Keys)
	}
	return "API key " + ui.Isolate(i.Key) + cmp.Or(i.Happened, notifications.Happened(i.Kind, 1))
}

func (i NotificationItem) sentence() string { return i.happened() + i.By }
