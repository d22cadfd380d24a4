package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/skipup/keys/models"
)

const monitoringDocs = "../../docs/operations/monitoring"

// TestMonitoring checks that the names of metrics follow the conventions of Prometheus, that the dashboard
// and the alerts use only metrics and labels that a server has, and that Prometheus fires alerts for faults
// of a real server.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("Prometheus is skipped with -short")
	}
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	key := newKey(t, env, workspace, "CI", "")
	env["SMTP_URL"], env["SKIPUP_MAIL_FROM"] = "smtp://"+freeAddress(t), "keys@acme.test"
	env["SKIPUP_METRICS_ADDR"] = "127.0.0.1:0"
	s := startProcess(t, env)
	s.waitUntilReady()
	s.get("/api/v1/me", key)
	eventually(t, "the problems are missing", func() bool { return s.metric(`skipup_problem{problem="key_changes"}`) == "0" })
	metrics := s.metrics()

	t.Run("names follow the conventions", func(t *testing.T) {
		promtool(t, metrics, "check", "metrics")
	})
	t.Run("alerts pass their tests", func(t *testing.T) {
		promtool(t, "", "check", "rules", "alerts.yml")
		promtool(t, "", "test", "rules", "alerts_test.yml")
	})
	t.Run("expressions use existing metrics", func(t *testing.T) {
		labels := labelsOf(metrics)
		for _, expression := range append(dashboardExpressions(t), alertExpressions(t)...) {
			checkExpression(t, expression, labels)
		}
	})
	t.Run("alerts fire", func(t *testing.T) {
		firing := prometheus(t, s.metricsAddress())
		eventually(t, "Prometheus does not scrape the server", func() bool { return firing("SkipUpNodeDown") == "none" })
		store, err := models.Open(env["DATABASE_URL"], models.Options{SendsEmail: true})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		stop := changeKeysWithALostNode(t, store, workspace)
		if err := store.RequestPasswordReset(t.Context(), "admin@acme.test"); err != nil {
			t.Fatal(err)
		}
		for _, alert := range []string{"SkipUpNodeBehind", "SkipUpMailFailing"} {
			eventually(t, alert+" does not fire", func() bool { return firing(alert) == "firing" })
		}
		stop()
		for _, quiet := range []string{"SkipUpDatabaseUnavailable", "SkipUpUsageNotStored"} {
			eventually(t, quiet+" fires", func() bool { return firing(quiet) == "none" })
		}
		if err := os.Remove(strings.TrimPrefix(env["DATABASE_URL"], "sqlite:")); err != nil {
			t.Fatal(err)
		}
		for _, alert := range []string{"SkipUpDatabaseUnavailable", "SkipUpUsageNotStored"} {
			eventually(t, alert+" does not fire", func() bool {
				s.get("/api/v1/me", key) // is to be counted
				return firing(alert) == "firing"
			})
		}
	})
}

// changeKeysWithALostNode changes a key again and again until stop is called. Each change waits for a node that
// doesn't confirm it.
func changeKeysWithALostNode(t *testing.T, store *models.Store, workspace string) (stop func()) {
	t.Helper()
	keys, err := store.APIKeysInState(t.Context(), workspace, models.StateActive, models.Page{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var changing sync.WaitGroup
	changing.Go(func() {
		for ctx.Err() == nil {
			_, registerErr := store.RegisterNode(ctx, models.NewNode{Name: "lost", StartedAt: time.Now()})
			_, pauseErr := store.PauseAPIKey(ctx, workspace, keys.Items[0].ID, time.Now().Add(time.Hour))
			if err := errors.Join(registerErr, pauseErr); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		changing.Wait()
	}
}

func (s *testServer) metricsAddress() string {
	s.t.Helper()
	address := metricsAddress.FindStringSubmatch(s.stderr.String())
	if address == nil {
		s.t.Fatalf("the log lacks the address of the metrics:\n%s", s.stderr)
	}
	return address[1]
}

// metrics returns the metrics of a server that has logged where it serves them.
func (s *testServer) metrics() string {
	s.t.Helper()
	response, err := http.Get("http://" + s.metricsAddress() + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// metric returns the value of a metric, or "" if there is none.
func (s *testServer) metric(name string) string {
	s.t.Helper()
	for line := range strings.Lines(s.metrics()) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	command := exec.Command("promtool", args...)
	command.Dir, command.Stdin = monitoringDocs, strings.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// prometheus starts Prometheus with the alerts, without their delays, for the server at an address. Firing
// returns the state of an alert, or "none".
func prometheus(t *testing.T, address string) (firing func(alert string) string) {
	t.Helper()
	rules, err := os.ReadFile(filepath.Join(monitoringDocs, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	dir, listening := t.TempDir(), freeAddress(t)
	for name, text := range map[string]string{
		"alerts.yml": regexp.MustCompile(`for: \S+`).ReplaceAllString(string(rules), "for: 0s"),
		"prometheus.yml": fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\nrule_files: [alerts.yml]\n"+
			"scrape_configs: [{job_name: skipup, static_configs: [{targets: [%q]}]}]\n", address),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &output{}
	command := exec.Command("prometheus", "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", listening)
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	return func(alert string) string {
		var alerts struct {
			Data struct {
				Alerts []struct {
					State  string
					Labels map[string]string
				}
			}
		}
		var up struct{ Data struct{ Result []any } }
		if !getJSON("http://"+listening+"/api/v1/query?query=up==1", &up) || len(up.Data.Result) == 0 || !getJSON("http://"+listening+"/api/v1/alerts", &alerts) {
			return "unknown"
		}
		for _, found := range alerts.Data.Alerts {
			if found.Labels["alertname"] == alert {
				return found.State
			}
		}
		return "none"
	}
}

func getJSON(url string, into any) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into) == nil
}

func dashboardExpressions(t *testing.T) (expressions []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoringDocs, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	return expressions
}

func alertExpressions(t *testing.T) (expressions []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoringDocs, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile(filepath.Join(monitoringDocs, "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range file.Groups[0].Rules {
		expressions = append(expressions, rule.Expr)
		if !strings.Contains(string(docs), "`"+rule.Alert+"`") {
			t.Errorf("monitoring.md lacks %s", rule.Alert)
		}
	}
	return expressions
}

var (
	series     = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `)
	usedMetric = regexp.MustCompile(`\b((?:skipup|process|go)_[a-z_]+)(?:\{([^}]*)\})?`)
	label      = regexp.MustCompile(`([a-z_]+)[=!]~?"`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
)

// labelsOf returns the names of the labels of each metric in the response of a server.
func labelsOf(metrics string) map[string][]string {
	labels := map[string][]string{}
	for _, found := range series.FindAllStringSubmatch(metrics, -1) {
		labels[found[1]] = append(labels[found[1]], labelNames(found[2])...)
	}
	return labels
}

func labelNames(text string) (names []string) {
	for _, found := range label.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

// checkExpression checks that a server has the metrics and labels of an expression. Prometheus adds the
// labels instance and job.
func checkExpression(t *testing.T, expression string, labels map[string][]string) {
	t.Helper()
	for _, used := range usedMetric.FindAllStringSubmatch(expression, -1) {
		known, exists := labels[used[1]]
		if !exists {
			t.Errorf("%s: a server has no metric %s", expression, used[1])
			continue
		}
		names := labelNames(used[2])
		for _, group := range grouping.FindAllStringSubmatch(expression, -1) {
			names = append(names, strings.Split(group[1], ", ")...)
		}
		for _, name := range names {
			if name != "instance" && name != "job" && !slices.Contains(known, name) {
				t.Errorf("%s: %s has no label %s", expression, used[1], name)
			}
		}
	}
}
