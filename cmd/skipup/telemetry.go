package main

import (
	"context"
	"encoding"
	"errors"
	"log/slog"
	"net/url"

	"github.com/skipup/keys/cmd/skipup/telemetry"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// These options are variables of OpenTelemetry, so they have no flags. It reads its other variables itself.
var (
	collectorOption = option{
		"", "OTEL_EXPORTER_OTLP_ENDPOINT", "", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.Collector },
	}
	collectorProtocolOption = option{
		"", "OTEL_EXPORTER_OTLP_PROTOCOL", protobuf, "",
		func(s *settings) encoding.TextUnmarshaler { return &s.CollectorProtocol },
	}
	telemetryDisabledOption = option{
		"", "OTEL_SDK_DISABLED", "false", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.TelemetryDisabled },
	}
	tracesExporterOption = option{
		"", "OTEL_TRACES_EXPORTER", "otlp", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.OmitTraces },
	}
	metricsExporterOption = option{
		"", "OTEL_METRICS_EXPORTER", "otlp", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.OmitMetrics },
	}
)

// collectorURL is the URL of an OpenTelemetry collector, nil for none.
type collectorURL struct{ URL *url.URL }

func (c *collectorURL) UnmarshalText(text []byte) (err error) {
	if len(text) > 0 {
		c.URL, err = telemetry.ParseEndpoint(string(text))
	}
	return err
}

const protobuf = "http/protobuf"

// collectorProtocol is the only protocol that the server speaks with a collector.
type collectorProtocol struct{}

func (collectorProtocol) UnmarshalText(text []byte) error {
	if string(text) != protobuf {
		return errors.New("must be " + protobuf + ", which collectors receive on port 4318; gRPC, on port 4317, is not supported")
	}
	return nil
}

// omitted is whether traces or metrics aren't exported.
type omitted bool

func (o *omitted) UnmarshalText(text []byte) error {
	*o = string(text) == "none"
	if !*o && string(text) != "otlp" {
		return errors.New("must be otlp or none")
	}
	return nil
}

// exports returns what to export and where to, and whether there is a collector.
func (s settings) exports() (options telemetry.Options, enabled bool) {
	return telemetry.Options{Collector: s.Collector.URL, Traces: !bool(s.OmitTraces), Metrics: !bool(s.OmitMetrics)}, s.Collector.URL != nil && !bool(s.TelemetryDisabled)
}

// checkCollector checks that the OpenTelemetry collector accepts traces and metrics.
func checkCollector(ctx context.Context, s settings) models.Diagnosis {
	const check = "opentelemetry"
	options, enabled := s.exports()
	if !enabled {
		return fine(check, "Traces and metrics aren't exported.")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := telemetry.Check(ctx, options); err != nil {
		return problem(check, "The OpenTelemetry collector can't be used. "+sentence(err),
			"Check "+collectorOption.name()+", the credentials in OTEL_EXPORTER_OTLP_HEADERS, and that this machine can reach the collector.")
	}
	return fine(check, "The OpenTelemetry collector at "+s.Collector.URL.Host+" accepts exports from this machine.")
}

// startTelemetry starts to export traces and metrics, if there is a collector.
func startTelemetry(ctx context.Context, s settings, node string, metrics *web.Metrics, log *slog.Logger) (*telemetry.Telemetry, error) {
	options, enabled := s.exports()
	if !enabled {
		return nil, nil
	}
	options.Node, options.Version, options.Log = node, versionText(), log
	exports, err := telemetry.Start(ctx, metrics.Gatherer(), options)
	if err != nil {
		return nil, failure{err}
	}
	return exports, nil
}
