package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail"
)

// loaded parses all settings from args and env, like serve.
func loaded(t *testing.T, env map[string]string, args ...string) (settings, error) {
	t.Helper()
	cmd := &cobra.Command{}
	addFlags(cmd.Flags(), serveOptions...)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	p := &program{environment: env}
	return p.settings(cmd, serveOptions...)
}

func TestSettings(t *testing.T) {
	defaults, err := defaultSettings()
	if err != nil {
		t.Fatal(err)
	}
	set := func(change func(*settings)) settings {
		s := defaults
		change(&s)
		return s
	}
	proxies := trustedProxies{netip.MustParsePrefix("10.0.0.5/32")}
	all := map[string]string{
		"SKIPUP_ADDR": ":9000", "DATABASE_URL": "sqlite:env.db", "SKIPUP_PUBLIC_URL": "https://env.example",
		"SKIPUP_TRUSTED_PROXIES": "10.0.0.5",
	}
	fromEnvironment := settings{Addr: ":9000", Database: "sqlite:env.db", PublicURL: "https://env.example", TrustedProxies: proxies,
		KeyRateLimit: 120, GuessRateLimit: 60, MaxKeys: 1000, KeyCreations: 30, Cache: 128, LogSample: 1, KeepUsage: 730, KeepDeliveries: 30, KeepFailedSignIns: 90, KeepNotifications: 90, MaxConnections: 4096, IdleTimeout: keepAlive(620 * time.Second), DatabaseWait: delay(30 * time.Second), DatabaseConnections: 20, ShutdownDelay: delay(5 * time.Second),
		ACMEDirectory: autocert.DefaultACMEDirectory, OIDCEmailClaim: "email_verified", OIDCRoleClaim: "groups"}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want settings
	}{
		{"defaults", nil, nil, settings{Addr: "127.0.0.1:8080", Database: "sqlite:skipup.db", KeyRateLimit: 120, GuessRateLimit: 60, MaxKeys: 1000, KeyCreations: 30, Cache: 128, LogSample: 1, KeepUsage: 730, KeepDeliveries: 30, KeepFailedSignIns: 90, KeepNotifications: 90,
			MaxConnections: 4096, IdleTimeout: keepAlive(620 * time.Second), DatabaseWait: delay(30 * time.Second), DatabaseConnections: 20, ShutdownDelay: delay(5 * time.Second), ACMEDirectory: autocert.DefaultACMEDirectory, OIDCEmailClaim: "email_verified", OIDCRoleClaim: "groups"}},
		{"an empty variable counts as unset", map[string]string{"SKIPUP_ADDR": "", "DATABASE_URL": "", "SKIPUP_PUBLIC_URL": ""}, nil, defaults},
		{"environment", all, nil, fromEnvironment},
		{"flags override the environment", all,
			[]string{"--addr", "localhost:1", "--database", "sqlite:flag.db", "--public-url=http://flag.example:81", "--trusted-proxies="},
			set(func(s *settings) {
				s.Addr, s.Database, s.PublicURL = "localhost:1", "sqlite:flag.db", "http://flag.example:81"
			})},
		{"a flag overrides only its own variable", all, []string{"--addr", "localhost:1"}, func() settings {
			s := fromEnvironment
			s.Addr = "localhost:1"
			return s
		}()},
		{"a flag with the default value overrides the environment", all, []string{"--addr", "127.0.0.1:8080"}, func() settings {
			s := fromEnvironment
			s.Addr = "127.0.0.1:8080"
			return s
		}()},
		{"an invalid variable is ignored if its flag is set", map[string]string{"SKIPUP_ADDR": "nonsense"}, []string{"--addr", ":1"},
			set(func(s *settings) { s.Addr = ":1" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loaded(t, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("settings = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSettingsChecks(t *testing.T) {
	tests := []struct {
		flag  string
		value string
		want  string // "" if the value is rejected
	}{
		{"addr", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"addr", "[::1]:0", "[::1]:0"},
		{"addr", "node-1.example:65535", "node-1.example:65535"},
		{"addr", "", ""},
		{"addr", "8080", ""},
		{"addr", "127.0.0.1", ""},
		{"addr", "::1:8080", ""},
		{"addr", "host:65536", ""},
		{"addr", "host:-1", ""},
		{"addr", "host:http", ""},
		{"addr", "ho st:80", ""},
		{"addr", "http://127.0.0.1:80", ""},

		{"database", "sqlite:/var/lib/skipup/skipup.db", "sqlite:/var/lib/skipup/skipup.db"},
		{"database", "postgres://a:b@h/d?sslmode=require", "postgres://a:b@h/d?sslmode=require"},
		{"database", "postgresql://a:b@h:5433/d", "postgresql://a:b@h:5433/d"},
		{"database", "skipup.db", ""},
		{"database", "sqlite:", ""},
		{"database", "mysql://a:b@h/d", ""},
		{"database", "postgres://a:b@h:port/d", ""},
		{"database", "postgres://a:b@h/d?sslmode=sometimes", ""},
		{"database", "postgres://a:b@h/d?sslrootcert=/nowhere.pem&sslmode=verify-full", ""},

		{"public-url", "https://keys.example.com", "https://keys.example.com"},
		{"public-url", "https://keys.example.com/", "https://keys.example.com"},
		{"public-url", "HTTPS://Keys.Example.com:443//", "https://keys.example.com"},
		{"public-url", "http://keys.example.com:80", "http://keys.example.com"},
		{"public-url", "http://keys.example.com:443", "http://keys.example.com:443"},
		{"public-url", "http://[::1]:8080", "http://[::1]:8080"},
		{"public-url", "http://[::1]", "http://[::1]"},
		{"public-url", "https://xn--schlssel-95a.example", "https://xn--schlssel-95a.example"},
		{"public-url", "keys.example.com", ""},
		{"public-url", "//keys.example.com", ""},
		{"public-url", "ftp://keys.example.com", ""},
		{"public-url", "javascript:alert(1)", ""},
		{"public-url", "https://", ""},
		{"public-url", "https://keys.example.com/skipup", ""},
		{"public-url", "https://keys.example.com?a=b", ""},
		{"public-url", "https://keys.example.com#top", ""},
		{"public-url", "https://ada@keys.example.com", ""},
		{"public-url", "https://ada:hunter2@keys.example.com", ""},
		{"public-url", "https://keys.example.com:0", ""},
		{"public-url", "https://keys.example.com:70000", ""},
		{"public-url", "https://a,b", ""},
		{"public-url", "https://schlüssel.example", ""},

		{"trusted-proxies", "10.0.0.5, 2001:db8::/32", "[10.0.0.5/32 2001:db8::/32]"},
		{"trusted-proxies", "proxy.internal", ""},

		{"key-rate-limit", "0", "0"},
		{"key-rate-limit", "1000000", "1000000"},
		{"key-rate-limit", "-1", ""},
		{"key-rate-limit", "many", ""},
		{"key-rate-limit", "", ""},
		{"guess-rate-limit", "5", "5"},
		{"guess-rate-limit", "1.5", ""},

		{"max-keys", "5000", "5000"},
		{"max-keys", "0", "-1"}, // no limit
		{"max-keys", "-1", ""},
		{"key-creation-limit", "0", "-1"},
		{"key-creation-limit", "all", ""},

		{"redis", "redis.internal:6379?hunter2", ""},
		{"redis", "http://redis.internal", ""},

		{"cache-mb", "1", "1"},
		{"cache-mb", "0", ""},
		{"cache-mb", "128 MB", ""},

		{"metrics-addr", "127.0.0.1:9100", "127.0.0.1:9100"},
		{"metrics-addr", "9100", ""},

		{"pprof", "true", ""}, // without a listener
		{"pprof", "on", ""},

		{"smtp", "mail.example.com", ""},
		{"smtp", "smtp://keys:hunter2@mail.example.com/inbox", ""},
		{"mail-from", "hunter2", ""},

		{"database-connections", "8", "8"},
		{"database-connections", "7", ""},
		{"keep-usage-days", "90", "90"},
		{"keep-usage-days", "89", ""},
		{"keep-delivery-days", "6", ""},
		{"keep-failed-sign-in-days", "3651", ""},
		{"keep-notification-days", "30d", ""},
		{"log-level", "debug", "-4"}, // of slog
		{"log-level", "INFO", ""},
		{"log-sample", "100", "100"},
		{"log-sample", "0", ""},
		{"max-connections", "100", "100"},
		{"max-connections", "0", ""},
		{"cors-origins", "https://app.example.com, http://localhost:3000/", "[https://app.example.com http://localhost:3000]"},
		{"cors-origins", "*", ""},
		{"cors-origins", "https://app.example.com,", ""},
		{"cors-origins", "https://app.example.com/path", ""},
		{"idle-timeout", "15m", "900000000000"},
		{"idle-timeout", "620", ""},
		{"idle-timeout", "0s", ""},

		{"oidc-issuer", "https://id.example.com/realms/acme", ""}, // without a client
		{"oidc-issuer", "id.example.com", ""},
		{"oidc-scopes", "groups,,roles", ""},
		{"oidc-role-claim", "roles", "roles"},
		{"oidc-roles", "key-admins=admin", ""},
		{"oidc-roles", "key-admins=owner@ws_01KKNTQ1T8J2VYX5NR753CWRGR", ""},
		{"oidc-roles", "key-admins=member@ws_01KKNTQ1T8J2VYX5NR753CWRGR", ""}, // as the database names viewers
		{"oidc-roles", "key-admins=admin@Acme", ""},
		{"oidc-issuer", "http://id.example.com", ""},
		{"oidc-issuer", "https://ada:hunter2@id.example.com", ""},
		{"oidc-issuer", "https://id.example.com/?realm=acme", ""},

		{"webhook-allow-private", "true", "true"},
		{"webhook-allow-private", "yes", ""},
	}
	for _, tt := range tests {
		t.Run(tt.flag+" "+tt.value, func(t *testing.T) {
			s, err := loaded(t, map[string]string{"SKIPUP_MAIL_FROM": "keys@example.com"}, "--"+tt.flag+"="+tt.value)
			if tt.want == "" {
				requireFlagError(t, err, tt.flag)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range serveOptions {
				if o.flag != tt.flag {
					continue
				}
				if got := fmt.Sprint(reflect.ValueOf(o.field(&s)).Elem()); got != tt.want {
					t.Errorf("value = %s, want %s", got, tt.want)
				}
			}
		})
	}
}

// requireFlagError checks that err is about flag and does not repeat the password in its value.
func requireFlagError(t *testing.T, err error, flag string) {
	t.Helper()
	if err == nil {
		t.Fatal("the value is accepted, want an error")
	}
	if !strings.HasPrefix(err.Error(), "--"+flag+" (") {
		t.Errorf("error = %q, want it to name --%s", err, flag)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %q, which repeats the password", err)
	}
}

func TestServeUsesTheRedisAndSMTPSettings(t *testing.T) {
	s, err := loaded(t, map[string]string{
		"REDIS_URL": "redis://:secret@redis.internal:6379/1", "SMTP_URL": "smtp://keys:hunter2@mail.example.com", "SKIPUP_MAIL_FROM": "SkipUp Keys <keys@example.com>",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Redis.Addr; got != "redis.internal:6379" {
		t.Errorf("Redis address = %q, want redis.internal:6379", got)
	}
	if got := s.Redis.DB; got != 1 {
		t.Errorf("Redis database = %d, want 1", got)
	}
	want, err := mail.ParseServer("smtp://keys:hunter2@mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if *s.SMTP.Server != want {
		t.Errorf("SMTP server = %+v, want %+v", *s.SMTP.Server, want)
	}
	if got := (mail.From{Name: "SkipUp Keys", Address: "keys@example.com"}); *s.MailFrom.From != got {
		t.Errorf("sender = %+v, want %+v", *s.MailFrom.From, got)
	}
}

func TestSMTPRequiresASender(t *testing.T) {
	env := map[string]string{"SMTP_URL": "smtp://keys:hunter2@mail.example.com"}
	skipup(t, env, "serve").requireFailure(t, exitUsage, "--mail-from (SKIPUP_MAIL_FROM): required with --smtp (SMTP_URL)")
}

func TestSingleSignOnSettings(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SKIPUP_OIDC_ISSUER": "https://id.example.com/", "SKIPUP_OIDC_CLIENT_ID": "skipup", "SKIPUP_OIDC_CLIENT_SECRET_FILE": secret,
		"SKIPUP_OIDC_ROLES": "a=b=key-manager@ws_01KKNTQ1T8J2VYX5NR753CWRGR, everyone=viewer@ws_01KKNTQ1T8J2VYX5NR753CWRGR"}
	s, err := loaded(t, env)
	if err != nil {
		t.Fatal(err)
	}
	provider := s.provider("https://keys.example.com")
	modelstest.Equal(t, "name", provider.Name(), "id.example.com")
	modelstest.Equal(t, "issuer", s.OIDCIssuer, "https://id.example.com/")
	modelstest.Equal(t, "secret", string(s.OIDCClientSecret), "hunter2")
	modelstest.Equal(t, "roles", fmt.Sprint(s.OIDCRoles), "[{a=b key_manager ws_01KKNTQ1T8J2VYX5NR753CWRGR} {everyone member ws_01KKNTQ1T8J2VYX5NR753CWRGR}]")
	for _, missing := range []string{"SKIPUP_OIDC_ISSUER", "SKIPUP_OIDC_CLIENT_ID", "SKIPUP_OIDC_CLIENT_SECRET_FILE"} {
		incomplete := maps.Clone(env)
		delete(incomplete, missing)
		skipup(t, incomplete, "serve").requireFailure(t, exitUsage, "--oidc-issuer (SKIPUP_OIDC_ISSUER): require")
	}
}

// Each usage error has a line with the flag and variable, wherever the value comes from. No line
// repeats the database password.
func TestUsageErrorsAreReportedTogether(t *testing.T) {
	env := map[string]string{
		"SKIPUP_ADDR": "nonsense", "DATABASE_URL": "postgres://ada:hunter2@db.example:port/skipup", "SKIPUP_KEY_RATE_LIMIT": "many",
	}
	got := skipup(t, env, "serve", "--public-url", "ftp://keys.example.com")
	got.requireFailure(t, exitUsage, "4 problems:",
		"\n  --addr (SKIPUP_ADDR): use HOST:PORT",
		"\n  --database (DATABASE_URL): the PostgreSQL URL is invalid",
		"\n  --public-url (SKIPUP_PUBLIC_URL): use the URL that browsers open",
		"\n  --key-rate-limit (SKIPUP_KEY_RATE_LIMIT): use a whole number")
	if lines := strings.Count(got.stderr, "\n"); lines != 6 {
		t.Errorf("stderr has %d lines, want 6 (a heading, 4 problems and a hint):\n%s", lines, got.stderr)
	}
}

// TestRemovedSettingsAreReported checks that a setting of an earlier version doesn't stop an upgrade without
// saying what to do.
func TestRemovedSettingsAreReported(t *testing.T) {
	t.Chdir(t.TempDir())
	const advice = ": remove this setting; each workspace is live or test now, and the server accepts both kinds of keys"
	for _, value := range []string{"live", "test"} {
		env := map[string]string{"SKIPUP_KEY_ENVIRONMENT": value}
		skipup(t, env, "serve", "--addr", "127.0.0.1:0").requireFailure(t, exitUsage, "SKIPUP_KEY_ENVIRONMENT"+advice)
	}
	skipup(t, nil, "serve", "--key-environment", "live").requireFailure(t, exitUsage, "--key-environment"+advice)
	skipup(t, nil, "keys", "rotate", "key_1", "--key-environment=test").requireFailure(t, exitUsage, "--key-environment"+advice)
	wantNoFiles(t)
	if _, err := loaded(t, map[string]string{"SKIPUP_KEY_ENVIRONMENT": ""}); err != nil {
		t.Errorf("with an empty variable: %v", err)
	}
}

func TestMisspelledVariablesAreReported(t *testing.T) {
	tests := []struct{ variable, want string }{
		{"SKIPUP_DATABASE_URL", "DATABASE_URL"},
		{"SKIPUP_REDIS_URL", "REDIS_URL"},
		{"SKIPUP_PUBLIC_URI", "SKIPUP_PUBLIC_URL"},
		{"SKIPUP_ADRR", "SKIPUP_ADDR"},
		{"skipup_addr", "SKIPUP_ADDR"},
		{"SKIPUP_ADDR_FILE", "SKIPUP_ADDR"},
		{"SKIPUP_ENCRYPTION_KEY_FIEL", "SKIPUP_ENCRYPTION_KEY_FILE"},
		{"SKIPUP_DATABASE_URL_FILE", "DATABASE_URL_FILE"},
		{"SKIPUP_METRICS_ADDRESS", "SKIPUP_METRICS_ADDR"},
		{"DATABASE_URL_FILES", "DATABASE_URL_FILE"},
		{"DATABASE_URI", "DATABASE_URL"},
		{"DATABSE_URL", "DATABASE_URL"},
		{"DATABAES_URL", "DATABASE_URL"},
		{"database_url", "DATABASE_URL"},
		{"DATABASE_URL ", "DATABASE_URL"},
		{"SMTP_URI", "SMTP_URL"},
		{"REDIS_URLS", "REDIS_URL"},
	}
	for _, tt := range tests {
		t.Run(tt.variable, func(t *testing.T) {
			t.Chdir(t.TempDir())
			env := map[string]string{tt.variable: "postgres://ada:hunter2@db.internal/keys"}
			skipup(t, env, "serve", "--addr", "127.0.0.1:0").requireFailure(t, exitUsage, tt.variable+": unknown setting; did you mean "+tt.want+"?")
			wantNoFiles(t)
		})
	}
}

// wantNoFiles checks that the working directory is empty, such as when no database was created.
func wantNoFiles(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil || len(files) > 0 {
		t.Errorf("files = %v, %v, want none", files, err)
	}
}

func TestVariablesOfOtherProgramsAreIgnored(t *testing.T) {
	env := map[string]string{}
	for _, name := range []string{
		"SKIPUP_API_KEY", "SKIPUP_NODE_TOKEN", "SKIPUP_WEBHOOK_SECRET", // of the guides
		"SKIPUP_SERVICE_HOST", "SKIPUP_SERVICE_PORT", "SKIPUP_SERVICE_PORT_HTTP", "SKIPUP_PORT", "SKIPUP_PORT_8080_TCP", // of Kubernetes
		"SKIPUP_PORT_8080_TCP_PROTO", "SKIPUP_PORT_8080_TCP_PORT", "SKIPUP_PORT_8080_TCP_ADDR", "SKIPUP_KEYS_SERVICE_HOST", "SKIPUP_KEYS_PORT_80_TCP",
		"AMQP_URL", "HTTP_URL", "FTP_URL", "DATABASE_SSL", "DATABASE_URL_POOLED", "TEST_DATABASE_URL", "PUBLIC_URL", "ADDR",
	} {
		env[name] = "anything"
	}
	env["SKIPUP_DATABASE_URL"] = "" // counts as unset
	if _, err := loaded(t, env); err != nil {
		t.Error(err)
	}
}

func TestNearMissesOfSettingsThatAreSetAreIgnored(t *testing.T) {
	if _, err := loaded(t, map[string]string{"DATABASE_URL": "sqlite:a.db", "DATABASE_URI": "sqlite:b.db"}); err != nil {
		t.Errorf("with DATABASE_URL: %v", err)
	}
	if _, err := loaded(t, map[string]string{"DATABASE_URI": "sqlite:a.db"}, "--database", "sqlite:a.db"); err != nil {
		t.Errorf("with --database: %v", err)
	}
}

func TestSecretsAreReadFromFiles(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	values := map[string]string{
		"DATABASE_URL": "postgres://ada:hunter2@db.internal/keys", "REDIS_URL": "redis://:hunter2@cache.internal",
		"SMTP_URL": "smtp://ada:hunter2@mail.internal", "SKIPUP_ENCRYPTION_KEY": key,
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		variables, files := map[string]string{"SKIPUP_MAIL_FROM": "keys@example.com"}, map[string]string{"SKIPUP_MAIL_FROM": "keys@example.com"}
		for name, value := range values {
			variables[name], files[name+"_FILE"] = value, file(value+end)
		}
		want, err := loaded(t, variables)
		if err != nil {
			t.Fatal(err)
		}
		got, err := loaded(t, files)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "settings from files", fmt.Sprintf("%+v", got.Database), fmt.Sprintf("%+v", want.Database))
		modelstest.Equal(t, "encryption key", string(bytes.Join(got.EncryptionKey, nil)), string(bytes.Join(want.EncryptionKey, nil)))
		modelstest.Equal(t, "Redis", got.Redis.Options.Password, "hunter2")
		modelstest.Equal(t, "SMTP", fmt.Sprint(got.SMTP.Server), fmt.Sprint(want.SMTP.Server))
	}

	for what, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"both":            {map[string]string{"REDIS_URL": "redis://a", "REDIS_URL_FILE": file("redis://b")}, "set only one of REDIS_URL and REDIS_URL_FILE"},
		"missing":         {map[string]string{"DATABASE_URL_FILE": "/nowhere/url"}, "DATABASE_URL_FILE: open /nowhere/url: no such file or directory"},
		"a folder":        {map[string]string{"DATABASE_URL_FILE": t.TempDir()}, "is a directory"},
		"empty":           {map[string]string{"DATABASE_URL_FILE": file("\n")}, "DATABASE_URL_FILE: the file is empty"},
		"large":           {map[string]string{"DATABASE_URL_FILE": file(strings.Repeat("a", 64<<10+1))}, "DATABASE_URL_FILE: the file is larger than 65536 bytes"},
		"several lines":   {map[string]string{"DATABASE_URL_FILE": file("sqlite:a.db\nsqlite:b.db\n")}, "--database (DATABASE_URL): remove the line break"},
		"an invalid URL":  {map[string]string{"REDIS_URL_FILE": file("http://hunter2")}, "--redis (REDIS_URL): "},
		"not for secrets": {map[string]string{"SKIPUP_ADDR_FILE": file("127.0.0.1:80")}, "SKIPUP_ADDR_FILE: unknown setting"},
	} {
		if _, err := loaded(t, tt.env); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error = %v, want one that contains %q", what, err, tt.want)
		}
	}
	if _, err := loaded(t, map[string]string{"DATABASE_URL_FILE": "/nowhere/url"}, "--database", "sqlite:a.db"); err != nil {
		t.Errorf("a flag with a file: %v", err)
	}
}

func TestInvisibleCharactersInSettings(t *testing.T) {
	for _, value := range []string{"sqlite:x.db\r", "sqlite:x.db\n", "sqlite:x\x00.db", "sqlite:x.db\u200b", "\ufeffsqlite:x.db", "sqlite:\x1b[31mx.db", " sqlite:x.db", "sqlite:x.db "} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			t.Chdir(t.TempDir())
			skipup(t, map[string]string{"DATABASE_URL": value}, "serve", "--addr", "127.0.0.1:0").
				requireFailure(t, exitUsage, "--database (DATABASE_URL): remove the ")
			skipup(t, nil, "migrate", "--database", value).requireFailure(t, exitUsage, "--database (DATABASE_URL): remove the ")
			wantNoFiles(t)
		})
	}
	for _, o := range serveOptions {
		if _, err := loaded(t, map[string]string{o.variable: "hunter2\r"}); err == nil || !strings.Contains(err.Error(), o.name()+": remove the line break") {
			t.Errorf("%s with a line break: %v, want it rejected", o.variable, err)
		}
	}
}

func TestErrorsDoNotRepeatTheDatabaseURL(t *testing.T) {
	tests := []struct {
		name, url string
		code      int
	}{
		{"malformed", "postgres://ada:hunter2@db.example:port/skipup", exitUsage},
		{"wrong scheme", "mysql://ada:hunter2@db.example/skipup", exitUsage},
		{"wrong parameter", "postgres://ada:hunter2@db.example/skipup?sslmode=sometimes", exitUsage},
		{"password as parameter", "postgres://db.example/skipup?password=hunter2&sslmode=sometimes", exitUsage},
		{"line end", "postgres://ada:hunter2@127.0.0.1:1/skipup\n", exitUsage},
		{"password that is not percent-encoded", "postgres://ada:p@ss#hunter2/rd@127.0.0.1:1/skipup", exitUsage},
		{"unreachable", "postgres://ada:hunter2@127.0.0.1:1/skipup", exitFailed},
		{"unreachable, password as parameter", "postgres://127.0.0.1:1/skipup?user=ada&password=hunter2", exitFailed},
	}
	commands := [][]string{
		{"serve", "--addr", "127.0.0.1:0", "--database-wait", "0s"},
		{"migrate"},
		{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada"},
		{"keys", "create", "--workspace", "ws_1", "--name", "CI", "--scopes="},
		{"keys", "list", "--workspace", "ws_1"},
		{"keys", "delete", "key_1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, command := range commands {
				skipup(t, map[string]string{"DATABASE_URL": tt.url}, command...).requireFailure(t, tt.code, "--database (DATABASE_URL)")
				skipup(t, nil, append(command, "--database", tt.url)...).requireFailure(t, tt.code, "--database (DATABASE_URL)")
			}
		})
	}
}

func TestErrorsDoNotRepeatMisplacedArguments(t *testing.T) {
	const url = "postgres://ada:hunter2@db.example/skipup"
	for _, args := range [][]string{
		{url},
		{"serve", url},
		{"serve", "-database=" + url},
		{"serve", "--databse=" + url},
		{"serve", "--=" + url},
		{"keys", url},
		{"keys", "delete", "key_1", url},
		{"migrate", url},
	} {
		skipup(t, nil, args...).requireFailure(t, exitUsage)
	}
}

// TestConfigurationDocs checks that docs/configuration.md lists exactly the settings of serve, with
// their flags, variables and defaults.
func TestConfigurationDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`--[a-z-]+`|none) \\| (`[A-Z_]+`) \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		got = append(got, row[1]+" "+row[2]+" "+documentedDefault(row[3]))
	}
	for _, o := range append([]option{configOption}, serveOptions...) {
		flag := "none"
		if o.flag != "" {
			flag = "`--" + o.flag + "`"
		}
		want = append(want, flag+" `"+o.variable+"` "+o.fallback)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings in docs/configuration.md (-want +got):\n%s", diff)
	}
}

// documentedDefault returns the default in a table cell, or "" if the cell describes it in words.
func documentedDefault(cell string) string {
	if value := strings.Trim(cell, "`"); cell == "`"+value+"`" {
		return value
	}
	return ""
}
