package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Check sends the collector traces and metrics without contents, if the options say to export them. It returns an
// error unless the collector accepts them.
func Check(ctx context.Context, options Options) error {
	otel.SetLogger(logr.Discard()) // it logs malformed headers with the credentials in them
	if options.Traces {
		client := otlptracehttp.NewClient(append(tracesTo(options.Collector), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))...)
		err := client.Start(ctx)
		if err == nil {
			err = client.UploadTraces(ctx, nil)
		}
		if err != nil {
			return fmt.Errorf("export traces: %w", withoutResponse(err))
		}
	}
	if options.Metrics {
		exporter, err := otlpmetrichttp.New(ctx, append(metricsTo(options.Collector), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))...)
		if err == nil {
			err = exporter.Export(ctx, &metricdata.ResourceMetrics{})
		}
		if err != nil {
			return fmt.Errorf("export metrics: %w", withoutResponse(err))
		}
	}
	return nil
}

// withoutResponse removes what the collector responded, which may repeat credentials.
func withoutResponse(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	text, _, _ := strings.Cut(err.Error(), "body: ")
	return errors.New(strings.TrimRight(text, " (:"))
}
