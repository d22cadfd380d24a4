package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/clientip"
)

// TestClientIP checks that only what a trusted proxy adds to X-Forwarded-For is used.
func TestClientIP(t *testing.T) {
	tests := []struct {
		name, trusted, from, forwarded, want string
	}{
		{"no proxy", "", "203.0.113.9:5000", "", "203.0.113.9"},
		{"IPv6", "", "[2001:db8::7]:5000", "", "2001:db8::7"},
		{"link-local IPv6", "", "[fe80::1%eth0]:5000", "", "fe80::1%eth0"},
		{"socket without IP addresses", "", "@", "", ""},
		{"forged header", "", "203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
		{"untrusted loopback", "", "127.0.0.1:5000", "198.51.100.1", "127.0.0.1"},
		{"untrusted private address", "192.0.2.1", "10.0.0.5:5000", "198.51.100.1", "10.0.0.5"},
		{"trusted proxy", "10.0.0.5", "10.0.0.5:5000", "198.51.100.1", "198.51.100.1"},
		{"header forged before a trusted proxy", "10.0.0.5", "10.0.0.5:5000", "192.0.2.7, 198.51.100.1", "198.51.100.1"},
		{"two trusted proxies", "10.0.0.0/8, 2001:db8::/32", "10.0.0.5:5000", "198.51.100.1, 2001:db8::7", "198.51.100.1"},
		{"trusted proxy without header", "10.0.0.5", "10.0.0.5:5000", "", "10.0.0.5"},
		{"port", "10.0.0.5", "10.0.0.5:5000", "203.0.113.7:51234", "203.0.113.7"},
		{"IPv6 in brackets", "10.0.0.5", "10.0.0.5:5000", "[2001:db8::7]", "2001:db8::7"},
		{"IPv6 with a port", "10.0.0.5", "10.0.0.5:5000", "[2001:db8::7]:443", "2001:db8::7"},
		{"quoted", "10.0.0.5", "10.0.0.5:5000", `"[2001:db8::7]:443"`, "2001:db8::7"},
		{"IPv6 without brackets", "10.0.0.5", "10.0.0.5:5000", "2001:db8::7", "2001:db8::7"},
		{"IPv4 as IPv6", "10.0.0.5", "10.0.0.5:5000", "::ffff:203.0.113.7", "203.0.113.7"},
		{"trusted proxy as IPv6", "10.0.0.5", "[::ffff:10.0.0.5]:5000", "203.0.113.7", "203.0.113.7"},
		{"empty members", "10.0.0.5", "10.0.0.5:5000", "203.0.113.7, ,", "203.0.113.7"},
		{"only empty members", "10.0.0.5", "10.0.0.5:5000", " , ", "10.0.0.5"},
		{"port of a second trusted proxy", "10.0.0.0/8", "10.0.0.5:5000", "203.0.113.7:1, 10.0.0.9:2", "203.0.113.7"},
		{"only trusted proxies", "10.0.0.0/8", "10.0.0.5:5000", "10.0.0.7, 10.0.0.9", "10.0.0.7"},
		{"unknown client of the proxy", "10.0.0.5", "10.0.0.5:5000", "203.0.113.7, unknown", "10.0.0.5"},
		{"unknown sent by the client", "10.0.0.5", "10.0.0.5:5000", "unknown, 203.0.113.7", "203.0.113.7"},
		{"unknown client of a second proxy", "10.0.0.0/8", "10.0.0.5:5000", "unknown, 10.0.0.9", "10.0.0.9"},
		{"bypassed proxy", "10.0.0.5", "203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proxies, err := clientip.ParseProxies(tt.trusted)
			if err != nil {
				t.Fatal(err)
			}
			server := newServer(t, web.Options{Log: slog.New(slog.DiscardHandler), TrustedProxies: proxies})
			var got string
			server.Pages.Add(http.MethodGet, "/", func(c echo.Context) error { got = c.RealIP(); return c.NoContent(http.StatusNoContent) })
			request := httptest.NewRequest("GET", "/", nil)
			request.RemoteAddr = tt.from
			if tt.forwarded != "" {
				request.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			server.ServeHTTP(httptest.NewRecorder(), request)
			if got != tt.want {
				t.Errorf("client IP = %q, want %q", got, tt.want)
			}
		})
	}
}

// forward sends requests from an address with each of the given values of X-Forwarded-For to a server
// that trusts 10.0.0.5. It returns the server and its log.
func forward(t *testing.T, from string, values ...string) (*web.Server, string) {
	t.Helper()
	var log bytes.Buffer
	proxies, err := clientip.ParseProxies("10.0.0.5")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t, web.Options{Log: slog.New(slog.NewJSONHandler(&log, nil)), TrustedProxies: proxies})
	for _, value := range values {
		request := httptest.NewRequest("GET", "/nothing", nil)
		request.RemoteAddr = from
		request.Header.Set("X-Forwarded-For", value)
		server.ServeHTTP(httptest.NewRecorder(), request)
	}
	return server, log.String()
}

func TestUnreadableForwardedAddressesAreLoggedOnce(t *testing.T) {
	_, log := forward(t, "10.0.0.5:5000", "203.0.113.7", "unknown", "nonsense", "203.0.113.7:80")
	if got := strings.Count(log, "can't read an address in X-Forwarded-For"); got != 1 {
		t.Errorf("%d warnings, want 1: %s", got, log)
	}
	if !strings.Contains(log, `"value":"unknown"`) {
		t.Errorf("the warning doesn't contain the value: %s", log)
	}
}

// TestUntrustedProxiesAreReported checks that X-Forwarded-For from a private address that isn't trusted is
// reported once, because it probably comes from a proxy that is missing from the settings.
func TestUntrustedProxiesAreReported(t *testing.T) {
	for from, want := range map[string]string{
		"10.0.0.6:5000": "10.0.0.6", "127.0.0.1:5000": "127.0.0.1", "[::1]:5000": "::1", "[fd00::7]:5000": "fd00::7",
		"203.0.113.9:5000": "", "10.0.0.5:5000": "",
	} {
		server, log := forward(t, from, "198.51.100.1", "198.51.100.2")
		if got := server.UntrustedProxy(); got != want {
			t.Errorf("from %s: untrusted proxy = %q, want %q", from, got, want)
		}
		if got := strings.Count(log, "SKIPUP_TRUSTED_PROXIES"); got != min(len(want), 1) {
			t.Errorf("from %s: %d warnings, want %d: %s", from, got, min(len(want), 1), log)
		}
	}
}

// TestForwardedAddressesAreReadFromTheEnd checks that reading the header takes no memory for what the
// client wrote.
func TestForwardedAddressesAreReadFromTheEnd(t *testing.T) {
	header := http.Header{"X-Forwarded-For": {strings.Repeat(",", 10_000_000) + "203.0.113.7"}}
	for from, want := range map[string]string{"203.0.113.9:5000": "203.0.113.9", "10.0.0.5:5000": "203.0.113.7"} {
		server, _ := forward(t, from)
		request := &http.Request{RemoteAddr: from, Header: header}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := server.IPExtractor(request)
		runtime.ReadMemStats(&after)
		if got != want {
			t.Errorf("from %s: client IP = %q, want %q", from, got, want)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
			t.Errorf("from %s: %d bytes allocated, want less than 1 MiB", from, allocated)
		}
	}
}

func TestParseProxiesErrors(t *testing.T) {
	for _, text := range []string{"proxy.internal", "10.0.0.0/33", "10.0.0.5,", ",", "10.0.0.5 10.0.0.6", "fe80::1%eth0", "*"} {
		if proxies, err := clientip.ParseProxies(text); err == nil {
			t.Errorf("ParseProxies(%q) = %v, want an error", text, proxies)
		}
	}
}
