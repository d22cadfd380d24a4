// Package ratelimit limits the number of requests per subject and time window, on each node or, with
// Redis, across all nodes.
package ratelimit

import (
	"context"
	"net/netip"
	"time"
)

// Policy allows each subject at most Quota requests per Window. Windows are fixed: a window begins
// with the first request after the previous one has ended. The RateLimit header fields describe such
// windows exactly, but not token buckets (draft-ietf-httpapi-ratelimit-headers §4.1). The drawback is
// that a client can make two quotas of requests around the end of a window.
type Policy struct {
	Name   string // shown to clients: printable ASCII without quotes and backslashes
	Quota  int
	Window time.Duration // whole seconds
}

// Subject identifies a client: the ULID of an API key, or an AddressSubject. It is never a secret. Each
// kind of subject needs its own limiter.
type Subject [16]byte

// AddressSubject returns the subject of a client's IP address: an IPv4 address, or the first 64 bits
// of an IPv6 address, which identify a customer (RFC 6177 §2). The zero Addr has the zero Subject, as
// does ::1.
func AddressSubject(address netip.Addr) Subject {
	address = address.Unmap()
	subject := Subject(address.As16())
	if address.Is6() {
		clear(subject[8:])
	}
	return subject
}

// Decision is the decision about a request.
type Decision struct {
	Allowed   bool
	Remaining int           // further requests allowed in the window
	Reset     time.Duration // until the window ends; more than 0
}

// Limiter applies a Policy. It never fails: without Redis it only becomes less accurate.
type Limiter interface {
	// Take counts a request and decides whether it is within the quota. Rejected requests are not
	// counted.
	Take(ctx context.Context, subject Subject) Decision

	// TakeUpTo is Take with another quota than that of the policy.
	TakeUpTo(ctx context.Context, subject Subject, quota int) Decision

	// Peek returns the decision that Take would make, without counting a request.
	Peek(ctx context.Context, subject Subject) Decision
}
