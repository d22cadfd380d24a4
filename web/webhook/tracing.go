package webhook

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
)

// sendTraced attempts a delivery in a trace of its own, because it may be hours later than the request that
// caused it, to which the trace has a link. The span names the endpoint by its ID: the URL may contain a secret.
func (w *Worker) sendTraced(ctx context.Context, d *models.ClaimedDelivery, now time.Time) (attempt models.WebhookAttempt, canceled bool) {
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("skipup.webhook.event_type", string(d.EventType)), attribute.String("skipup.webhook.event", d.EventID),
		attribute.String("skipup.webhook.delivery", d.ID), attribute.String("skipup.webhook.endpoint", d.EndpointID),
		attribute.String("skipup.workspace", d.WorkspaceID), attribute.Int("skipup.webhook.attempt", d.Attempts+1),
	)}
	if cause := causeOf(d); cause.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: cause}))
	}
	ctx, span := w.tracer.Start(ctx, "deliver webhook", options...)
	defer span.End()
	attempt, canceled = w.sender.send(ctx, d, now)
	if attempt.ResponseCode != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", attempt.ResponseCode))
	}
	if attempt.Failure != models.Delivered {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", string(attempt.Failure)))
	}
	return attempt, canceled
}

// causeOf returns the span of the request that caused a delivery, which is invalid if it wasn't traced.
func causeOf(d *models.ClaimedDelivery) trace.SpanContext {
	carrier := propagation.MapCarrier{"traceparent": d.TraceParent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}
