// Package telemetry exports traces and metrics to an OpenTelemetry collector.
//
// A trace shows a request, the verification of its key, what the Store did for it, and the statements that it
// sent to the database. Deliveries of webhooks have traces of their own, with a link to the request that caused
// them. Attributes come from fixed sets, such as routes and the text of statements: never from a path, a header,
// or a value.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
)

// Options configure the export.
type Options struct {
	Collector       *url.URL // whose paths /v1/traces and /v1/metrics receive OTLP over HTTP
	Traces, Metrics bool     // whether to export them
	Node, Version   string   // of the process
	Log             *slog.Logger
}

// Telemetry exports traces and metrics. The nil Telemetry exports none.
type Telemetry struct {
	traces  *sdktrace.TracerProvider
	metrics *metric.MeterProvider
	log     *slog.Logger
}

// scope names the part of the program that records spans. There is only one.
const scope = "github.com/skipup/keys"

// Start starts to export traces, and the metrics of gatherer. OpenTelemetry's own variables override the
// options, and configure the rest, such as the sampling of traces.
func Start(ctx context.Context, gatherer prometheus.Gatherer, options Options) (*Telemetry, error) {
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "skipup"),
			attribute.String("service.version", options.Version), attribute.String("service.instance.id", options.Node)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t, c := &Telemetry{log: options.Log}, &collector{log: options.Log}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(c.warn))
	otel.SetLogger(logr.FromSlogHandler(withoutValues{options.Log.Handler()}))
	if options.Traces {
		exporter, err := otlptracehttp.New(ctx, tracesTo(options.Collector)...)
		if err != nil {
			return nil, fmt.Errorf("export traces: %w", err)
		}
		t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(watchedTraces{exporter, c}))
	}
	if options.Metrics {
		exporter, err := otlpmetrichttp.New(ctx, metricsTo(options.Collector)...)
		if err != nil {
			return nil, fmt.Errorf("export metrics: %w", err)
		}
		reader := metric.NewPeriodicReader(watchedMetrics{exporter, c}, metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(gatherer))))
		t.metrics = metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(reader))
	}
	options.Log.Info("exporting to an OpenTelemetry collector", "host", options.Collector.Host, "traces", options.Traces, "metrics", options.Metrics)
	return t, nil
}

func tracesTo(collector *url.URL) []otlptracehttp.Option {
	if os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" {
		return nil
	}
	return []otlptracehttp.Option{otlptracehttp.WithEndpointURL(collector.JoinPath("v1/traces").String())}
}

func metricsTo(collector *url.URL) []otlpmetrichttp.Option {
	if os.Getenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") != "" {
		return nil
	}
	return []otlpmetrichttp.Option{otlpmetrichttp.WithEndpointURL(collector.JoinPath("v1/metrics").String())}
}

// flushTimeout limits how long Stop waits for the collector.
const flushTimeout = 5 * time.Second

// Stop exports what is left. It is called last, so that the spans of the last requests and workers have ended.
func (t *Telemetry) Stop() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	var tracesErr, metricsErr error // collector reports those of exports
	if t.traces != nil {
		tracesErr = t.traces.Shutdown(ctx)
	}
	if t.metrics != nil {
		metricsErr = t.metrics.Shutdown(ctx)
	}
	if err := errors.Join(tracesErr, metricsErr); err != nil {
		t.log.Warn("the last traces or metrics may not have been exported", slog.Any("error", err))
	}
}

// ExportsMetrics reports whether t exports metrics.
func (t *Telemetry) ExportsMetrics() bool { return t != nil && t.metrics != nil }

// Tracer returns what records spans, or nil if t exports no traces.
func (t *Telemetry) Tracer() trace.Tracer {
	if t == nil || t.traces == nil {
		return nil
	}
	return t.traces.Tracer(scope)
}

// Plugins returns the plugins of GORM that trace the use of the database.
func (t *Telemetry) Plugins() []gorm.Plugin {
	if tracer := t.Tracer(); tracer != nil {
		return []gorm.Plugin{database{tracer}}
	}
	return nil
}

// TraceParent returns a function that returns the traceparent of a context (W3C Trace Context §3.2), or "" if it
// isn't traced. It returns nil if t exports no traces.
func (t *Telemetry) TraceParent() func(context.Context) string {
	if t.Tracer() == nil {
		return nil
	}
	return func(ctx context.Context) string {
		if !trace.SpanContextFromContext(ctx).IsSampled() {
			return ""
		}
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		return carrier["traceparent"]
	}
}

var errEndpoint = errors.New(`must be an http or https URL with only a host, a port, and a path, such as http://localhost:4318; credentials belong in OTEL_EXPORTER_OTLP_HEADERS`)

// ParseEndpoint parses the URL of a collector. Its error doesn't repeat the URL.
func ParseEndpoint(text string) (*url.URL, error) {
	endpoint, err := url.Parse(text)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Hostname() == "" ||
		endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, errEndpoint
	}
	return endpoint, nil
}
