package web

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/web/keyauth"
)

// logRequests logs one line for each request, or for one in sample of those that succeed in time. It logs the
// route instead of the URL, which may contain a secret such as the token of a setup link.
func logRequests(log *slog.Logger, sample int) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(outer echo.Context) error {
			return withRequestContext(outer, func(c *requestContext) error {
				defer logRequest(log, sample, c, time.Now()) // deferred for responses that are cut off by a panic
				if err := next(c); err != nil {
					c.Error(err)
				}
				return nil
			})
		}
	}
}

// failure describes a failure that the client didn't cause. It is zero if there was none.
type failure struct {
	err     error
	aborted bool // part of the response was sent
	outage  bool // the database is unavailable
}

// slowRequest is the duration from which a request is logged even if others are only sampled. It is the same for
// queries.
const slowRequest = time.Second

func logRequest(log *slog.Logger, sample int, c *requestContext, start time.Time) {
	level := c.logLevel()
	if !log.Enabled(c.Request().Context(), level) {
		return
	}
	now := time.Now()
	sampled := sample > 1 && statusOf(c) < http.StatusBadRequest && c.failure.err == nil && now.Sub(start) < slowRequest
	if sampled && rand.IntN(sample) != 0 {
		return
	}
	attributes := append(make([]slog.Attr, 0, 20), // room for all, on the stack
		slog.String("method", loggedMethod(c.Request().Method)),
		slog.String("route", routeOf(c)),
		slog.Int("status", statusOf(c)),
		slog.Float64("took_ms", milliseconds(now.Sub(start))),
		slog.Int64("bytes", c.Response().Size),
		slog.String("address", c.RealIP()),
		slog.String("request_id", requestIDOf(c)),
	)
	if c.span != nil {
		attributes = append(attributes, slog.String("trace_id", c.span.SpanContext().TraceID().String()))
	}
	if c.gated.Result != "" {
		attributes = append(attributes, slog.String("key", string(c.gated.Result)), slog.String("key_from", string(c.gated.Origin)))
	}
	if workspace, caller := c.identity(); workspace != "" {
		attributes = append(attributes, slog.String("workspace", workspace), slog.String("caller", caller))
	}
	if c.nodeToken != nil {
		attributes = append(attributes, slog.String("credential", c.nodeToken.Name))
	}
	if c.missingScope != "" {
		attributes = append(attributes, slog.String("missing_scope", c.missingScope))
	}
	if c.queries != nil {
		count, took := c.queries.Total()
		attributes = append(attributes, slog.Int64("queries", count), slog.Float64("queries_ms", milliseconds(took)))
	}
	if sampled {
		attributes = append(attributes, slog.Int("sampled", sample))
	}
	// Without the place in the source, which LogAttrs would find, the line costs less.
	line := slog.NewRecord(now, level, "request", 0)
	line.AddAttrs(c.failure.append(attributes)...)
	_ = log.Handler().Handle(c.Request().Context(), line) // as LogAttrs does
}

// logLevel returns the level of the request's line. An outage of the database is logged when it begins and
// when it ends, so its requests aren't.
func (c *requestContext) logLevel() slog.Level {
	switch {
	case c.failure.outage, c.quiet && c.Response().Status < http.StatusBadRequest:
		return slog.LevelDebug
	case c.failure.err != nil:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// identity returns the workspace of a request and the ID of its member or key, which may be deleted,
// expired, or paused.
func (c *requestContext) identity() (workspace, caller string) {
	switch {
	case c.gated.Verified():
		caller, workspace = c.keyIDs()
		return workspace, caller
	case c.page != nil && c.page.known:
		return c.page.caller.WorkspaceID, c.page.caller.Member.ID
	case c.err == nil:
		return "", ""
	}
	if inactive, is := errors.AsType[*keyauth.InactiveError](c.err); is {
		return inactive.Key.WorkspaceID(), inactive.Key.ID()
	}
	return "", ""
}

// append appends the attributes of the failure.
func (f failure) append(attributes []slog.Attr) []slog.Attr {
	if f.err == nil {
		return attributes
	}
	attributes = append(attributes, slog.Any("error", f.err))
	if f.aborted {
		attributes = append(attributes, slog.Bool("aborted", true))
	}
	if panicked, is := errors.AsType[*panicError](f.err); is {
		attributes = append(attributes, slog.String("stack", string(panicked.stack)))
	}
	return attributes
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// loggedMethod limits the length of what a client can write into the log as its method.
func loggedMethod(method string) string {
	if len(method) > 16 {
		return "other"
	}
	return method
}

func routeOf(c echo.Context) string { return cmp.Or(c.Path(), "none") }

// panicError is a recovered panic with its stack.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recoverPanics turns panics into errors, so that they are logged and return 500. It passes on
// http.ErrAbortHandler, with which errorHandler cuts a response off.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return safely(c, next) }
}

func safely(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if value := recover(); value == http.ErrAbortHandler {
			panic(value)
		} else if value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return next(c)
}
