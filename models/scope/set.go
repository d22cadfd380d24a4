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

// All is every scope.
const All Set = 1<<count - 1

// ReadOnly is every scope that only reads.
const ReadOnly = Set(1<<MeetingRequestsRead | 1<<MembersRead | 1<<WebhooksRead | 1<<APIKeysRead | 1<<SeatsRead)

// Of is the set of the given scopes.
func Of(scopes ...Scope) Set {
	var set Set
	for _, s := range scopes {
		set |= 1 << s
	}
	return set
}

// UnknownError is a word that is not a scope. The word is input: check it before showing it.
type UnknownError struct{ Word string }

func (e *UnknownError) Error() string { return fmt.Sprintf("%q is not a scope", e.Word) }

// ParseSet is the set of the given words, or an *UnknownError.
func ParseSet(words []string) (Set, error) {
	var set Set
	for _, word := range words {
		s, known := Parse(word)
		if !known {
			return 0, &UnknownError{Word: word}
		}
		set |= Of(s)
	}
	return set, nil
}

// Has reports whether s is in the set.
func (set Set) Has(s Scope) bool { return set&(1<<s) != 0 }

// Contains reports whether every scope of other is in the set.
func (set Set) Contains(other Set) bool { return other&^set == 0 }

// Without is the set less the scopes of other.
func (set Set) Without(other Set) Set { return set &^ other }

// Len is the number of scopes in the set.
func (set Set) Len() int { return bits.OnesCount16(uint16(set)) }

// Scopes lists the set in the order in which scopes are shown.
func (set Set) Scopes() []Scope {
	scopes := make([]Scope, 0, set.Len())
	for s := range Scope(count) {
		if set.Has(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// Words lists the words of the set; it is never nil.
func (set Set) Words() []string {
	words := make([]string, 0, set.Len())
	for _, s := range set.Scopes() {
		words = append(words, s.String())
	}
	return words
}

// String is the words of the set with spaces between, as RFC 6749 §3.3 writes scopes.
func (set Set) String() string { return strings.Join(set.Words(), " ") }

// MarshalJSON writes the set as an array of words.
func (set Set) MarshalJSON() ([]byte, error) { return json.Marshal(set.Words()) }

// GormDataType keeps the set as text.
func (Set) GormDataType() string { return "text" }

// Value stores the set as words with spaces between.
func (set Set) Value() (driver.Value, error) { return set.String(), nil }

// Scan reads what Value stored. A word this program does not know is an error: a key must
// never be given less or more than was written down for it.
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
