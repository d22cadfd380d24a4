// Package clientip finds the IP address of the client that sent a request, which may have passed through
// trusted proxies.
package clientip

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
)

var errProxies = errors.New("must be comma-separated IP addresses or networks, such as 10.0.0.5,192.168.0.0/16")

// ParseProxies parses a comma-separated list of IP addresses and networks, which may be
// empty.
func ParseProxies(text string) ([]netip.Prefix, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var proxies []netip.Prefix
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			ip, err := netip.ParseAddr(item)
			if err != nil || ip.Zone() != "" {
				return nil, errProxies
			}
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// Finder finds the IP addresses of clients. It is safe for concurrent use.
type Finder struct {
	proxies    []netip.Prefix // trusted
	setting    string
	log        *slog.Logger
	unreadable sync.Once              // to log one value that can't be parsed
	untrusted  atomic.Pointer[string] // the first private address that forwarded requests without being trusted
}

// NewFinder returns a Finder that trusts proxies. It logs once if a proxy seems to be missing, and names
// the setting that lists them.
func NewFinder(proxies []netip.Prefix, setting string, log *slog.Logger) *Finder {
	return &Finder{proxies: proxies, setting: setting, log: log}
}

// UntrustedProxy returns the first private IP address that sent X-Forwarded-For without being a
// trusted proxy, or "" if there is none.
func (f *Finder) UntrustedProxy() string {
	if address := f.untrusted.Load(); address != nil {
		return *address
	}
	return ""
}

// Of returns the IP address of a client: that of the connection or, if the connection comes from a
// trusted proxy, the last one in X-Forwarded-For that isn't a trusted proxy. Anything before it was
// written by the client and is never read. If a proxy didn't name its client, it is the address of
// the proxy.
func (f *Finder) Of(r *http.Request) string {
	connection, forwarded := OfConnection(r), r.Header["X-Forwarded-For"]
	if len(forwarded) == 0 {
		return connection
	}
	address, err := netip.ParseAddr(connection)
	if err != nil {
		return connection
	}
	if !f.trusts(address) {
		f.reportUntrusted(address)
		return connection
	}
	for member := range backward(forwarded) {
		if member == "" {
			continue // RFC 9110 §5.6.1.2 allows empty members
		}
		next, err := parseForwarded(member)
		if err != nil {
			f.unreadable.Do(func() {
				f.log.Warn("can't read an address in X-Forwarded-For; its callers share the address of the proxy",
					"proxy", address.String(), "value", member[:min(len(member), maxLogged)])
			})
			break
		}
		if address = next; !f.trusts(address) {
			break
		}
	}
	return address.String()
}

// maxLogged limits the length of a value in the log, in bytes.
const maxLogged = 64

func (f *Finder) trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(f.proxies, func(proxy netip.Prefix) bool { return proxy.Contains(address) })
}

// reportUntrusted logs the first address from a private network that forwarded a request without
// being trusted. It is probably that of a proxy that is missing from the settings.
func (f *Finder) reportUntrusted(address netip.Addr) {
	address = address.Unmap()
	if f.untrusted.Load() != nil || !address.IsPrivate() && !address.IsLoopback() && !address.IsLinkLocalUnicast() {
		return
	}
	text := address.String()
	if f.untrusted.CompareAndSwap(nil, &text) {
		f.log.Warn("ignored X-Forwarded-For from an address that isn't a trusted proxy, so that its callers share one IP address; "+
			"if it is your proxy, set "+f.setting, "address", text)
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

// OfConnection returns the IP address of a request's connection. It does the same as Echo's
// ExtractIPDirect in a third of the time, because net/http always sets an address and a port.
func OfConnection(r *http.Request) string {
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
