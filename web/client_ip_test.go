package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web"
)

// TestClientAddress: a caller may write into X-Forwarded-For what it likes; only what a trusted
// proxy has added counts.
func TestClientAddress(t *testing.T) {
	tests := []struct {
		name, trusted, from, forwarded, want string
	}{
		{"no proxy", "", "203.0.113.9:5000", "", "203.0.113.9"},
		{"by IPv6", "", "[2001:db8::7]:5000", "", "2001:db8::7"},
		{"by IPv6 of a link", "", "[fe80::1%eth0]:5000", "", "fe80::1%eth0"},
		{"by a socket without addresses", "", "@", "", ""},
		{"a forged header", "", "203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
		{"from this machine, none trusted", "", "127.0.0.1:5000", "198.51.100.1", "127.0.0.1"},
		{"a private address is not trusted for that", "192.0.2.1", "10.0.0.5:5000", "198.51.100.1", "10.0.0.5"},
		{"through the proxy", "10.0.0.5", "10.0.0.5:5000", "198.51.100.1", "198.51.100.1"},
		{"forged before the proxy", "10.0.0.5", "10.0.0.5:5000", "192.0.2.7, 198.51.100.1", "198.51.100.1"},
		{"through two proxies", "10.0.0.0/8, 2001:db8::/32", "10.0.0.5:5000", "198.51.100.1, 2001:db8::7", "198.51.100.1"},
		{"the proxy says nothing", "10.0.0.5", "10.0.0.5:5000", "", "10.0.0.5"},
		{"around the proxy", "10.0.0.5", "203.0.113.9:5000", "198.51.100.1", "203.0.113.9"},
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
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseTrustedProxiesRefuses(t *testing.T) {
	for _, text := range []string{"proxy.internal", "10.0.0.0/33", "10.0.0.5,", ",", "10.0.0.5 10.0.0.6", "fe80::1%eth0", "*"} {
		if proxies, err := web.ParseTrustedProxies(text); err == nil {
			t.Errorf("%q is accepted: %v", text, proxies)
		}
	}
}
