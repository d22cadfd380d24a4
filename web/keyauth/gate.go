package keyauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/clientip"
	"github.com/skipup/keys/web/ratelimit"
)

// Gate admits requests that carry a valid key, within rate limits, and counts the use of each key. It is
// safe for concurrent use.
type Gate struct {
	source    Source
	verifier  *Verifier
	recorder  *Recorder
	limits    Limits
	reads     *rate.Limiter // of keys from IP addresses over their limit
	verified  func(Origin, Result, time.Duration)
	addresses *clientip.Finder
	log       *slog.Logger

	// Only for Open.
	stop    context.CancelFunc
	running sync.WaitGroup
}

// suspectReads limits how many keys per second a node reads from its Source for all IP addresses that are
// over their limit of invalid credentials.
const suspectReads = 100

// GateOptions configure a Gate.
type GateOptions struct {
	Options // of the Verifier
	Limits  Limits
	// Verified is called after each verification that no rate limit stopped. It may be nil.
	Verified func(origin Origin, result Result, took time.Duration)
	Flushed  FlushWatch // may be nil
	// TrustedProxies are the proxies whose X-Forwarded-For Require trusts; none by default.
	TrustedProxies []netip.Prefix
}

// NewGate returns a Gate for the keys in source. Until Run is called, it reads each key from the source
// and keeps its usage counts in memory.
func NewGate(source Source, options GateOptions) *Gate {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Limits.Keys == nil {
		options.Limits.Keys = ownLimits()
	}
	return &Gate{
		source: source, verifier: New(source, options.Options), recorder: NewRecorder(source, options.Log, options.Flushed),
		limits: options.Limits, reads: rate.NewLimiter(suspectReads, 1), verified: options.Verified, log: options.Log,
		addresses: clientip.NewFinder(options.TrustedProxies, "GateOptions.TrustedProxies", options.Log), stop: func() {},
	}
}

// Run polls for changes to keys and stores usage counts until ctx is done. It then stores the
// remaining counts.
func (g *Gate) Run(ctx context.Context) {
	var workers sync.WaitGroup
	workers.Go(func() { g.verifier.Run(ctx) })
	workers.Go(func() { g.recorder.Run(ctx) })
	workers.Wait()
}

// Flush stores the usage counts now. Run does so at intervals.
func (g *Gate) Flush(ctx context.Context) { g.recorder.Flush(ctx) }

// FlushSmall stores the counts so far for a page that shows usage up to the second, unless they are
// so many that the page should do without.
func (g *Gate) FlushSmall(ctx context.Context) { g.recorder.FlushSmall(ctx) }

// UsageAge returns how long ago all counts were stored.
func (g *Gate) UsageAge() time.Duration { return g.recorder.Age() }

// Ready reports whether the gate holds a lease, so that it can verify keys from memory.
func (g *Gate) Ready() bool { return g.verifier.Ready() }

// Moment returns the Moment of the gate's Verifier.
func (g *Gate) Moment(now time.Time) (m Moment, holdsLease bool) { return g.verifier.Moment(now) }

// State returns the state of the gate's Verifier.
func (g *Gate) State() State { return g.verifier.State() }

// Scopes returns the current catalog of scopes.
func (g *Gate) Scopes() *scope.Catalog { return g.source.Scopes() }

// NewRoute returns the number of a route, such as "GET /me", that requires a scope.
func (g *Gate) NewRoute(name, scope string) Route { return g.recorder.Route(name, scope) }

// RouteOf returns the number of a route that a request with a key names. Each workspace can introduce at
// most 500 routes on a node; further ones are counted as usage.OtherRoutes.
func (g *Gate) RouteOf(key Key, name []byte, scope string) Route {
	return g.recorder.RouteOf(key, name, scope)
}

// Request is a request on its way through a Gate.
type Request struct {
	Header  http.Header // of the request
	Address string      // of the client
	// AddressUnknown says that Address is not that of the client, so that no allowlist contains it.
	AddressUnknown bool
	Digest         *token.Digest // of the key; if nil, the key is in Header
	Key            Key           // valid once the request is admitted
	Route          Route         // under which the request is counted

	// Limit is the state of the key's rate limit once the request is admitted or over the limit; zero if the
	// key has none.
	Limit ratelimit.Decision

	// Result and Origin say how the key was verified; empty if it wasn't, or if a rate limit stopped it.
	Result Result
	Origin Origin

	start    time.Time // by the system's clock
	admitted bool      // the key is valid, though possibly over its rate limit or sent from a wrong address
	outside  bool      // an allowlist that only reports doesn't contain the address
}

// Verified reports whether the request has a valid key.
func (r *Request) Verified() bool { return r.admitted }

// Admit verifies the key of a request, sets it, checks its allowlist, and takes the request from its rate limit,
// whose state it adds to the header of the response. ProblemOf returns the response for the error.
func (g *Gate) Admit(ctx context.Context, r *Request, response http.Header) error {
	r.start = time.Now()
	key, origin, err := g.find(ctx, r)
	if err == nil {
		r.Key, r.admitted = key, true
		r.outside, err = key.checkAddress(r.clientAddress())
	}
	if err == nil || !models.IsKind(err, models.RateLimited) {
		r.Origin, r.Result = origin, ResultOf(err)
		if g.verified != nil {
			g.verified(origin, r.Result, time.Since(r.start))
		}
	}
	if err != nil {
		return g.countInvalid(ctx, r, err)
	}
	return g.limits.take(ctx, r, response)
}

// find verifies the key of a request with as little work as possible, and returns what that took. Once an
// IP address is over its limit of invalid credentials, its keys are read from the source one after the
// other, at a limited rate. A valid key may then have to wait, but it isn't rejected for what other
// clients behind the same address send.
func (g *Gate) find(ctx context.Context, r *Request) (Key, Origin, error) {
	digest, err := g.digestOf(r)
	if err != nil {
		return Key{}, FromSyntax, err
	}
	if key, ok, err := g.verifier.Recall(r.start, digest); ok {
		return key, FromMemory, err
	}
	if g.limits.Addresses != nil {
		if decision := g.limits.Addresses.Peek(ctx, r.addressSubject()); !decision.Allowed {
			if err := g.reads.Wait(ctx); err != nil {
				return Key{}, FromStore, tooManyInvalid(decision)
			}
		}
	}
	key, err := g.verifier.Read(ctx, digest)
	return key, FromStore, err
}

// clientAddress returns the address of the client, or "" if it is unknown.
func (r *Request) clientAddress() string {
	if r.AddressUnknown {
		return ""
	}
	return r.Address
}

// digestOf returns the digest of the key of a request.
func (g *Gate) digestOf(r *Request) (token.Digest, error) {
	if r.Digest != nil {
		return *r.Digest, nil
	}
	return g.verifier.Parse(r.Header["Authorization"])
}

// countInvalid counts invalid credentials by IP address, so that no one can try keys as fast as the
// source responds. Over the limit, it adds a rate-limit error, which determines the response. The
// original error is kept, so that the use of a deleted, expired, or paused key is still counted.
func (g *Gate) countInvalid(ctx context.Context, r *Request, err error) error {
	if g.limits.Addresses == nil || !errors.Is(err, ErrInvalid) {
		return err
	}
	if decision := g.limits.Addresses.Take(ctx, r.addressSubject()); !decision.Allowed {
		return errors.Join(tooManyInvalid(decision), err)
	}
	return err
}

// addressSubject returns the IP address of a request as the subject of a rate limit. An address that
// cannot be parsed has a subject, too.
func (r *Request) addressSubject() ratelimit.Subject {
	address, _ := netip.ParseAddr(r.Address)
	return ratelimit.AddressSubject(address)
}

// StatusClientGone is counted if the client disconnects before the response (as in nginx).
const StatusClientGone = 499

// Count counts a request by the status of its response, if its key is known. The error is the one that
// Admit or Key.Require rejected it with; otherwise it has no effect.
func (g *Gate) Count(r *Request, status int, err error) {
	use := Use{Key: r.Key, Route: r.Route}
	use.outside = r.outside
	known := r.admitted
	if err != nil {
		known = use.addRejection(err) || known
	}
	if !known {
		return
	}
	if agents := r.Header["User-Agent"]; len(agents) > 0 {
		use.UserAgent = agents[0]
	}
	use.Address, use.Status, use.At = r.Address, status, g.source.TimeAt(r.start)
	g.recorder.Record(&use)
}

// addRejection adds the reason why a request was rejected, if err is one. It reports whether the
// request had a deleted, expired, or paused key, and then adds that key.
func (u *Use) addRejection(err error) (isInactive bool) {
	var (
		inactive *InactiveError
		scope    *ScopeError
		address  *AddressError
	)
	switch {
	case errors.As(err, &inactive):
		u.Key, u.Rejection = inactive.Key, models.RejectionOf(inactive.Status)
	case errors.As(err, &scope):
		u.Rejection = usage.RejectedScope
	case errors.As(err, &address):
		u.Rejection = usage.RejectedAddress
	case models.IsKind(err, models.RateLimited):
		u.Rejection = usage.RejectedRateLimit
	}
	return inactive != nil
}
