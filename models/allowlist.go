package models

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// MaxAllowlist limits the networks in an allowlist.
const MaxAllowlist = 100

// AllowlistMode says what an allowlist does.
type AllowlistMode string

// The modes of an allowlist. A workspace has nothing to inherit, so that AllowlistInherit means AllowlistNone
// there.
const (
	AllowlistInherit    AllowlistMode = ""            // the default of the workspace applies to the key
	AllowlistNone       AllowlistMode = "none"        // requests are accepted from any address
	AllowlistReportOnly AllowlistMode = "report_only" // requests from other addresses are accepted and counted
	AllowlistEnforce    AllowlistMode = "enforce"     // requests from other addresses are rejected
)

// inheritText is AllowlistInherit outside of the database.
const inheritText = "inherit"

// AllowlistModes are the modes of a key's allowlist as texts.
var AllowlistModes = []string{inheritText, string(AllowlistNone), string(AllowlistReportOnly), string(AllowlistEnforce)}

// Text returns the mode as the API and the command line write it.
func (m AllowlistMode) Text() string {
	if m == AllowlistInherit {
		return inheritText
	}
	return string(m)
}

// ParseAllowlistMode parses what Text returns. It returns Invalid for anything else.
func ParseAllowlistMode(text string) (AllowlistMode, error) {
	if !slices.Contains(AllowlistModes, text) {
		return "", Fields{"allowlist.mode": OneOf(text, AllowlistModes)}.err()
	}
	if text == inheritText {
		return AllowlistInherit, nil
	}
	return AllowlistMode(text), nil
}

// Allowlist limits the IP addresses from which a key can be used.
type Allowlist struct {
	Mode AllowlistMode
	// Networks are in the form that ParseNetworks returns. They are empty unless the mode needs a list.
	Networks string
}

// needsList reports whether the mode is about a list of networks.
func (m AllowlistMode) needsList() bool { return m == AllowlistReportOnly || m == AllowlistEnforce }

// Addresses returns the networks as texts.
func (a Allowlist) Addresses() []string { return strings.Fields(a.Networks) }

// Prefixes returns the networks.
func (a Allowlist) Prefixes() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range a.Addresses() {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("read an allowlist: %w", err)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// Or returns the allowlist of a key, or the default of its workspace if the key inherits it.
func (a Allowlist) Or(ofWorkspace Allowlist) Allowlist {
	if a.Mode == AllowlistInherit {
		return ofWorkspace
	}
	return a
}

// AddressIn reports whether one of the networks contains an address, which may be an IPv4 address written as
// an IPv6 address. It ignores zones, and allocates nothing.
func AddressIn(networks []netip.Prefix, address string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	for i := range networks {
		if networks[i].Contains(ip) {
			return true
		}
	}
	return false
}

// covers reports whether other rejects every request that a rejects. A list covers networks that are within
// one of its own.
func (a Allowlist) covers(other Allowlist) bool {
	if a.Mode != AllowlistEnforce {
		return true
	}
	own, err := a.Prefixes()
	granted, otherErr := other.Prefixes()
	if other.Mode != AllowlistEnforce || err != nil || otherErr != nil {
		return false
	}
	for _, network := range granted {
		if !slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Bits() <= network.Bits() && p.Contains(network.Addr()) }) {
			return false
		}
	}
	return true
}

// Everyone returns the networks of the list that contain all IPv4 or all IPv6 addresses.
func (a Allowlist) Everyone() []string {
	return slices.DeleteFunc(a.Addresses(), func(text string) bool { return !strings.HasSuffix(text, "/0") })
}

// String returns the allowlist in words, for the audit log.
func (a Allowlist) String() string {
	switch a.Mode {
	case AllowlistInherit:
		return "workspace default"
	case AllowlistNone:
		return "none"
	case AllowlistReportOnly:
		return "report only: " + strings.Join(a.Addresses(), ", ")
	}
	return "enforce: " + strings.Join(a.Addresses(), ", ")
}

// check checks the allowlist of a key or a workspace. It adds to the errors already in fields.
func (a Allowlist) check(fields Fields) {
	networks, _ := ParseNetworks(a.Addresses())
	switch {
	case !slices.Contains(AllowlistModes, a.Mode.Text()):
		fields.add("allowlist.mode", "%s", OneOf(string(a.Mode), AllowlistModes))
	case a.Mode.needsList() && a.Networks == "":
		fields.add("allowlist.addresses", "must have at least one IP address or network, because the mode is %s", a.Mode)
	case !a.Mode.needsList() && a.Networks != "":
		fields.add("allowlist.mode", "must be %s or %s, because there are addresses", AllowlistReportOnly, AllowlistEnforce)
	case networks != a.Networks:
		fields.add("allowlist.addresses", "must be IP addresses and networks")
	case len(a.Addresses()) > MaxAllowlist:
		fields.add("allowlist.addresses", "can have at most %d IP addresses and networks (you have %d)", MaxAllowlist, len(a.Addresses()))
	}
}

// AllowlistChange changes the mode of an allowlist, its networks, or both. A mode without a list removes the
// networks.
type AllowlistChange struct {
	Mode     Change[AllowlistMode]
	Networks Change[string]
}

// Given reports whether c changes anything.
func (c AllowlistChange) Given() bool { return c.Mode.Given || c.Networks.Given }

// Apply changes an allowlist.
func (c AllowlistChange) Apply(a *Allowlist) {
	c.Mode.apply(&a.Mode)
	if !a.Mode.needsList() {
		a.Networks = ""
	}
	c.Networks.apply(&a.Networks)
}

// NetworkError says what is wrong with one of several networks.
type NetworkError struct {
	Index   int // from 0
	Text    string
	Problem string // continues the text
}

// ParseNetworks returns networks in one order and form, separated by spaces, and what is wrong with those that
// it can't read. It ignores empty texts and repetitions. A single address stands for a network of its own.
// An IPv4 address that is written as an IPv6 address becomes an IPv4 address.
func ParseNetworks(texts []string) (networks string, wrong []NetworkError) {
	var prefixes []netip.Prefix
	for i, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, problem := parseNetwork(text)
		if problem != "" {
			wrong = append(wrong, NetworkError{i, clip(text, maxNetworkShown), problem})
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	prefixes = slices.Compact(prefixes)
	normal := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		normal[i] = prefix.String()
	}
	return strings.Join(normal, " "), wrong
}

// maxNetworkShown limits a network in an error, in bytes.
const maxNetworkShown = 60

// parseNetwork returns a network, or what is wrong with it.
func parseNetwork(text string) (prefix netip.Prefix, problem string) {
	if address, err := netip.ParseAddr(text); err == nil {
		if address.Zone() != "" {
			return netip.Prefix{}, "must not have a zone"
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), ""
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, "isn't an IP address or a network, such as 203.0.113.7 or 10.0.0.0/8"
	}
	if prefix.Addr().Is4In6() {
		const mapped = 96 // bits of ::ffff:0:0/96
		if prefix.Bits() < mapped {
			return netip.Prefix{}, "mixes IPv4 and IPv6. Write it as an IPv4 network"
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Sprintf("isn't the start of a network. Did you mean %s or %s?", masked, prefix.Addr())
	}
	return prefix, ""
}
