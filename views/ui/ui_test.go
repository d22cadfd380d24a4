package ui

import (
	"strings"
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		away time.Duration
		want string
	}{
		{0, "just now"},
		{-44 * time.Second, "just now"},
		{44 * time.Second, "in a moment"},
		{-45 * time.Second, "1 minute ago"},
		{-89 * time.Second, "1 minute ago"},
		{-59 * time.Minute, "59 minutes ago"},
		{-(59*time.Minute + 40*time.Second), "1 hour ago"},
		{3 * time.Hour, "in 3 hours"},
		{-(23*time.Hour + 40*time.Minute), "1 day ago"},
		{23 * time.Hour, "in 23 hours"},
		{90*day - time.Second, "in 90 days"},
		{90 * day, "in 90 days"},
		{91 * day, "in 3 months"},
		{344 * day, "in 11 months"},
		{345 * day, "in 1 year"},
		{120 * day, "in 4 months"},
		{-200 * day, "7 months ago"},
		{365 * day, "in 1 year"},
		{-800 * day, "2 years ago"},
	}
	for _, tt := range tests {
		if got := Relative(now.Add(tt.away), now); got != tt.want {
			t.Errorf("Relative(now%+v) = %q, want %q", tt.away, got, tt.want)
		}
	}
}

func TestHowLongItLasts(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "less than a minute", 44 * time.Second: "less than a minute", 45 * time.Second: "1 minute", 36 * time.Hour: "2 days"} {
		if got := Lasting(d); got != want {
			t.Errorf("%s lasts %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "less than a second", time.Second - 1: "less than a second", time.Second: "about 1 second", time.Second + 1: "about 2 seconds", 10_500 * time.Millisecond: "about 11 seconds"} {
		if got := AtMost(d); got != want {
			t.Errorf("%s takes %q, want %q", d, got, want)
		}
	}
}

func TestDevice(t *testing.T) {
	const webKit = "AppleWebKit/537.36 (KHTML, like Gecko) "
	tests := []struct{ userAgent, want string }{
		{"", "Unknown client"},
		{"curl/8.5.0", "curl 8.5.0"},
		{"python-requests/2.32.3 extra", "python-requests 2.32.3"},
		{"booking-form/2.8", "booking-form 2.8"},
		{"plain", "plain"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + webKit + "Chrome/126.0.0.0 Safari/537.36", "Chrome on macOS"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + webKit + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge on Windows"},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"},
		{"Mozilla/5.0 (Linux; Android 15; Pixel 9) " + webKit + "Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome on Android"},
		{"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPad"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"},
		{"Mozilla/5.0", "Browser"},
	}
	for _, tt := range tests {
		if got := Device(tt.userAgent); got != tt.want {
			t.Errorf("Device(%q) = %q, want %q", tt.userAgent, got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 10000: "10,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestInitial(t *testing.T) {
	for name, want := range map[string]string{"acme": "A", " élan": "É", "(42)": "4", "مفتاح": "م", "🦄": "🦄", "": "·", "  ": "·", "\xff": "·"} {
		if got := Initial(name); got != want {
			t.Errorf("Initial(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestIsolate(t *testing.T) {
	for name, want := range map[string]string{
		"CI": "CI", "Émile’s 🚀": "Émile’s 🚀", "مفتاح": "\u2068مفتاح\u2069", "\u202egnp.key\u202c\u2066abc\u2069": "gnp.keyabc",
		"\u2069\u202eאב": "\u2068אב\u2069",
	} {
		if got := Isolate(name); got != want {
			t.Errorf("Isolate(%+q) = %+q, want %+q", name, got, want)
		}
	}
}

func TestPath(t *testing.T) {
	var html strings.Builder
	if err := Path("GET /a or https://a.test/b/c?d=<e>", nil).Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	if got, want := html.String(), "<code>GET /a or https://a.test/<wbr>b/<wbr>c?d=&lt;e&gt;</code>"; got != want {
		t.Errorf("path = %s, want %s", got, want)
	}
}

func TestCurly(t *testing.T) {
	if got, want := Curly("You can't use 'x' in Ada's workspace."), "You can’t use 'x' in Ada’s workspace."; got != want {
		t.Errorf("message = %q, want %q", got, want)
	}
}
