package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// loaded reads all settings from args and env as serve does.
func loaded(t *testing.T, env map[string]string, args ...string) (settings, error) {
	t.Helper()
	options := serveOptions
	cmd := &cobra.Command{}
	addFlags(cmd.Flags(), options...)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	p := &program{environment: maps.Clone(env)}
	if p.environment == nil {
		p.environment = map[string]string{}
	}
	return p.settings(cmd, options...)
}

func TestSettings(t *testing.T) {
	defaults := settings{
		Addr: "127.0.0.1:8080", Database: "sqlite:skipup.db", KeyEnvironment: "live", KeyRateLimit: "120", GuessRateLimit: "60", Cache: "128",
		WebhookAllowPrivate: "false",
	}
	with := func(addr, database, publicURL, environment, proxies string) settings {
		s := defaults
		s.Addr, s.Database, s.PublicURL, s.KeyEnvironment, s.TrustedProxies = addr, database, publicURL, environment, proxies
		return s
	}
	all := map[string]string{
		"SKIPUP_ADDR": ":9000", "DATABASE_URL": "sqlite:env.db", "SKIPUP_PUBLIC_URL": "https://env.example", "SKIPUP_KEY_ENVIRONMENT": "test",
		"SKIPUP_TRUSTED_PROXIES": "10.0.0.5",
	}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want settings
	}{
		{"defaults", nil, nil, defaults},
		{"an empty variable counts as none", map[string]string{"SKIPUP_ADDR": "", "DATABASE_URL": "", "SKIPUP_PUBLIC_URL": "", "SKIPUP_KEY_ENVIRONMENT": ""}, nil, defaults},
		{"environment", all, nil, with(":9000", "sqlite:env.db", "https://env.example", "test", "10.0.0.5")},
		{"flags beat the environment", all,
			[]string{"--addr", "localhost:1", "--database", "sqlite:flag.db", "--public-url=http://flag.example:81", "--key-environment", "live", "--trusted-proxies="},
			with("localhost:1", "sqlite:flag.db", "http://flag.example:81", "live", "")},
		{"a flag beats its own variable only", all, []string{"--addr", "localhost:1"}, with("localhost:1", "sqlite:env.db", "https://env.example", "test", "10.0.0.5")},
		{"a flag with the default value beats the environment too", all, []string{"--key-environment", "live"}, with(":9000", "sqlite:env.db", "https://env.example", "live", "10.0.0.5")},
		{"a wrong variable behind a flag does no harm", map[string]string{"SKIPUP_ADDR": "nonsense"}, []string{"--addr", ":1"},
			with(":1", defaults.Database, "", "live", "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loaded(t, tt.env, tt.args...)
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestSettingsChecks(t *testing.T) {
	tests := []struct {
		flag  string
		value string
		want  string // empty if the value is refused
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

		{"key-environment", "live", "live"},
		{"key-environment", "test", "test"},
		{"key-environment", "", ""},
		{"key-environment", "LIVE", ""},
		{"key-environment", "production", ""},

		{"trusted-proxies", "10.0.0.5, 2001:db8::/32", "10.0.0.5, 2001:db8::/32"},
		{"trusted-proxies", "proxy.internal", ""},

		{"key-rate-limit", "0", "0"},
		{"key-rate-limit", "1000000", "1000000"},
		{"key-rate-limit", "-1", ""},
		{"key-rate-limit", "many", ""},
		{"key-rate-limit", "", ""},
		{"guess-rate-limit", "5", "5"},
		{"guess-rate-limit", "1.5", ""},

		{"redis", "redis://:secret@redis.internal:6379/1", "redis://:secret@redis.internal:6379/1"},
		{"redis", "redis.internal:6379?hunter2", ""},
		{"redis", "http://redis.internal", ""},

		{"cache-mb", "1", "1"},
		{"cache-mb", "0", ""},
		{"cache-mb", "128 MB", ""},

		{"metrics-addr", "127.0.0.1:9100", "127.0.0.1:9100"},
		{"metrics-addr", "9100", ""},

		{"smtp", "mail.example.com", ""},
		{"smtp", "smtp://keys:hunter2@mail.example.com/inbox", ""},
		{"mail-from", "SkipUp Keys <keys@example.com>", "SkipUp Keys <keys@example.com>"},
		{"mail-from", "hunter2", ""},

		{"webhook-allow-private", "true", "true"},
		{"webhook-allow-private", "yes", ""},
	}
	for _, tt := range tests {
		t.Run(tt.flag+" "+tt.value, func(t *testing.T) {
			s, err := loaded(t, nil, "--"+tt.flag+"="+tt.value)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("%q is accepted: %+v", tt.value, s)
				}
				if !strings.HasPrefix(err.Error(), "--"+tt.flag+" (") || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %q", err)
				}
				return
			}
			got := map[string]string{"addr": s.Addr, "database": s.Database, "public-url": s.PublicURL, "key-environment": s.KeyEnvironment, "trusted-proxies": s.TrustedProxies,
				"key-rate-limit": s.KeyRateLimit, "guess-rate-limit": s.GuessRateLimit, "redis": s.Redis, "cache-mb": s.Cache, "metrics-addr": s.MetricsAddr, "smtp": s.SMTP, "mail-from": s.MailFrom,
				"webhook-allow-private": s.WebhookAllowPrivate}[tt.flag]
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestMailNeedsASender: who is to send must say in whose name.
func TestMailNeedsASender(t *testing.T) {
	const server = "smtp://keys:hunter2@mail.example.com"
	skipup(t, map[string]string{"SMTP_URL": server}, "serve").requireFailure(t, exitUsage, "--mail-from (SKIPUP_MAIL_FROM): must be given with --smtp (SMTP_URL)")
	s, err := loaded(t, map[string]string{"SMTP_URL": server, "SKIPUP_MAIL_FROM": "keys@example.com"})
	if err != nil || s.SMTP != server || s.MailFrom != "keys@example.com" {
		t.Errorf("%+v, %v", s, err)
	}
}

// All usage errors are reported at once, one line each with flag and variable, whether they come
// from flags or the environment, and none repeats the database's password.
func TestMistakesAreToldTogether(t *testing.T) {
	env := map[string]string{
		"SKIPUP_ADDR": "nonsense", "DATABASE_URL": "postgres://ada:hunter2@db.example:port/skipup", "SKIPUP_KEY_ENVIRONMENT": "production",
	}
	got := skipup(t, env, "serve", "--public-url", "ftp://keys.example.com")
	got.requireFailure(t, exitUsage, "4 things are wrong",
		"\n  --addr (SKIPUP_ADDR): must be HOST:PORT",
		"\n  --database (DATABASE_URL): the database address begins like one of PostgreSQL",
		"\n  --public-url (SKIPUP_PUBLIC_URL): must be the address that browsers use",
		"\n  --key-environment (SKIPUP_KEY_ENVIRONMENT): the key environment must be")
	if lines := strings.Count(got.stderr, "\n"); lines != 6 {
		t.Errorf("%d lines, want a heading, one for each mistake, and a hint:\n%s", lines, got.stderr)
	}
}

func TestDatabaseAddressIsNeverRepeated(t *testing.T) {
	tests := []struct {
		name, address string
		code          int
	}{
		{"malformed", "postgres://ada:hunter2@db.example:port/skipup", exitUsage},
		{"wrong scheme", "mysql://ada:hunter2@db.example/skipup", exitUsage},
		{"wrong parameter", "postgres://ada:hunter2@db.example/skipup?sslmode=sometimes", exitUsage},
		{"password as parameter", "postgres://db.example/skipup?password=hunter2&sslmode=sometimes", exitUsage},
		{"nobody listens, line end", "postgres://ada:hunter2@127.0.0.1:1/skipup\n", exitFailed},
		{"nobody listens", "postgres://ada:hunter2@127.0.0.1:1/skipup", exitFailed},
		{"nobody listens, password as parameter", "postgres://127.0.0.1:1/skipup?user=ada&password=hunter2", exitFailed},
	}
	commands := [][]string{
		{"serve", "--addr", "127.0.0.1:0"},
		{"migrate"},
		{"workspace", "create", "--name", "Acme", "--email", "admin@acme.test", "--admin-name", "Ada"},
		{"keys", "create", "--workspace", "ws_1", "--name", "CI", "--scopes="},
		{"keys", "list", "--workspace", "ws_1"},
		{"keys", "delete", "key_1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, command := range commands {
				skipup(t, map[string]string{"DATABASE_URL": tt.address}, command...).requireFailure(t, tt.code, "--database (DATABASE_URL)")
				skipup(t, nil, append(command, "--database", tt.address)...).requireFailure(t, tt.code, "--database (DATABASE_URL)")
			}
		})
	}
}

// An address in the wrong place is not repeated either.
func TestMisplacedWordsAreNotRepeated(t *testing.T) {
	const address = "postgres://ada:hunter2@db.example/skipup"
	for _, args := range [][]string{
		{address},
		{"serve", address},
		{"serve", "-database=" + address},
		{"serve", "--databse=" + address},
		{"serve", "--=" + address},
		{"keys", address},
		{"keys", "delete", "key_1", address},
		{"migrate", address},
	} {
		skipup(t, nil, args...).requireFailure(t, exitUsage)
	}
}
