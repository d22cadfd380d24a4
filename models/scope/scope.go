// Package scope defines the scopes of API keys. A set of scopes is a bit mask in memory, and a list of
// names in the database and in JSON.
package scope

// Scope is a permission. Scopes match exactly: write does not imply read.
type Scope uint8

// The ten scopes, in display order.
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

// Group is a resource and its two scopes.
type Group struct {
	Name, Label string
	Read, Write Scope
}

// Groups are the resources, in display order.
var Groups = []Group{
	{"meeting_requests", "Meeting requests", MeetingRequestsRead, MeetingRequestsWrite},
	{"members", "Members", MembersRead, MembersWrite},
	{"webhooks", "Webhooks", WebhooksRead, WebhooksWrite},
	{"api_keys", "API keys", APIKeysRead, APIKeysWrite},
	{"seats", "Seats", SeatsRead, SeatsWrite},
}

type text struct{ name, help, warning string }

var texts = [count]text{
	MeetingRequestsRead:  {name: "meeting_requests.read", help: "List and view meeting requests"},
	MeetingRequestsWrite: {name: "meeting_requests.write", help: "Create, cancel, and modify meeting requests"},
	MembersRead:          {name: "members.read", help: "List workspace members"},
	MembersWrite: {name: "members.write", help: "Add and deactivate workspace members",
		warning: "This scope can add anyone to the workspace. A key with all scopes can also add and change admins."},
	WebhooksRead:  {name: "webhooks.read", help: "List and view webhook endpoints"},
	WebhooksWrite: {name: "webhooks.write", help: "Create, update, and delete webhook endpoints"},
	APIKeysRead:   {name: "api_keys.read", help: "List API keys"},
	APIKeysWrite: {name: "api_keys.write", help: "Create and delete API keys",
		warning: "This scope can create keys (with the same scopes) and delete any key."},
	SeatsRead:  {name: "seats.read", help: "View seat usage and capacity"},
	SeatsWrite: {name: "seats.write", help: "Assign seats and update capacity"},
}

// String returns the name of s, such as "members.read".
func (s Scope) String() string {
	if int(s) >= count {
		return "invalid scope"
	}
	return texts[s].name
}

// Help describes in one line what s allows.
func (s Scope) Help() string { return texts[s].help }

// Warning returns the risk of granting s; empty if there is none.
func (s Scope) Warning() string { return texts[s].warning }

// Parse returns the scope with a name, which must match exactly.
func Parse(name string) (Scope, bool) {
	for s := range Scope(count) {
		if texts[s].name == name {
			return s, true
		}
	}
	return 0, false
}
