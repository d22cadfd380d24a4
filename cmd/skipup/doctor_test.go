package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail/mailtest"
)

func TestDoctor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		newWorkspace(t, env)
		s := serve(t, env)
		eventually(t, "the node isn't ready", func() bool {
			status, _ := s.get("/readyz")
			return status == 200
		})
		var healthy outcome
		eventually(t, "the node isn't registered", func() bool {
			healthy = skipup(t, env, "doctor", "--public-url", s.url)
			return strings.Contains(healthy.stdout, "Registered nodes: 1.")
		})
		modelstest.Contains(t, "stdout", healthy.stdout, "ok       schema: ", "ok       public_url: The server responds at "+s.url)
		for line := range strings.Lines(healthy.stdout) {
			if strings.HasPrefix(line, "error") && !strings.Contains(line, "fsync is off") { // as on servers for tests
				t.Errorf("a healthy installation has the %s", line)
			}
		}
	})
}

// startProvider starts a provider of OpenID Connect that names an issuer, its URL if empty, and returns its URL.
func startProvider(t *testing.T, issuer string) string {
	t.Helper()
	provider := &oidctest.Server{}
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	provider.SetIssuer(cmp.Or(issuer, server.URL))
	return server.URL
}

func TestDoctorFindsProblems(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	provider := startProvider(t, "")
	other := startProvider(t, "https://id.example.com")
	singleSignOn := func(issuer string) map[string]string {
		return map[string]string{"SKIPUP_OIDC_ISSUER": issuer, "SKIPUP_OIDC_CLIENT_ID": "skipup", "SKIPUP_OIDC_CLIENT_SECRET": "hunter2", "SKIPUP_PUBLIC_URL": "https://keys.invalid"}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20hunter2")
	collectorThatRejects := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "unknown credentials: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	}))
	defer collectorThatRejects.Close()
	tests := []struct {
		name  string
		env   map[string]string
		check string
		level models.Level
		text  string
	}{
		{"no proxy is trusted", map[string]string{"SKIPUP_PUBLIC_URL": "https://keys.invalid"}, "proxies", models.LevelWarning, "no proxy is trusted"},
		{"server can't be reached", map[string]string{"SKIPUP_PUBLIC_URL": "https://keys.invalid"}, "public_url", models.LevelWarning, "can't reach the server"},
		{"not encrypted", map[string]string{"SKIPUP_PUBLIC_URL": "http://keys.invalid"}, "public_url", models.LevelWarning, "isn't https"},
		{"no public URL", map[string]string{"SKIPUP_ADDR": ":8080"}, "public_url", models.LevelWarning, "links point to localhost"},
		{"no SMTP server", map[string]string{"SMTP_URL": "smtp://127.0.0.1:1", "SKIPUP_MAIL_FROM": "keys@acme.test"}, "smtp", models.LevelError, "connection refused"},
		{"SMTP server", map[string]string{"SMTP_URL": "smtp://" + sink.Address, "SKIPUP_MAIL_FROM": "keys@acme.test"}, "smtp", models.LevelOK, "accepts connections"},
		{"no provider", singleSignOn("http://127.0.0.1:1"), "single_sign_on", models.LevelError, "connection refused"},
		{"another provider", singleSignOn(other), "single_sign_on", models.LevelError, "did not match the issuer"},
		{"provider", singleSignOn(provider), "single_sign_on", models.LevelOK, "https://keys.invalid/login/sso/return"},
		{"no Redis", map[string]string{"REDIS_URL": "redis://:hunter2@127.0.0.1:1"}, "redis", models.LevelError, "connection refused"},
		{"no collector", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "opentelemetry", models.LevelError, "connection refused"},
		{"collector with other credentials", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collectorThatRejects.URL}, "opentelemetry", models.LevelError, "401 Unauthorized"},
		{"no collector at the path", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": provider}, "opentelemetry", models.LevelError, "404 Not Found"},
		{"collector of metrics", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collectorThatRejects.URL, "OTEL_TRACES_EXPORTER": "none"}, "opentelemetry", models.LevelError, "Export metrics: "},
		{"collector", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": newOTLPReceiver(t).URL}, "opentelemetry", models.LevelOK, "accepts exports"},
		{"no database", map[string]string{"DATABASE_URL": "sqlite:/nowhere/skipup.db"}, "database", models.LevelError, "There is no database at /nowhere/skipup.db"},
		{"no database server", map[string]string{"DATABASE_URL": "postgres://ada:hunter2@127.0.0.1:1/skipup"}, "database", models.LevelError, "connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			newWorkspace(t, env)
			for name, value := range tt.env {
				env[name] = value
			}
			wantFound(t, skipup(t, env, "doctor", "--json"), tt.check, tt.level, tt.text)
		})
	}
}

func wantFound(t *testing.T, done outcome, check string, level models.Level, text string) {
	t.Helper()
	var findings []models.Diagnosis
	if err := json.Unmarshal([]byte(done.stdout), &findings); err != nil {
		t.Fatalf("stdout: %v\n%s", err, done.stdout)
	}
	code, found := exitOK, false
	for _, f := range findings {
		if f.Level == models.LevelError {
			code = exitFailed
		}
		found = found || f.Check == check && f.Level == level && strings.Contains(f.Message, text)
		if (f.Remedy == "") != (f.Level == models.LevelOK) {
			t.Errorf("%s is %s with the remedy %q", f.Check, f.Level, f.Remedy)
		}
	}
	if !found {
		t.Errorf("findings = %s, want %s with level %s and %q", done.stdout, check, level, text)
	}
	modelstest.Equal(t, "exit code", done.code, code)
	requireNoSecrets(t, done.stdout)
}

func TestDoctorFindsReadableFiles(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	path, _ := models.SQLiteFile(env["DATABASE_URL"])
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	wantFound(t, skipup(t, env, "doctor", "--json"), "file_modes", models.LevelError, "Other users may read "+path+" (mode 0644)")
}

func TestDoctorFindsCallersBehindAProxy(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	key := newKey(t, env, newWorkspace(t, env), "CI", "seats.read")
	s := serve(t, env)
	if status, _ := s.get("/api/v1/me", key); status != 200 {
		t.Fatalf("status = %d, want 200", status)
	}
	s.stop() // stores the usage
	env["SKIPUP_PUBLIC_URL"], env["SKIPUP_TRUSTED_PROXIES"] = "https://keys.invalid", "192.0.2.1"
	wantFound(t, skipup(t, env, "doctor", "--json"), "proxies", models.LevelWarning, "have local addresses, such as 127.0.0.1")
}
