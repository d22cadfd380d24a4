package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/web/keyauth"
)

// KeyGate is a keyauth.Gate for Echo. It also admits the requests of nodes.
type KeyGate struct {
	*keyauth.Gate
	nodes   *nodeCredentials
	outages *outages
	tracer  trace.Tracer
}

// GateOptions configure a KeyGate.
type GateOptions struct {
	Log        *slog.Logger
	CacheSize  int // in bytes; keyauth.DefaultCacheSize if 0
	Limits     keyauth.Limits
	Metrics    *Metrics       // nil for none
	Conditions *Conditions    // nil if only the log shows problems
	Node       models.NewNode // describes this process to operators
	Tracer     trace.Tracer   // nil unless requests are traced
}

// NewKeyGate returns a gate for the keys in store. Until Run is called, it reads each key from the
// store and keeps its usage counts in memory.
func NewKeyGate(store *models.Store, options GateOptions) *KeyGate {
	if options.Conditions == nil {
		options.Conditions = NewConditions(nil, cmp.Or(options.Log, slog.New(slog.DiscardHandler)))
	}
	g := &KeyGate{outages: &outages{conditions: options.Conditions}, tracer: options.Tracer}
	core := keyauth.GateOptions{
		Options: keyauth.Options{
			CacheSize: options.CacheSize, Log: options.Log, Node: options.Node,
			Observe: func(err error) { g.observePoll(options.Conditions, err) },
		},
		Limits: options.Limits,
	}
	if options.Metrics != nil {
		core.Verified, core.Flushed = options.Metrics.Verified, options.Metrics.Flushed
	}
	var source keyauth.Source = store
	if options.Tracer != nil {
		source = tracedStore{store, options.Tracer}
	}
	g.Gate = keyauth.NewGate(source, core)
	g.nodes = newNodeCredentials(store, g.Moment)
	if options.Metrics != nil {
		options.Metrics.Watch(g.Gate)
		options.Metrics.WatchNodes(store)
	}
	return g
}

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
		c.gated.Header, c.gated.Address = c.Request().Header, c.RealIP()
		err := g.Admit(c.Request().Context(), &c.gated, c.Response().Header())
		if err == nil {
			err = safely(c, next)
		}
		defer func() { g.Count(&c.gated, statusOf(c), err) }() // even if the response panics
		if err != nil {
			c.Error(err)
		}
		return nil
	})
}

// Admit does what keyauth.Gate.Admit does, and traces it if requests are traced.
func (g *KeyGate) Admit(ctx context.Context, r *keyauth.Request, response http.Header) error {
	if g.tracer != nil {
		return g.traceAdmission(ctx, r, response)
	}
	return g.Gate.Admit(ctx, r, response)
}

// Route returns middleware that counts requests under a route name such as "GET /me", and rejects
// keys without all built-in scopes that the route needs. Call it before serving requests.
func (g *KeyGate) Route(name string, needed scope.Set) echo.MiddlewareFunc {
	scopeNames := needed.String()
	route := g.NewRoute(name, scopeNames)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.(*requestContext)
			r.gated.Route = route
			if err := r.gated.Key.Require(needed, g.Scopes()); err != nil {
				r.missingScope = scopeNames
				return err
			}
			return next(c)
		}
	}
}

// maxClockSkew is the difference to the database's clock above which keys may visibly expire too early or
// too late.
const maxClockSkew = time.Second

// observePoll reports the problems that a poll for changes to keys shows, given its error.
func (g *KeyGate) observePoll(conditions *Conditions, err error) {
	outage, skewed := "", ""
	if err == nil {
		g.outages.databaseResponded()
	} else {
		outage = models.OutageCause(err) + " Until its lease ends, this node accepts the keys in its memory."
	}
	switch skew := g.State().ClockSkew.Round(time.Millisecond); {
	case skew > maxClockSkew:
		skewed = fmt.Sprintf("This node's clock is %v ahead of the database's. Synchronize both, for example with NTP.", skew)
	case skew < -maxClockSkew:
		skewed = fmt.Sprintf("This node's clock is %v behind the database's. Synchronize both, for example with NTP.", -skew)
	}
	conditions.Report("key_changes", outage)
	conditions.Report("clock", skewed)
}

func statusOf(c echo.Context) int {
	response := c.Response()
	if !response.Committed {
		return keyauth.StatusClientGone
	}
	return response.Status
}
