package web

import (
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

var errTrustedProxies = errors.New("must be comma-separated IP addresses or networks, such as 10.0.0.5,192.168.0.0/16")

// ParseTrustedProxies parses a comma-separated list of IP addresses and networks, which may be
// empty.
func ParseTrustedProxies(text string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" && strings.TrimSpace(text) == "" {
			return nil, nil
		}
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			ip, err := netip.ParseAddr(item)
			if err != nil || ip.Zone() != "" {
				return nil, errTrustedProxies
			}
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// addresses finds the IP addresses of clients.
type addresses struct {
	proxies    []netip.Prefix // trusted
	log        *slog.Logger
	unreadable sync.Once              // to log one value that can't be parsed
	untrusted  atomic.Pointer[string] // the first private address that forwarded requests without being trusted
}

// of returns the IP address of a client: that of the connection or, if the connection comes from a
// trusted proxy, the last one in X-Forwarded-For that isn't a trusted proxy. Anything before it was
// written by the client and is never read. If a proxy didn't name its client, it is the address of
// the proxy.
func (a *addresses) of(r *http.Request) string {
	connection, forwarded := ConnectionIP(r), r.Header[echo.HeaderXForwardedFor]
	if len(forwarded) == 0 {
		return connection
	}
	address, err := netip.ParseAddr(connection)
	if err != nil {
		return connection
	}
	if !a.trusts(address) {
		a.reportUntrusted(address)
		return connection
	}
	for member := range backward(forwarded) {
		if member == "" {
			continue // RFC 9110 §5.6.1.2 allows empty members
		}
		next, err := parseForwarded(member)
		if err != nil {
			a.unreadable.Do(func() {
				a.log.Warn("can't read an address in X-Forwarded-For; its callers share the address of the proxy",
					"proxy", address.String(), "value", member[:min(len(member), maxLogged)])
			})
			break
		}
		if address = next; !a.trusts(address) {
			break
		}
	}
	return address.String()
}

// maxLogged limits the length of a value in the log, in bytes.
const maxLogged = 64

func (a *addresses) trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(a.proxies, func(proxy netip.Prefix) bool { return proxy.Contains(address) })
}

// reportUntrusted logs the first address from a private network that forwarded a request without
// being trusted. It is probably that of a proxy that is missing from the settings.
func (a *addresses) reportUntrusted(address netip.Addr) {
	address = address.Unmap()
	if a.untrusted.Load() != nil || !address.IsPrivate() && !address.IsLoopback() && !address.IsLinkLocalUnicast() {
		return
	}
	text := address.String()
	if a.untrusted.CompareAndSwap(nil, &text) {
		a.log.Warn("ignored X-Forwarded-For from an address that isn't a trusted proxy, so that its callers share one IP address; "+
			"if it is your proxy, set --trusted-proxies (SKIPUP_TRUSTED_PROXIES)", "address", text)
	}
}

// backward returns the members of a list header, from the last to the first.
func backward(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				comma := strings.LastIndexByte(line, ',')
				if !yield(strings.Trim(line[comma+1:], " \t")) {
					return
				}
				if more = comma >= 0; more {
					line = line[:comma]
				}
			}
		}
	}
}

// parseForwarded parses an IP address, which some proxies write with a port or in quotes, as in the
// Forwarded header (RFC 7239 §6).
func parseForwarded(member string) (netip.Addr, error) {
	member = strings.Trim(member, `"`)
	host := member
	switch {
	case strings.HasPrefix(member, "["):
		host, _, _ = strings.Cut(member[1:], "]")
	case strings.Count(member, ":") == 1:
		host, _, _ = strings.Cut(member, ":")
	}
	address, err := netip.ParseAddr(host)
	return address.Unmap(), err
}

// ConnectionIP returns the IP address of a request's connection. It does the same as Echo's
// ExtractIPDirect in a third of the time, because net/http always sets an address and a port.
func ConnectionIP(r *http.Request) string {
	colon := strings.LastIndexByte(r.RemoteAddr, ':')
	if colon < 0 {
		return ""
	}
	ip := r.RemoteAddr[:colon]
	if last := len(ip) - 1; last > 0 && ip[0] == '[' && ip[last] == ']' {
		return ip[1:last]
	}
	return ip
}
