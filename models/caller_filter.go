package models

import (
	"net/netip"
	"strings"
)

// CallerFilter selects callers by IP address and user agent.
type CallerFilter struct{ words []callerWord }

// callerWord is a word of a filter.
type callerWord struct {
	text    string // in lower case
	network []netip.Prefix
}

// ParseCallerFilter returns the filter for text that a person has entered. A caller must match each of its words: by
// a part of its IP address or user agent, ignoring case, or by a network that contains the address, such as
// 203.0.113.0/24. A filter without words selects all callers.
func ParseCallerFilter(text string) CallerFilter {
	var filter CallerFilter
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		parsed := callerWord{text: word}
		if network, err := netip.ParsePrefix(word); err == nil {
			parsed.network = []netip.Prefix{network.Masked()}
		} else if address, err := netip.ParseAddr(word); err == nil {
			parsed.text = address.Unmap().String() // as it is stored
		}
		filter.words = append(filter.words, parsed)
	}
	return filter
}

// IsEmpty reports whether the filter selects all callers.
func (f CallerFilter) IsEmpty() bool { return len(f.words) == 0 }

// Matches reports whether the filter selects a caller. Callers that are counted together match by what they have in
// common: an IP address, or nothing.
func (f CallerFilter) Matches(c *APIKeyCaller) bool {
	shown := strings.ToLower(c.Address + " " + c.UserAgent)
	for _, word := range f.words {
		if !strings.Contains(shown, word.text) && !AddressIn(word.network, c.Address) {
			return false
		}
	}
	return true
}
