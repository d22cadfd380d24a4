// Package ratelimit counts requests: for each subject at most a quota in a window of time, on
// this node alone or, through Redis, on all nodes together.
package ratelimit

import (
	"context"
	"net/netip"
	"time"
)

// Policy lets every subject make at most Quota requests in each Window. A window is fixed: it
// begins with the first request after the one before it is over, and whatever happens within
// it, it ends when it was said to. That is what the RateLimit header fields can say exactly,
// since they know a number of requests and the seconds within which no more may be used
// (draft-ietf-httpapi-ratelimit-headers §4.1). Of a bucket that fills up all the time they tell
// only half. The price is that a client who waits for the end of a window can make two quotas
// of requests in a row.
type Policy struct {
	Name   string // names it to clients: printable ASCII without quotes and backslashes
	Quota  int
	Window time.Duration // whole seconds
}

// Subject is who is counted: the ULID of a key or, by AddressSubject, where a client is. It is
// never a secret. Subjects of one kind have a limiter of their own.
type Subject [16]byte

// AddressSubject is the subject of a client address: an IPv4 address itself, however it is
// written, or the first 64 bits of an IPv6 address, within which anybody has as many addresses
// as they like (RFC 6177 §2). The zero Addr, which is what becomes of an address that cannot be
// read, has the zero Subject, as does ::1, which only this machine itself can have.
func AddressSubject(address netip.Addr) Subject {
	address = address.Unmap()
	subject := Subject(address.As16())
	if address.Is6() {
		clear(subject[8:])
	}
	return subject
}

// Decision is what is said to one request.
type Decision struct {
	Allowed   bool
	Remaining int           // how many more the window would let through
	Reset     time.Duration // until the window is over; more than 0
}

// Limiter lets requests through by its Policy, or refuses them. It always decides: what it
// cannot know makes it count less exactly, never fail.
type Limiter interface {
	// Take counts one request of subject and says whether it is within the quota. One that is
	// refused is not counted, so that trying on neither lengthens the window nor outlasts it.
	Take(ctx context.Context, subject Subject) Decision

	// Peek says what Take would, and counts nothing: whether an address may have a key looked
	// up at all, before it is known whether the key is good.
	Peek(ctx context.Context, subject Subject) Decision
}
