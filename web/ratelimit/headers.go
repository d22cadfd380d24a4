package ratelimit

import (
	"net/http"
	"strconv"
	"time"
)

// The header fields in Go's canonical form, so that http.Header methods find them. Field names are
// case-insensitive (RFC 9110 §5.1).
const (
	policyField = "Ratelimit-Policy"
	limitField  = "Ratelimit"
)

// SetHeaders sets the fields of draft-ietf-httpapi-ratelimit-headers (§3 and §4):
//
//	RateLimit-Policy: "default";q=120;w=60
//	RateLimit: "default";r=119;t=60
//
// Seconds are rounded up, so that the window has ended after a client has waited. A Retry-After
// header must not be earlier (§6).
func SetHeaders(h http.Header, policy Policy, d Decision) {
	var space [96]byte
	text := appendItem(space[:0], policy.Name, ";q=", int64(policy.Quota), ";w=", seconds(policy.Window))
	cut := len(text)
	text = appendItem(text, policy.Name, ";r=", int64(d.Remaining), ";t=", seconds(d.Reset))

	both := string(text) // one allocation for both values
	values := []string{both[:cut], both[cut:]}
	h[policyField], h[limitField] = values[:1:1], values[1:]
}

// appendItem appends a structured field's item with two parameters (RFC 9651 §3.3).
func appendItem(text []byte, name, first string, a int64, second string, b int64) []byte {
	text = append(text, '"')
	text = append(text, name...)
	text = append(text, '"')
	text = append(text, first...)
	text = strconv.AppendInt(text, a, 10)
	text = append(text, second...)
	return strconv.AppendInt(text, b, 10)
}

// seconds returns d in seconds, rounded up. It returns at least 1.
func seconds(d time.Duration) int64 {
	return max(1, int64((d+time.Second-1)/time.Second))
}
