// Package scope defines the scopes of API keys: the built-in ones of the SkipUp API, and custom ones that
// operators add for their own APIs. A set of scopes is a bit mask, which means the same for every Catalog.
// A Catalog has the names and descriptions.
package scope

import "strconv"

// Scope is a permission, identified by a number below Max. Scopes match exactly: write does not imply
// read.
type Scope uint8

// The built-in scopes. Their numbers never change.
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

	// FirstCustom is the lowest number of a custom scope.
	FirstCustom
)

const (
	// Max is the number of scopes that a Set can hold.
	Max = 128
	// MaxCustom is the number of custom scopes that there can be.
	MaxCustom = Max - int(FirstCustom)
)

var builtinNames = [FirstCustom]string{
	MeetingRequestsRead:  "meeting_requests.read",
	MeetingRequestsWrite: "meeting_requests.write",
	MembersRead:          "members.read",
	MembersWrite:         "members.write",
	WebhooksRead:         "webhooks.read",
	WebhooksWrite:        "webhooks.write",
	APIKeysRead:          "api_keys.read",
	APIKeysWrite:         "api_keys.write",
	SeatsRead:            "seats.read",
	SeatsWrite:           "seats.write",
}

// String returns the name of a built-in scope, and the number of a custom one. The database stores scopes
// in this form. Catalog.Name returns the name of any scope.
func (s Scope) String() string {
	if s < FirstCustom {
		return builtinNames[s]
	}
	return strconv.Itoa(int(s))
}

// parseStored returns the scope whose String is text.
func parseStored(text string) (Scope, bool) {
	for s, name := range builtinNames {
		if name == text {
			return Scope(s), true
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	s := Scope(n)
	return s, err == nil && s >= FirstCustom && s < Max && s.String() == text
}
