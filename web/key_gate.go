package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// KeyGate admits API requests that carry a valid key, within rate limits, and counts the use of each
// key.
type KeyGate struct {
	store    *models.Store
	verifier *keyauth.Verifier
	recorder *keyauth.Recorder
	limits   Limits
	reads    *rate.Limiter // of keys from IP addresses over their limit
	metrics  *Metrics
}

// suspectReads limits how many keys per second a node reads from the database for all IP addresses that
// are over their limit of invalid credentials.
const suspectReads = 100

// Limits bound the requests of each key, and the invalid credentials from each IP address. A nil
// limit is no limit.
type Limits struct {
	Keys      *KeyLimit
	Addresses ratelimit.Limiter
}

// KeyLimit bounds the requests of each key and reports the policy in response headers.
type KeyLimit struct {
	ratelimit.Limiter
	Policy ratelimit.Policy
}

// GateOptions configure a KeyGate.
type GateOptions struct {
	Log        *slog.Logger
	CacheSize  int // in bytes; keyauth.DefaultCacheSize if 0
	Limits     Limits
	Metrics    *Metrics       // nil for none
	Conditions *Conditions    // nil for none
	Node       models.NewNode // describes this process to operators
}

// NewKeyGate returns a gate for the keys in store. Until Run is called, it reads each key from the
// store and keeps its usage counts in memory.
func NewKeyGate(store *models.Store, options GateOptions) *KeyGate {
	g := &KeyGate{store: store, limits: options.Limits, reads: rate.NewLimiter(suspectReads, 1), metrics: options.Metrics}
	g.verifier = keyauth.New(store, keyauth.Options{
		CacheSize: options.CacheSize, Log: options.Log, Node: options.Node,
		Observe: func(err error) { g.observePoll(options.Conditions, err) },
	})
	var watch keyauth.FlushWatch
	if g.metrics != nil {
		watch = g.metrics.Flushed
	}
	g.recorder = keyauth.NewRecorder(store, options.Log, watch)
	if g.metrics != nil {
		g.metrics.Watch(g.verifier, g.recorder)
		g.metrics.WatchNodes(store)
	}
	return g
}

// Run polls for changes to keys and stores usage counts until ctx is done. It then stores the
// remaining counts.
func (g *KeyGate) Run(ctx context.Context) {
	var workers sync.WaitGroup
	workers.Go(func() { g.verifier.Run(ctx) })
	workers.Go(func() { g.recorder.Run(ctx) })
	workers.Wait()
}

// Flush stores the usage counts now. Run does so at intervals.
func (g *KeyGate) Flush(ctx context.Context) { g.recorder.Flush(ctx) }

// FlushSmall stores the counts so far for a page that shows usage up to the second, unless they are
// so many that the page should do without.
func (g *KeyGate) FlushSmall(ctx context.Context) { g.recorder.FlushSmall(ctx) }

// UsageAge returns how long ago all counts were stored.
func (g *KeyGate) UsageAge() time.Duration { return g.recorder.Age() }

// Ready reports whether the gate holds a lease, so that it can verify keys from memory.
func (g *KeyGate) Ready() bool { return g.verifier.Ready() }

// Guard wraps next so that requests without a valid key and requests over the rate limit are rejected.
// It also sends the error responses of later handlers, so that it can count each request by its
// status.
func (g *KeyGate) Guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		return g.guard(c, next)
	}
}

func (g *KeyGate) guard(outer echo.Context, next echo.HandlerFunc) error {
	return withRequestContext(outer, func(c *requestContext) error {
		err := g.admit(c)
		if err == nil {
			err = safely(c, next)
		}
		defer g.count(c, err) // even if the response panics
		if err != nil {
			c.Error(err)
		}
		return nil
	})
}

// Route returns middleware that counts requests under a route name such as "GET /me", and rejects
// keys without the scope that the route needs; nil for none. Call it before serving requests.
func (g *KeyGate) Route(name string, needs *scope.Scope) echo.MiddlewareFunc {
	scopeName := ""
	if needs != nil {
		scopeName = needs.String()
	}
	route := g.recorder.Route(name, scopeName)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.(*requestContext)
			r.route = route
			if needs != nil {
				if err := r.key.Require(*needs, scopeName); err != nil {
					r.missingScope = scopeName
					return err
				}
			}
			return next(c)
		}
	}
}

// admit verifies the key of a request and takes the request from its rate limit.
func (g *KeyGate) admit(c *requestContext) error {
	key, err := g.verify(c)
	if err != nil {
		return err
	}
	c.key, c.verified = key, true
	if g.limits.Keys == nil {
		return nil
	}
	decision := g.limits.Keys.Take(c.Request().Context(), key.Subject())
	ratelimit.SetHeaders(c.Response().Header(), g.limits.Keys.Policy, decision)
	if !decision.Allowed {
		return tooMany(decision, "Rate limit exceeded.")
	}
	return nil
}

// verify returns the key of a request. It counts invalid credentials by IP address, so that no one
// can try keys as fast as the database responds.
func (g *KeyGate) verify(c *requestContext) (keyauth.Key, error) {
	c.start = time.Now()
	key, origin, err := g.find(c)
	g.observe(c, origin, err)
	if err != nil {
		return keyauth.Key{}, g.countInvalid(c, err)
	}
	return key, nil
}

// find verifies the key of a request with as little work as possible, and returns what that took. Once an
// IP address is over its limit of invalid credentials, its keys are read from the database one after
// the other, at a limited rate. A valid key may then have to wait, but it isn't rejected for what
// other clients behind the same address send.
func (g *KeyGate) find(c *requestContext) (keyauth.Key, keyauth.Origin, error) {
	digest, err := g.verifier.Parse(c.Request().Header[echo.HeaderAuthorization])
	if err != nil {
		return keyauth.Key{}, keyauth.FromSyntax, err
	}
	if key, ok, err := g.verifier.Recall(c.start, digest); ok {
		return key, keyauth.FromMemory, err
	}
	if g.limits.Addresses != nil {
		if decision := g.limits.Addresses.Peek(c.Request().Context(), subjectOf(c)); !decision.Allowed {
			if err := g.reads.Wait(c.Request().Context()); err != nil {
				return keyauth.Key{}, keyauth.FromStore, tooManyInvalid(decision)
			}
		}
	}
	key, err := g.verifier.Read(c.Request().Context(), digest)
	return key, keyauth.FromStore, err
}

// maxClockSkew is the difference to the database's clock above which keys may visibly expire too early or
// too late.
const maxClockSkew = time.Second

// observePoll reports the problems that a poll for changes to keys shows, given its error.
func (g *KeyGate) observePoll(conditions *Conditions, err error) {
	outage, skewed := "", ""
	if err != nil {
		outage = models.OutageCause(err) + " Until its lease ends, this node accepts the keys in its memory."
	}
	switch skew := g.verifier.State().ClockSkew.Round(time.Millisecond); {
	case skew > maxClockSkew:
		skewed = fmt.Sprintf("This node's clock is %v ahead of the database's. Synchronize both, for example with NTP.", skew)
	case skew < -maxClockSkew:
		skewed = fmt.Sprintf("This node's clock is %v behind the database's. Synchronize both, for example with NTP.", -skew)
	}
	conditions.Report("key_changes", outage)
	conditions.Report("clock", skewed)
}

// observe adds a verification to the metrics, unless a rate limit stopped it.
func (g *KeyGate) observe(c *requestContext, origin keyauth.Origin, err error) {
	if g.metrics != nil && !models.IsKind(err, models.RateLimited) {
		g.metrics.Verified(origin, keyauth.ResultOf(err), time.Since(c.start))
	}
}

// countInvalid counts invalid credentials. Over the limit, it adds a rate-limit error, which
// determines the response. The original error is kept, so that the use of a deleted, expired, or
// paused key is still counted.
func (g *KeyGate) countInvalid(c echo.Context, err error) error {
	if g.limits.Addresses == nil || !errors.Is(err, keyauth.ErrInvalid) {
		return err
	}
	if decision := g.limits.Addresses.Take(c.Request().Context(), subjectOf(c)); !decision.Allowed {
		return errors.Join(tooManyInvalid(decision), err)
	}
	return err
}

func tooManyInvalid(decision ratelimit.Decision) error {
	return tooMany(decision, "Too many invalid API keys from this IP address.")
}

// tooMany returns the error for a request over a limit. The message ends with when to retry.
func tooMany(decision ratelimit.Decision, message string) error {
	seconds := int(math.Ceil(decision.Reset.Seconds()))
	unit := "seconds"
	if seconds == 1 {
		unit = "second"
	}
	return &models.Error{
		Kind: models.RateLimited, Message: fmt.Sprintf("%s Retry after %d %s.", message, seconds, unit), RetryAfter: decision.Reset,
	}
}

// subjectOf returns the IP address of a request as the subject of a rate limit. An address that
// cannot be parsed has a subject, too.
func subjectOf(c echo.Context) ratelimit.Subject {
	address, _ := netip.ParseAddr(c.RealIP())
	return ratelimit.AddressSubject(address)
}

// count counts a request, accepted or rejected, if its key is known.
func (g *KeyGate) count(c *requestContext, err error) {
	use := keyauth.Use{Key: c.key, Route: c.route}
	known := c.verified
	if err != nil {
		known = addRejection(&use, err) || known
	}
	if !known {
		return
	}
	use.Address, use.UserAgent = clientOf(c)
	use.Status, use.At = statusOf(c), g.store.TimeAt(c.start)
	g.recorder.Record(&use)
}

// clientOf returns the IP address and user agent of a request.
func clientOf(c echo.Context) (address, userAgent string) {
	if agents := c.Request().Header["User-Agent"]; len(agents) > 0 {
		userAgent = agents[0]
	}
	return c.RealIP(), userAgent
}

// addRejection adds the reason why a request was rejected, if err is one. It reports whether the
// request had a deleted, expired, or paused key, and then adds that key.
func addRejection(use *keyauth.Use, err error) (isInactive bool) {
	var (
		inactive *keyauth.InactiveError
		scope    *keyauth.ScopeError
	)
	switch {
	case errors.As(err, &inactive):
		use.Key, use.Rejection = inactive.Key, models.RejectionOf(inactive.Status)
	case errors.As(err, &scope):
		use.Rejection = usage.RejectedScope
	case models.IsKind(err, models.RateLimited):
		use.Rejection = usage.RejectedRateLimit
	}
	return inactive != nil
}

// statusClientGone is counted if the client disconnects before the response (as in nginx).
const statusClientGone = 499

func statusOf(c echo.Context) int {
	response := c.Response()
	if !response.Committed {
		return statusClientGone
	}
	return response.Status
}
