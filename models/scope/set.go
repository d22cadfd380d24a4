package scope

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
)

// Set is a set of scopes, one bit for each. The zero Set is empty.
type Set uint16

// All holds every scope.
const All Set = 1<<count - 1

// ReadOnly holds the scopes that only read.
const ReadOnly = Set(1<<MeetingRequestsRead | 1<<MembersRead | 1<<WebhooksRead | 1<<APIKeysRead | 1<<SeatsRead)

// Of returns the set of the given scopes.
func Of(scopes ...Scope) Set {
	var set Set
	for _, s := range scopes {
		set |= 1 << s
	}
	return set
}

// UnknownError reports a name that is not a scope. The name is user input: check it before showing it.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("%q is not a scope", e.Name) }

// ParseSet returns the set of the scopes with the given names. If one is unknown, the error is an
// *UnknownError.
func ParseSet(names []string) (Set, error) {
	var set Set
	for _, name := range names {
		s, ok := Parse(name)
		if !ok {
			return 0, &UnknownError{Name: name}
		}
		set |= Of(s)
	}
	return set, nil
}

// Has reports whether s is in the set.
func (set Set) Has(s Scope) bool { return set&(1<<s) != 0 }

// Contains reports whether every scope of other is in the set.
func (set Set) Contains(other Set) bool { return other&^set == 0 }

// Without returns the scopes of the set that are not in other.
func (set Set) Without(other Set) Set { return set &^ other }

// Len returns the number of scopes in the set.
func (set Set) Len() int { return bits.OnesCount16(uint16(set)) }

// Scopes returns the scopes of the set in display order.
func (set Set) Scopes() []Scope {
	scopes := make([]Scope, 0, set.Len())
	for s := range Scope(count) {
		if set.Has(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// Names returns the names of the scopes in the set. The result is never nil.
func (set Set) Names() []string {
	names := make([]string, 0, set.Len())
	for _, s := range set.Scopes() {
		names = append(names, s.String())
	}
	return names
}

// String returns the names separated by spaces (RFC 6749 §3.3).
func (set Set) String() string { return strings.Join(set.Names(), " ") }

// MarshalJSON encodes the set as an array of names.
func (set Set) MarshalJSON() ([]byte, error) { return json.Marshal(set.Names()) }

// GormDataType returns the column type for GORM.
func (Set) GormDataType() string { return "text" }

// Value stores the set as names separated by spaces.
func (set Set) Value() (driver.Value, error) { return set.String(), nil }

// Scan reads what Value stored. An unknown name is an error, because a key must not have fewer or more
// scopes than were stored.
func (set *Set) Scan(value any) error {
	var stored string
	switch value := value.(type) {
	case string:
		stored = value
	case []byte:
		stored = string(value)
	default:
		return fmt.Errorf("scan scopes: unexpected %T", value)
	}
	parsed, err := ParseSet(strings.Fields(stored))
	if err != nil {
		return fmt.Errorf("scan scopes: %w", err)
	}
	*set = parsed
	return nil
}
