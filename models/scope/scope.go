// Package scope is the one list of what an API key may do. A set of scopes is a bit mask in
// memory and a list of words in the database and on the wire.
package scope

// Scope is one permission. Scopes match exactly: write does not imply read.
type Scope uint8

// The ten scopes, in the order in which they are shown.
const (
	MeetingRequestsRead Scope = iota
	MeetingRequestsWrite
	MembersRead
	MembersWrite
	WebhooksRead
	WebhooksWrite
	APIKeysRead
	APIKeysWrite
	SeatsRead
	SeatsWrite

	count = iota
)

// Group is a resource with the scope that reads it and the one that writes it.
type Group struct {
	Name, Label string
	Read, Write Scope
}

// Groups are the resources, in the order in which they are shown.
var Groups = []Group{
	{"meeting_requests", "Meeting requests", MeetingRequestsRead, MeetingRequestsWrite},
	{"members", "Members", MembersRead, MembersWrite},
	{"webhooks", "Webhooks", WebhooksRead, WebhooksWrite},
	{"api_keys", "API keys", APIKeysRead, APIKeysWrite},
	{"seats", "Seats", SeatsRead, SeatsWrite},
}

type text struct{ word, help, warning string }

var texts = [count]text{
	MeetingRequestsRead:  {word: "meeting_requests.read", help: "List and view meeting requests"},
	MeetingRequestsWrite: {word: "meeting_requests.write", help: "Create, cancel, and modify meeting requests"},
	MembersRead:          {word: "members.read", help: "List workspace members"},
	MembersWrite: {word: "members.write", help: "Add and deactivate workspace members",
		warning: "A key with this scope can add people to the workspace, admins included."},
	WebhooksRead:  {word: "webhooks.read", help: "List and view webhook endpoints"},
	WebhooksWrite: {word: "webhooks.write", help: "Create, update, and delete webhook endpoints"},
	APIKeysRead:   {word: "api_keys.read", help: "List API keys"},
	APIKeysWrite: {word: "api_keys.write", help: "Create and delete API keys",
		warning: "A key with this scope can make more keys, with the scopes it holds, and delete any key."},
	SeatsRead:  {word: "seats.read", help: "View seat usage and capacity"},
	SeatsWrite: {word: "seats.write", help: "Assign seats and update capacity"},
}

// String is the word of s, such as "members.read".
func (s Scope) String() string {
	if int(s) >= count {
		return "invalid scope"
	}
	return texts[s].word
}

// Help says in one line what s grants.
func (s Scope) Help() string { return texts[s].help }

// Warning says why s deserves a second thought, or is empty.
func (s Scope) Warning() string { return texts[s].warning }

// Parse finds the scope of a word. Only the exact word is one.
func Parse(word string) (Scope, bool) {
	for s := range Scope(count) {
		if texts[s].word == word {
			return s, true
		}
	}
	return 0, false
}
