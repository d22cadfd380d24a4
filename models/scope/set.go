package scope

import (
	"database/sql/driver"
	"fmt"
	"math/bits"
	"strings"
)

// Set is a set of scopes, one bit for each, the lowest 64 first. The zero Set is empty, and sets compare
// with ==.
type Set [2]uint64

var (
	// All holds every built-in scope.
	All = Of(MeetingRequestsRead, MeetingRequestsWrite, MembersRead, MembersWrite, WebhooksRead, WebhooksWrite,
		APIKeysRead, APIKeysWrite, SeatsRead, SeatsWrite)
	// ReadOnly holds the built-in scopes that only read.
	ReadOnly = Of(MeetingRequestsRead, MembersRead, WebhooksRead, APIKeysRead, SeatsRead)
)

// Of returns the set of the given scopes.
func Of(scopes ...Scope) Set {
	var set Set
	for _, s := range scopes {
		set[s/64%2] |= 1 << (s % 64)
	}
	return set
}

// IsEmpty reports whether the set holds no scope.
func (set Set) IsEmpty() bool { return set == Set{} }

// Has reports whether s is in the set.
func (set Set) Has(s Scope) bool { return s < Max && set[s/64%2]&(1<<(s%64)) != 0 }

// Contains reports whether every scope of other is in the set.
func (set Set) Contains(other Set) bool { return other.Without(set).IsEmpty() }

// With returns the scopes of the set and of other.
func (set Set) With(other Set) Set {
	return Set{set[0] | other[0], set[1] | other[1]}
}

// Without returns the scopes of the set that are not in other.
func (set Set) Without(other Set) Set {
	return Set{set[0] &^ other[0], set[1] &^ other[1]}
}

// And returns the scopes of the set that are also in other.
func (set Set) And(other Set) Set {
	return Set{set[0] & other[0], set[1] & other[1]}
}

// Len returns the number of scopes in the set.
func (set Set) Len() int { return bits.OnesCount64(set[0]) + bits.OnesCount64(set[1]) }

// Scopes returns the scopes of the set by number.
func (set Set) Scopes() []Scope {
	scopes := make([]Scope, 0, set.Len())
	for s := range Scope(Max) {
		if set.Has(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// String returns the set as the database stores it: the String of each scope, separated by spaces.
// Catalog.Text returns it for people and programs.
func (set Set) String() string {
	var text strings.Builder
	for i, s := range set.Scopes() {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(s.String())
	}
	return text.String()
}

// GormDataType returns the column type for GORM.
func (Set) GormDataType() string { return "text" }

// Value stores the set as its String.
func (set Set) Value() (driver.Value, error) { return set.String(), nil }

// Scan reads what Value stored. It ignores scopes of a later version, so that a node of this version
// verifies a key by the scopes that it knows.
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
	*set = Set{}
	for text := range strings.FieldsSeq(stored) {
		if s, known := parseStored(text); known {
			*set = set.With(Of(s))
		}
	}
	return nil
}
