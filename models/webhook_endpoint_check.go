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

// WebhookPorts are the ports that deliveries may be sent to.
var WebhookPorts = []string{"443", "8443"}

func (s *Store) checkWebhookEndpoint(n NewWebhookEndpoint) error {
	fields := Fields{}
	s.checkWebhookURL(fields, n.URL)
	checkWebhookDescription(fields, n.Description)
	checkWebhookEvents(fields, n.Events)
	return fields.err()
}

// checkWebhookURL catches mistakes in a URL. The addresses of its host are checked at each delivery.
func (s *Store) checkWebhookURL(fields Fields, value string) {
	reject := func(format string, args ...any) { fields.add("url", format, args...) }
	u, err := url.Parse(value)
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case value == "":
		reject("is required")
	case len(value) > maxWebhookURL:
		reject("must be %d characters or fewer", maxWebhookURL)
	case strings.ContainsFunc(value, outside):
		reject("must be ASCII; percent-encode other characters, and use the xn-- form of international domain names")
	case token.Occurs(value):
		reject("must not contain an API key. If that key is active, rotate it")
	case err != nil || u.Host == "" || u.Opaque != "":
		reject("must be a full URL, such as https://example.com/webhooks")
	case u.User != nil:
		reject("must not contain a username or password; verify the signature instead")
	case u.Fragment != "" || strings.HasSuffix(value, "#"):
		reject("must not have a fragment, because the part after # is never sent")
	case s.allowPrivate && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		reject("must begin with https://")
	case u.Port() != "" && !slices.Contains(WebhookPorts, u.Port()):
		reject("must use port %s", strings.Join(WebhookPorts, " or "))
	case !isPublicHost(u.Hostname()):
		reject("must point to a public host")
	}
}

// isPublicHost reports whether host may be on the public internet: an IP address that isn't private,
// or a domain name that isn't reserved (RFC 6761, RFC 9476, and "internal", which ICANN reserves for
// private use). Some programs parse names that end in a number as an IP address (WHATWG URL §3.5).
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

func checkWebhookEvents(fields Fields, names []string) {
	if len(names) == 0 {
		fields.add("events", "must include at least one event, such as %s", MeetingRequestBookedEvent)
	}
	for i, name := range names {
		field := fmt.Sprintf("events[%d]", i)
		switch {
		case !slices.Contains(EventTypes, EventType(name)):
			fields.add(field, "%s", OneOf(EventType(name), EventTypes))
		case slices.Index(names, name) < i:
			fields.add(field, "must not be the same event as events[%d]", slices.Index(names, name))
		}
	}
}
