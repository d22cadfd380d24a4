// Package usage defines what requests with API keys are counted by, and the sums, windows, and
// reports made from the counts. It doesn't access the database.
package usage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Rejection is the reason a request with a known key was rejected.
type Rejection string

// The rejections.
const (
	Accepted          Rejection = ""
	RejectedDeleted   Rejection = "deleted"
	RejectedExpired   Rejection = "expired"
	RejectedPaused    Rejection = "paused"
	RejectedScope     Rejection = "scope"      // the key lacks the scope of the route
	RejectedRateLimit Rejection = "rate_limit" // too many requests
	RejectedAddress   Rejection = "address"    // the allowlist of the key doesn't contain the address
)

// IsKnown reports whether r is Accepted or one of the rejections.
func (r Rejection) IsKnown() bool {
	switch r {
	case Accepted, RejectedDeleted, RejectedExpired, RejectedPaused, RejectedScope, RejectedRateLimit, RejectedAddress:
		return true
	}
	return false
}

// Route is a route, such as "GET /me", and the scope that it requires. Of several scopes, the names are
// separated by spaces. The zero Route stands for requests that matched no route.
type Route struct {
	Name, Scope string
}

// Scopes returns the names of the scopes that the requests of a count or a route required. Requests that
// required none have one empty name.
func Scopes(text string) []string {
	if !strings.Contains(text, " ") {
		return []string{text}
	}
	return strings.Fields(text)
}

// Caller is an IP address with a user agent. The zero Caller stands for all callers of a key from
// addresses that are not recorded separately.
type Caller struct {
	Address, UserAgent string
	// Rest is set for a Caller that stands for other user agents of the address. Its UserAgent is empty.
	Rest bool
}

// IsOthers reports whether c stands for all callers from addresses that are not recorded separately.
func (c Caller) IsOthers() bool { return c == Caller{} }

// Period is the length of time that requests are counted by.
type Period time.Duration

// The periods. Both start at full hours or days of UTC.
const (
	Hourly = Period(time.Hour)
	Daily  = Period(24 * time.Hour)
)

// Start returns the start of the period that at falls in.
func (p Period) Start(at time.Time) time.Time { return at.UTC().Truncate(time.Duration(p)) }

// Counts are the requests that a node has counted since its last flush.
type Counts struct {
	ID   string // random; the database stores Counts with the same ID once
	Rows []Count
}

// Count is the number of requests in a period that are the same apart from their time.
type Count struct {
	APIKeyID    string
	WorkspaceID string
	StartsAt    time.Time // of the period; in Counts, of the hour
	Route       string    // such as "GET /me"; empty if no route matched
	Scope       string    // required by the route; empty for none, separated by spaces if there are several
	StatusClass int       // first digit of the status
	Rejection   Rejection `gorm:"column:refusal"`
	Requests    int64
	// Outside is how many of the accepted requests came from addresses that aren't in an allowlist that only
	// reports.
	Outside int64

	// Only Counts have these.
	Caller      Caller    `gorm:"-"`
	First, Last time.Time `gorm:"-"`
}

// add adds the requests of other. Where the two differ, the values of the latest request are kept.
func (c *Count) add(other *Count) {
	requests, outside, first := c.Requests+other.Requests, c.Outside+other.Outside, c.First
	if other.First.Before(first) {
		first = other.First
	}
	if other.Last.After(c.Last) {
		*c = *other
	}
	c.Requests, c.Outside, c.First = requests, outside, first
}

// Group adds up the counts that compare as equal and returns the sums in order. Rows are written in
// this order, so that nodes that write the same rows don't deadlock.
func Group(counts []Count, compare func(a, b *Count) int) []Count {
	sorted := make([]*Count, len(counts))
	for i := range counts {
		sorted[i] = &counts[i]
	}
	slices.SortFunc(sorted, compare)
	sums := make([]Count, 0, len(counts))
	for _, count := range sorted {
		if last := len(sums) - 1; last >= 0 && compare(&sums[last], count) == 0 {
			sums[last].add(count)
		} else {
			sums = append(sums, *count)
		}
	}
	return sums
}

// By returns a comparison that ignores the caller and the time within a period.
func By(period Period) func(a, b *Count) int {
	return func(a, b *Count) int {
		if order := cmp.Compare(a.APIKeyID, b.APIKeyID); order != 0 {
			return order
		}
		if order := period.Start(a.StartsAt).Compare(period.Start(b.StartsAt)); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.StatusClass, b.StatusClass), cmp.Compare(a.Rejection, b.Rejection))
	}
}

// ByKey compares only the keys.
func ByKey(a, b *Count) int { return cmp.Compare(a.APIKeyID, b.APIKeyID) }

// ByRoute compares the keys, the routes, and the rejections.
func ByRoute(a, b *Count) int {
	return cmp.Or(ByKey(a, b), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Rejection, b.Rejection))
}

// ByCaller compares the keys, the callers, and whether the requests were accepted.
func ByCaller(a, b *Count) int {
	if order := ByKey(a, b); order != 0 {
		return order
	}
	if order := cmp.Or(cmp.Compare(a.Caller.Address, b.Caller.Address), cmp.Compare(a.Caller.UserAgent, b.Caller.UserAgent)); order != 0 {
		return order
	}
	if a.Caller.Rest != b.Caller.Rest {
		if a.Caller.Rest {
			return 1
		}
		return -1
	}
	switch accepted := a.Rejection == Accepted; {
	case accepted == (b.Rejection == Accepted):
		return 0
	case accepted:
		return -1
	}
	return 1
}
