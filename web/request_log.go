package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
)

// logRequests logs one line for each request. It logs the route instead of the URL, which may
// contain a secret such as the token of a setup link.
func logRequests(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(outer echo.Context) error {
			return withRequestContext(outer, func(c *requestContext) error {
				defer logRequest(log, c, time.Now()) // deferred for responses that are cut off by a panic
				if err := next(c); err != nil {
					c.Error(err)
				}
				return nil
			})
		}
	}
}

func logRequest(log *slog.Logger, c *requestContext, start time.Time) {
	attributes := append(make([]slog.Attr, 0, 10), // room for all, on the stack
		slog.String("method", loggedMethod(c.Request().Method)),
		slog.String("route", routeOf(c)),
		slog.Int("status", statusOf(c)),
		slog.Float64("took_ms", float64(time.Since(start).Microseconds())/1000),
		slog.Int64("bytes", c.Response().Size),
		slog.String("address", c.RealIP()),
		slog.String("request_id", requestIDOf(c)),
	)
	if caller, known := findCaller(c); known {
		attributes = append(attributes, slog.String("workspace", caller.WorkspaceID), slog.String("caller", caller.id()))
	}
	if c.nodeToken != nil {
		attributes = append(attributes, slog.String("credential", c.nodeToken.Name))
	}
	if c.missingScope != "" {
		attributes = append(attributes, slog.String("missing_scope", c.missingScope))
	}
	level := slog.LevelInfo
	if c.quiet && c.Response().Status < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	log.LogAttrs(c.Request().Context(), level, "request", attributes...)
}

// loggedMethod limits the length of what a client can write into the log as its method.
func loggedMethod(method string) string {
	if len(method) > 16 {
		return "other"
	}
	return method
}

func routeOf(c echo.Context) string {
	if c.Path() == "" {
		return "none"
	}
	return c.Path()
}

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
