package web

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
)

var errTrustedProxies = errors.New("must be addresses or networks with commas between, such as 10.0.0.5,192.168.0.0/16")

// ParseTrustedProxies reads a list of addresses and networks with commas between. An empty
// text is none.
func ParseTrustedProxies(text string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" && strings.TrimSpace(text) == "" {
			return nil, nil
		}
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			address, err := netip.ParseAddr(word)
			if err != nil || address.Zone() != "" {
				return nil, errTrustedProxies
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// clientAddress is how the address of a caller is found: that of the connection, or, where it
// comes from a trusted proxy, the last one in X-Forwarded-For that is no such proxy. What a
// caller writes into that header itself is before it, and counts for nothing.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return SocketAddress
	}
	trusted := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range proxies {
		address := proxy.Addr()
		trusted = append(trusted, echo.TrustIPRange(&net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(proxy.Bits(), address.BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trusted...)
}

// SocketAddress is the address that the connection of a request comes from. It is Echo's
// ExtractIPDirect for what net/http notes, always an address and a port, in a third of the time.
func SocketAddress(r *http.Request) string {
	colon := strings.LastIndexByte(r.RemoteAddr, ':')
	if colon < 0 {
		return ""
	}
	address := r.RemoteAddr[:colon]
	if last := len(address) - 1; last > 0 && address[0] == '[' && address[last] == ']' {
		return address[1:last]
	}
	return address
}
