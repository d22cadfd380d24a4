package web

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/ratelimit"
)

// KeyGate lets the requests of good keys through to the API, within their limits, and counts
// what each key is used for.
type KeyGate struct {
	store    *models.Store
	verifier *keyauth.Verifier
	recorder *keyauth.Recorder
	limits   Limits
	metrics  *Metrics
}

// Limits bound the requests of each key, and the bad credentials that an address sends. One
// that is nil bounds nothing.
type Limits struct {
	Keys      *KeyLimit
	Addresses ratelimit.Limiter
}

// KeyLimit bounds the requests of each key and tells them so.
type KeyLimit struct {
	ratelimit.Limiter
	Policy ratelimit.Policy
}

// GateOptions are what a KeyGate is given from outside.
type GateOptions struct {
	Log       *slog.Logger
	CacheSize int // bytes for cached keys; keyauth.DefaultCacheSize if 0
	Limits    Limits
	Metrics   *Metrics // nil if nobody reads them
}

// NewKeyGate returns a gate to the keys of store. Until Run runs it reads each key from the
// store and keeps its counts.
func NewKeyGate(store *models.Store, options GateOptions) *KeyGate {
	g := &KeyGate{store: store, limits: options.Limits, metrics: options.Metrics}
	g.verifier = keyauth.New(store, keyauth.Options{CacheSize: options.CacheSize, Log: options.Log})
	var watch keyauth.FlushWatch
	if g.metrics != nil {
		watch = g.metrics.Flushed
	}
	g.recorder = keyauth.NewRecorder(store, options.Log, watch)
	if g.metrics != nil {
		g.metrics.Watch(g.verifier, g.recorder)
	}
	return g
}

// Run keeps the gate informed of changes of keys, and stores its counts, until ctx is done;
// then it stores the last ones.
func (g *KeyGate) Run(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { g.verifier.Run(ctx) })
	parts.Go(func() { g.recorder.Run(ctx) })
	parts.Wait()
}

// Flush stores the counts so far, which Run does every second.
func (g *KeyGate) Flush(ctx context.Context) { g.recorder.Flush(ctx) }

// Ready reports whether the gate is informed of changes of keys.
func (g *KeyGate) Ready() bool { return g.verifier.Ready() }

// Guard refuses a request that carries no good key or comes too often. It sends the refusals,
// and the errors of what follows, so that it can count each request by its answer. Around a
// handler it is made once; as a middleware Echo makes it anew for each request.
func (g *KeyGate) Guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(outer echo.Context) error {
		return g.guard(outer, next)
	}
}

func (g *KeyGate) guard(outer echo.Context, next echo.HandlerFunc) error {
	return withRequestContext(outer, func(c *requestContext) error {
		err := g.admit(c)
		if err == nil {
			err = safely(c, next)
		}
		defer g.count(c, err) // also where the answer is cut off
		if err != nil {
			c.Error(err)
		}
		return nil
	})
}

// Route notes which route a request takes, and refuses a key without the scope that the route
// needs; nil for none. Name is such as "GET /me". Call it before requests are served.
func (g *KeyGate) Route(name string, needs *scope.Scope) echo.MiddlewareFunc {
	word := ""
	if needs != nil {
		word = needs.String()
	}
	route := g.recorder.Route(name, word)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.(*requestContext)
			r.route = route
			if needs != nil {
				if err := r.key.Require(*needs); err != nil {
					return err
				}
			}
			return next(c)
		}
	}
}

// admit finds out whose key c carries and whether it may make one more request.
func (g *KeyGate) admit(c *requestContext) error {
	key, err := g.verify(c)
	if err != nil {
		return err
	}
	c.key, c.verified = key, true
	g.recorder.Expect(&c.key, c.caller)
	if g.limits.Keys == nil {
		return nil
	}
	decision := g.limits.Keys.Take(c.Request().Context(), key.Subject())
	ratelimit.SetHeaders(c.Response().Header(), g.limits.Keys.Policy, decision)
	if !decision.Allowed {
		return tooMany(decision, "This API key has made all the requests that it may make in a minute. Wait as long as Retry-After says.")
	}
	return nil
}

// verify is the key that c carries. Bad credentials are counted by the address that they come
// from, so that nobody can try keys as fast as the database answers.
//
// What has to be done anyway is done while the processor gets what the cache has of the key.
func (g *KeyGate) verify(c *requestContext) (keyauth.Key, error) {
	credential, err := g.verifier.Parse(c.Request().Header[echo.HeaderAuthorization])
	c.start = time.Now()
	if err != nil {
		g.note(c, keyauth.FromSyntax, err)
		return keyauth.Key{}, g.guess(c, err)
	}
	c.address, c.userAgent = clientOf(c)
	c.caller = g.recorder.Caller(c.address, c.userAgent)
	key, known, err := g.verifier.RecallAt(c.start, &credential)
	switch {
	case known:
		g.note(c, keyauth.FromMemory, err)
	case !credential.HasChecksum():
		err = keyauth.ErrInvalid
		g.note(c, keyauth.FromSyntax, err)
	default:
		key, err = g.read(c, &credential)
		g.note(c, keyauth.FromStore, err)
	}
	if err != nil {
		return keyauth.Key{}, g.guess(c, err)
	}
	return key, nil
}

// note tells the metrics of a verification. Nobody reads the clock if there are none.
func (g *KeyGate) note(c *requestContext, source keyauth.Source, err error) {
	if g.metrics != nil && !models.IsKind(err, models.RateLimited) {
		g.metrics.Verified(source, keyauth.ResultOf(err), time.Since(c.start))
	}
}

// read asks the store for a key, unless the address has sent too many bad ones.
func (g *KeyGate) read(c echo.Context, credential *keyauth.Credential) (keyauth.Key, error) {
	if g.limits.Addresses != nil {
		if decision := g.limits.Addresses.Peek(c.Request().Context(), addressOf(c)); !decision.Allowed {
			return keyauth.Key{}, tooMany(decision, guessesRefused)
		}
	}
	return g.verifier.Read(c.Request().Context(), credential)
}

// guess counts bad credentials. When there have been too many the answer is another, though
// the error still knows the key, if it is one that was good.
func (g *KeyGate) guess(c echo.Context, err error) error {
	if g.limits.Addresses == nil || !errors.Is(err, keyauth.ErrInvalid) {
		return err
	}
	if decision := g.limits.Addresses.Take(c.Request().Context(), addressOf(c)); !decision.Allowed {
		return errors.Join(tooMany(decision, guessesRefused), err)
	}
	return err
}

const guessesRefused = "Too many requests with invalid API keys come from this address. Wait as long as Retry-After says."

func tooMany(decision ratelimit.Decision, message string) error {
	return &models.Error{Kind: models.RateLimited, Message: message, RetryAfter: decision.Reset}
}

func addressOf(c echo.Context) ratelimit.Subject {
	address, _ := netip.ParseAddr(c.RealIP()) // what is no address has a subject too
	return ratelimit.AddressSubject(address)
}

// count adds a request to those of its key, whether it was let through or the key has died.
func (g *KeyGate) count(c *requestContext, err error) {
	use := keyauth.Use{Key: c.key, Route: c.route, Address: c.address, UserAgent: c.userAgent, Caller: c.caller}
	known := c.verified
	if err != nil {
		known = refused(&use, err) || known
	}
	if !known {
		return
	}
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

// refused notes why a request was not let through, if that is why it failed. It reports whether
// it came with a dead key, which it notes too.
func refused(use *keyauth.Use, err error) (dead bool) {
	var (
		died    *keyauth.DeadError
		lacking *keyauth.ScopeError
	)
	switch {
	case errors.As(err, &died):
		use.Key, use.Refusal = died.Key, models.RefusalOf(died.State)
	case errors.As(err, &lacking):
		use.Refusal = models.RefusedScope
	case models.IsKind(err, models.RateLimited):
		use.Refusal = models.RefusedRateLimit
	}
	return died != nil
}

// statusClientGone stands for the answer to a caller who has gone before there was one.
const statusClientGone = 499

func statusOf(c echo.Context) int {
	answer := c.Response()
	if !answer.Committed {
		return statusClientGone
	}
	return answer.Status
}
