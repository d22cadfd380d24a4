package models

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/skipup/keys/models/token"
)

const (
	maxWebhookURL         = 2000 // bytes
	maxWebhookDescription = 500  // characters
)

// WebhookPorts are the ports that deliveries are sent to: those on which receivers speak TLS.
var WebhookPorts = []string{"443", "8443"}

func (s *Store) checkWebhookEndpoint(n NewWebhookEndpoint) error {
	fields := Fields{}
	s.checkWebhookURL(fields, n.URL)
	checkWebhookDescription(fields, n.Description)
	checkWebhookEvents(fields, n.Events)
	return fields.err()
}

// checkWebhookURL complains about what can be seen to lead nowhere, so that a slip is noticed.
// What a name leads to is checked whenever something is sent there.
func (s *Store) checkWebhookURL(fields Fields, value string) {
	complain := func(complaint string, args ...any) { fields.add("url", complaint, args...) }
	u, err := url.Parse(value)
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case value == "":
		complain("is required")
	case len(value) > maxWebhookURL:
		complain("must be %d characters or fewer", maxWebhookURL)
	case strings.ContainsFunc(value, outside):
		complain("must be ASCII: write other characters percent-encoded, and an international name in its xn-- form")
	case token.Occurs(value):
		complain("must not contain an API key. If that key is active, rotate it")
	case err != nil || u.Host == "" || u.Opaque != "":
		complain("must be a whole address, such as https://example.com/webhooks")
	case u.User != nil:
		complain("must not contain a user name or a password: check the signature instead")
	case u.Fragment != "" || strings.HasSuffix(value, "#"):
		complain("must not have a fragment: nothing behind # is sent")
	case s.allowPrivate && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		complain("must begin with https://")
	case u.Port() != "" && !slices.Contains(WebhookPorts, u.Port()):
		complain("must name the port %s, or none", strings.Join(WebhookPorts, " or "))
	case !isPublicHost(u.Hostname()):
		complain("must name a host on the public internet")
	}
}

// isPublicHost reports whether host may be on the public internet: an address that is not of a
// private network, or a name with a domain that is not reserved (RFC 6761, RFC 9476, and
// "internal", which ICANN keeps for private use). A name that ends in a number is an address in
// a spelling that only some programs read (WHATWG URL §3.5).
func isPublicHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		address = address.Unmap()
		return address.Zone() == "" && address.IsGlobalUnicast() && !address.IsPrivate()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	reserved := []string{"localhost", "local", "internal", "invalid", "test", "onion", "arpa", "alt"}
	return len(labels) > 1 && last != "" && unicode.IsLetter(rune(last[0])) && !slices.Contains(reserved, last)
}

func checkWebhookDescription(fields Fields, value *string) {
	if value != nil {
		checkText(fields, "description", *value, maxWebhookDescription)
	}
}

func checkWebhookEvents(fields Fields, words []string) {
	if len(words) == 0 {
		fields.add("events", "must name at least one event, such as %s", MeetingRequestBookedEvent)
	}
	for i, word := range words {
		field := fmt.Sprintf("events[%d]", i)
		switch {
		case !slices.Contains(EventTypes, EventType(word)):
			fields.add(field, "must be one of %s", EventList(EventTypes))
		case slices.Index(words, word) < i:
			fields.add(field, "must not be the same event as events[%d]", slices.Index(words, word))
		}
	}
}
