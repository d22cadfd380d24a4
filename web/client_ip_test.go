package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web"
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
		{"bypassed proxy", "10.0.0.5", "203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proxies, err := web.ParseTrustedProxies(tt.trusted)
			if err != nil {
				t.Fatal(err)
			}
			server := newServer(t, web.Options{Log: slog.New(slog.DiscardHandler), TrustedProxies: proxies})
			var got string
			server.Pages.Add(http.MethodGet, "/", func(c echo.Context) error { got = c.RealIP(); return nil })
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

func TestParseTrustedProxiesErrors(t *testing.T) {
	for _, text := range []string{"proxy.internal", "10.0.0.0/33", "10.0.0.5,", ",", "10.0.0.5 10.0.0.6", "fe80::1%eth0", "*"} {
		if proxies, err := web.ParseTrustedProxies(text); err == nil {
			t.Errorf("ParseTrustedProxies(%q) = %v, want an error", text, proxies)
		}
	}
}
