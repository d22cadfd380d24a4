package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote/wire"
)

// traceRequests traces requests, as a part of the trace of the client if it sends one. Like the log, a span has
// the route instead of the URL, and nothing from a header. That is why this isn't OpenTelemetry's own middleware.
func traceRequests(tracer trace.Tracer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(outer echo.Context) error {
			if isUntraced(outer.Path()) {
				return next(outer)
			}
			return withRequestContext(outer, func(c *requestContext) error {
				ctx, span := tracer.Start(traceOf(c.Request()), "request", trace.WithSpanKind(trace.SpanKindServer))
				c.span = span
				c.SetRequest(c.Request().WithContext(ctx))
				defer endRequest(c) // deferred for responses that are cut off by a panic
				return next(c)
			})
		}
	}
}

// isUntraced reports whether a route is of no interest in traces: probes call it, nodes poll it, or it serves
// a file.
func isUntraced(route string) bool {
	return route == path.HealthLive || route == path.HealthReady || strings.HasPrefix(route, path.Static) || strings.HasPrefix(route, wire.Prefix)
}

// traceOf returns the context of a request with the trace that its traceparent names. It ignores tracestate,
// which may have any text.
func traceOf(r *http.Request) context.Context {
	return propagation.TraceContext{}.Extract(r.Context(), propagation.MapCarrier{"traceparent": r.Header.Get("Traceparent")})
}

// endRequest ends the span of a request.
func endRequest(c *requestContext) {
	defer c.span.End()
	if !c.span.IsRecording() {
		return
	}
	method, route, status := tracedMethod(c.Request().Method), routeOf(c), statusOf(c)
	c.span.SetName(method + " " + route)
	c.span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
	if workspace, caller := c.identity(); workspace != "" {
		c.span.SetAttributes(attribute.String("skipup.workspace", workspace), attribute.String("skipup.caller", caller))
	}
	if status >= http.StatusInternalServerError {
		c.span.SetStatus(codes.Error, "")
		c.span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
	}
}

// tracedMethod returns a method, or "_OTHER" for one that isn't a standard method, which may have any text.
func tracedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// traceAdmission admits a request in a span of its own.
func (g *KeyGate) traceAdmission(ctx context.Context, r *keyauth.Request, response http.Header) error {
	ctx, span := g.tracer.Start(ctx, "verify API key")
	defer span.End()
	err := g.Gate.Admit(ctx, r, response)
	if r.Result != "" {
		span.SetAttributes(attribute.String("skipup.key", string(r.Result)), attribute.String("skipup.key_from", string(r.Origin)))
	}
	return err
}

// tracedStore traces how keys are read that aren't cached, and how usage is stored.
type tracedStore struct {
	*models.Store
	tracer trace.Tracer
}

// APIKeyByDigest returns what the Store returns.
func (s tracedStore) APIKeyByDigest(ctx context.Context, digest token.Digest) (*models.APIKey, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return s.Store.APIKeyByDigest(ctx, digest)
	}
	ctx, span := s.tracer.Start(ctx, "Store.APIKeyByDigest")
	defer span.End()
	key, err := s.Store.APIKeyByDigest(ctx, digest)
	if err != nil && !models.IsKind(err, models.NotFound) {
		span.SetStatus(codes.Error, "")
	}
	return key, err
}

// AddUsage does what the Store does. Outside a request, it has a trace of its own.
func (s tracedStore) AddUsage(ctx context.Context, counts usage.Counts) error {
	ctx, span := s.tracer.Start(ctx, "store usage", trace.WithAttributes(attribute.Int("skipup.usage.rows", len(counts.Rows))))
	defer span.End()
	err := s.Store.AddUsage(ctx, counts)
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	return err
}
