package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// otlpReceiver is an OpenTelemetry collector that keeps what it receives.
type otlpReceiver struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	bodies [][]byte
	spans  []*v1.Span
	series []string // names of metrics
}

func newOTLPReceiver(t *testing.T) *otlpReceiver {
	t.Helper()
	c := &otlpReceiver{t: t}
	c.Server = httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(c.Close)
	return c
}

func (c *otlpReceiver) receive(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	c.bodies = append(c.bodies, body)
	switch r.URL.Path {
	case "/v1/traces":
		var export traces.ExportTraceServiceRequest
		err = proto.Unmarshal(body, &export)
		for _, resource := range export.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var export metrics.ExportMetricsServiceRequest
		err = proto.Unmarshal(body, &export)
		for _, resource := range export.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				for _, metric := range scope.GetMetrics() {
					c.series = append(c.series, metric.GetName())
				}
			}
		}
	default:
		c.t.Errorf("%s %s, want an OTLP path", r.Method, r.URL.Path)
	}
	if err != nil {
		c.t.Errorf("%s: %v", r.URL.Path, err)
	}
}

// tree returns the spans below a span of a trace, as "name[name, name]", in the order in which they began.
func (c *otlpReceiver) tree(traceID, parentID string) string {
	var below []*v1.Span
	for _, span := range c.spans {
		if hex.EncodeToString(span.GetTraceId()) == traceID && hex.EncodeToString(span.GetParentSpanId()) == parentID {
			below = append(below, span)
		}
	}
	slices.SortFunc(below, func(a, b *v1.Span) int { return cmp.Compare(a.GetStartTimeUnixNano(), b.GetStartTimeUnixNano()) })
	names := make([]string, len(below))
	for i, span := range below {
		names[i] = span.GetName()
		if children := c.tree(traceID, hex.EncodeToString(span.GetSpanId())); children != "" {
			names[i] += "[" + children + "]"
		}
	}
	return strings.Join(names, ", ")
}

// The traces of the client in TestTelemetry.
const (
	clientSpan   = "00f067aa0ba902b7"
	readTrace    = "4bf92f3577b34da6a3ce929d0e0e4736"
	createTrace  = "7bf92f3577b34da6a3ce929d0e0e4736"
	unknownTrace = "9bf92f3577b34da6a3ce929d0e0e4736"
)

// TestTelemetry checks what a server exports about requests that have secrets wherever they can.
func TestTelemetry(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		const token, password = "OHYS4SZ4JQEXAMPLEEXAMPLE77", modelstest.Password
		delivered := make(chan bool, 99)
		endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { delivered <- true }))
		defer endpoint.Close()
		collector := newOTLPReceiver(t)
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
		env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"], env["SKIPUP_ENCRYPTION_KEY"] = "true", keyText('k')
		workspace := newWorkspace(t, env)
		key := newKey(t, env, workspace, "CI", "webhooks.write,api_keys.read,api_keys.write")
		s := serve(t, env)

		send := func(method, path, traceID, body string) (int, string) {
			t.Helper()
			request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Traceparent", "00-"+traceID+"-"+clientSpan+"-01")
			request.Header.Set("Authorization", "Bearer "+key)
			request.Header.Set("Content-Type", "application/json")
			for _, name := range []string{"Tracestate", "Baggage", "User-Agent", "X-Request-Id", "Referer", "X-Forwarded-For", "Cookie"} {
				request.Header.Set(name, "a="+key)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(text)
		}
		if status, body := send("GET", "/api/v1/me", readTrace, ""); status != http.StatusOK {
			t.Fatalf("status = %d, want 200: %s", status, body)
		}
		s.post("/api/v1/webhook_endpoints", key, `{"url":"`+endpoint.URL+`/`+token+`?password=`+url.QueryEscape(password)+`","events":["api_key.created"]}`, http.StatusCreated)
		status, body := send("POST", "/api/v1/api_keys", createTrace, `{"name":"Created","scopes":[]}`)
		var created struct {
			Data struct{ Key string }
		}
		if err := json.Unmarshal([]byte(body), &created); err != nil || status != http.StatusCreated || created.Data.Key == "" {
			t.Fatalf("status = %d, %v, want 201: %s", status, err, body)
		}
		send("GET", "/api/v1/me?key="+key, unknownTrace, "")
		send(key, "/"+key, unknownTrace, "")
		for _, link := range []string{path.SetUpWith(token), path.ResetPasswordWith(token), path.Invitation(token)} {
			send("GET", link, unknownTrace, "")
		}
		form := url.Values{"email": {"admin@acme.test"}, "password": {password}}
		if response, err := http.PostForm(s.url+path.SignIn, form); err != nil || response.Body.Close() != nil {
			t.Fatal(err)
		}
		select {
		case <-delivered:
		case <-time.After(testTimeout):
			t.Fatal("no webhook was received")
		}
		if code := s.stop(); code != exitOK {
			t.Fatalf("exit code = %d, want 0\nstderr: %s", code, s.stderr)
		}

		want := "GET /api/v1/me[verify API key[Store.APIKeyByDigest[SELECT api_keys]]"
		if got := collector.tree(readTrace, clientSpan); !strings.HasPrefix(got, want) {
			t.Errorf("spans = %s, want %s…", got, want)
		}
		got := collector.tree(createTrace, clientSpan)
		for _, want := range []string{"POST /api/v1/api_keys[verify API key", " Store.CreateAPIKey[", ", INSERT api_keys,"} {
			if !strings.Contains(got, want) {
				t.Errorf("spans = %s, want %s", got, want)
			}
		}
		if got := collector.tree(unknownTrace, clientSpan); !strings.Contains(got, "GET "+path.ResetPassword+":") {
			t.Errorf("spans = %s, want the routes of links", got)
		}
		if got, line := s.stderr.String(), `"trace_id":"`+readTrace+`"`; !strings.Contains(got, line) {
			t.Errorf("the log lacks %s:\n%s", line, got)
		}
		linked := slices.ContainsFunc(collector.spans, func(span *v1.Span) bool {
			return span.GetName() == "deliver webhook" && len(span.GetLinks()) == 1 && hex.EncodeToString(span.GetLinks()[0].GetTraceId()) == createTrace &&
				hex.EncodeToString(span.GetTraceId()) != createTrace
		})
		if !linked {
			t.Error("no span of a webhook has a link to the request that caused it")
		}
		stored := slices.IndexFunc(collector.spans, func(span *v1.Span) bool { return span.GetName() == "store usage" && len(span.GetParentSpanId()) == 0 })
		if stored < 0 {
			t.Fatal("no flush of usage has a trace of its own")
		}
		span := collector.spans[stored]
		if got, want := collector.tree(hex.EncodeToString(span.GetTraceId()), ""), "store usage[Store.AddUsage[INSERT usage_flushes, "; !strings.HasPrefix(got, want) {
			t.Errorf("spans = %s, want %s…", got, want)
		}
		rows := slices.ContainsFunc(span.GetAttributes(), func(a *common.KeyValue) bool {
			return a.GetKey() == "skipup.usage.rows" && a.GetValue().GetIntValue() > 0
		})
		if !rows {
			t.Errorf("attributes of the flush = %v, want the number of rows", span.GetAttributes())
		}
		for _, name := range []string{"skipup_key_verification_seconds", "skipup_webhook_attempts_total", "skipup_build_info"} {
			if !slices.Contains(collector.series, name) {
				t.Errorf("the metric %s was not exported", name)
			}
		}
		for _, secret := range []string{key, created.Data.Key, token, password} {
			for _, body := range collector.bodies {
				if found := bytes.Index(body, []byte(secret)); found >= 0 {
					t.Errorf("a secret was exported: …%q", body[max(0, found-80):found+len(secret)])
				}
			}
		}
	})
}

func TestUnreachableCollectorIsLoggedOnce(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
	env := sqliteEnv(t)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://" + freeAddress(t) + "/otlp"
	s := serve(t, env)
	const line = "failed to export to the OpenTelemetry collector"
	eventually(t, "the outage is not logged", func() bool {
		s.get(path.SignIn)
		return strings.Contains(s.stderr.String(), line)
	})
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code = %d, want 0", code)
	}
	if got := strings.Count(s.stderr.String(), `"level":"ERROR"`); got != 1 {
		t.Errorf("%d errors were logged, want 1:\n%s", got, s.stderr)
	}
}

func TestCollectorSettings(t *testing.T) {
	for name, values := range map[string][]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": {"localhost:4318", "grpc://localhost:4317", "https://ada:hunter2@otel.test", "https://otel.test/?key=hunter2"},
		"OTEL_EXPORTER_OTLP_PROTOCOL": {"grpc", "http/json"},
		"OTEL_TRACES_EXPORTER":        {"console"},
		"OTEL_METRICS_EXPORTER":       {"prometheus"},
	} {
		for _, value := range values {
			_, err := loaded(t, map[string]string{name: value})
			if err == nil || !strings.HasPrefix(err.Error(), name+": must be ") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s=%s: %v, want an error that names the variable", name, value, err)
			}
		}
	}
}

func TestDisabledTelemetryIsNotStarted(t *testing.T) {
	for disabled, want := range map[string]bool{"true": false, "false": true} {
		s, err := loaded(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + freeAddress(t), "OTEL_SDK_DISABLED": disabled})
		if err != nil {
			t.Fatal(err)
		}
		exports, err := startTelemetry(t.Context(), s, "node", web.NewMetrics(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "exports with OTEL_SDK_DISABLED="+disabled, exports != nil, want)
		exports.Stop()
	}
}
