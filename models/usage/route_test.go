package usage_test

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models/usage"
)

func TestAppendRoute(t *testing.T) {
	tests := []struct{ name, method, path, want string }{
		{"root", "GET", "/", "GET /"},
		{"empty path", "GET", "", "GET /"},
		{"names", "POST", "/v1/meeting_requests", "POST /v1/meeting_requests"},
		{"query", "GET", "/orders?customer=ada@example.com", "GET /orders"},
		{"fragment", "GET", "/orders#secret", "GET /orders"},
		{"number", "GET", "/orders/1234", "GET /orders/:id"},
		{"short number", "GET", "/orders/7/items/12", "GET /orders/:id/items/:id"},
		{"UUID", "DELETE", "/orders/2f1c7f4e-9e0a-4d0b-8f2a-0c9b7a1d2e3f", "DELETE /orders/:id"},
		{"prefixed ULID", "GET", "/keys/key_01JDN6Y7M8", "GET /keys/:id"},
		{"date", "GET", "/reports/2026-11-30", "GET /reports/:id"},
		{"email address", "GET", "/people/ada@example.com", "GET /people/:id"},
		{"escaped text", "GET", "/people/Ada%20Lovelace", "GET /people/:id"},
		{"file", "GET", "/openapi.json", "GET /openapi.json"},
		{"name with digits", "GET", "/oauth2/s3", "GET /oauth2/s3"},
		{"long token of letters", "GET", "/reset/" + strings.Repeat("abcde", 9), "GET /reset/:id"},
		{"empty segments", "GET", "//orders///7/", "GET /orders/:id"},
		{"lower-case method", "get", "/orders", "GET /orders"},
		{"no method", "", "/orders", "OTHER /orders"},
		{"method with spaces", "GET /x", "/orders", "OTHER /orders"},
		{"method outside of ASCII", "GÉT", "/orders", "OTHER /orders"},
		{"deep path", "GET", strings.Repeat("/a", 50), "GET " + strings.Repeat("/a", 12) + "/…"},
		{"control characters", "GET", "/a\x00b/c\nd", "GET /:id/:id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(usage.AppendRoute(nil, tt.method, tt.path)); got != tt.want {
				t.Errorf("AppendRoute(nil, %q, %q) = %q, want %q", tt.method, tt.path, got, tt.want)
			}
		})
	}
}
