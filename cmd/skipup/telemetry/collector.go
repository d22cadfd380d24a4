package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/skipup/keys/web/outage"
)

// collector logs when exports to the collector begin to fail, and when all work again.
type collector struct {
	log *slog.Logger

	mu              sync.Mutex
	traces, metrics error // of the last exports
	outage          outage.Log
}

// report sets the result of the last export of traces or metrics.
func (c *collector) report(last *error, err error) {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		err = failed.Err // without the URL
	}
	if err != nil {
		err = fmt.Errorf("%.300s", err) // it may have the page of a proxy
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*last = err
	c.outage.Report(c.log, "export to the OpenTelemetry collector", errors.Join(c.traces, c.metrics))
}

// warn logs other errors of OpenTelemetry, such as invalid variables.
func (c *collector) warn(err error) { c.log.Warn("OpenTelemetry", slog.Any("error", err)) }

// withoutValues is a log handler that drops attributes, because OpenTelemetry logs malformed headers with the
// credentials in them.
type withoutValues struct{ slog.Handler }

// Handle logs the message of a record.
func (h withoutValues) Handle(ctx context.Context, record slog.Record) error {
	return h.Handler.Handle(ctx, slog.NewRecord(record.Time, record.Level, "check the variables of OpenTelemetry: "+record.Message, 0))
}

// watchedTraces reports its exports to a collector.
type watchedTraces struct {
	sdktrace.SpanExporter
	collector *collector
}

// ExportSpans exports spans. It returns no error, which OpenTelemetry would log.
func (w watchedTraces) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	w.collector.report(&w.collector.traces, w.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

// watchedMetrics reports its exports to a collector.
type watchedMetrics struct {
	metric.Exporter
	collector *collector
}

// Export exports metrics. It returns no error, which OpenTelemetry would log.
func (w watchedMetrics) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	w.collector.report(&w.collector.metrics, w.Exporter.Export(ctx, metrics))
	return nil
}
