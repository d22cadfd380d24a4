package main

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/ratelimit"
)

// settings are the configuration. A value comes from its flag, else from its variable, else
// from its default; an empty variable counts as none.
type settings struct {
	Addr           string `env:"SKIPUP_ADDR" envDefault:"127.0.0.1:8080"`
	Database       string `env:"DATABASE_URL" envDefault:"sqlite:skipup.db"`
	PublicURL      string `env:"SKIPUP_PUBLIC_URL"`
	KeyEnvironment string `env:"SKIPUP_KEY_ENVIRONMENT" envDefault:"live"`
	TrustedProxies string `env:"SKIPUP_TRUSTED_PROXIES"`
	KeyRateLimit   string `env:"SKIPUP_KEY_RATE_LIMIT" envDefault:"120"`
	GuessRateLimit string `env:"SKIPUP_GUESS_RATE_LIMIT" envDefault:"60"`
	Redis          string `env:"REDIS_URL"`
	Cache          string `env:"SKIPUP_CACHE_MB" envDefault:"128"`
	MetricsAddr    string `env:"SKIPUP_METRICS_ADDR"`
	SMTP           string `env:"SMTP_URL"`
	MailFrom       string `env:"SKIPUP_MAIL_FROM"`

	EncryptionKey       string `env:"SKIPUP_ENCRYPTION_KEY"`
	WebhookAllowPrivate string `env:"SKIPUP_WEBHOOK_ALLOW_PRIVATE" envDefault:"false"`
}

// option is how one of the settings is given and checked. One without a flag has its variable
// alone. check returns the value in the form
// in which it is used. It never repeats the value, which may hold a password.
type option struct {
	flag, variable, usage string
	field                 func(*settings) *string
	check                 func(value string) (string, error)
}

// name is what the operator calls o.
func (o option) name() string {
	if o.flag == "" {
		return o.variable
	}
	return "--" + o.flag + " (" + o.variable + ")"
}

var (
	addrOption = option{
		"addr", "SKIPUP_ADDR", "`HOST:PORT` to listen on; port 0 takes any free one",
		func(s *settings) *string { return &s.Addr }, checkAddr,
	}
	databaseOption = option{
		"database", "DATABASE_URL", "`ADDRESS` of the database, sqlite:PATH or postgres://…; with a password in it better as the variable",
		func(s *settings) *string { return &s.Database }, checkDatabase,
	}
	publicURLOption = option{
		"public-url", "SKIPUP_PUBLIC_URL", "`URL` under which browsers reach the server (default http:// and the address to listen on)",
		func(s *settings) *string { return &s.PublicURL }, checkPublicURL,
	}
	keyEnvironmentOption = option{
		"key-environment", "SKIPUP_KEY_ENVIRONMENT", "`WORD` in the keys that this deployment makes and accepts, live or test",
		func(s *settings) *string { return &s.KeyEnvironment }, checkKeyEnvironment,
	}
	trustedProxiesOption = option{
		"trusted-proxies", "SKIPUP_TRUSTED_PROXIES", "`ADDRESSES` and networks of the proxies whose X-Forwarded-For is believed, with commas between",
		func(s *settings) *string { return &s.TrustedProxies }, checkTrustedProxies,
	}
	keyRateLimitOption = option{
		"key-rate-limit", "SKIPUP_KEY_RATE_LIMIT", "`REQUESTS` that a key may make in a minute, 0 for any number",
		func(s *settings) *string { return &s.KeyRateLimit }, checkRate,
	}
	guessRateLimitOption = option{
		"guess-rate-limit", "SKIPUP_GUESS_RATE_LIMIT", "`REQUESTS` with invalid keys that an address may make in a minute, 0 for any number",
		func(s *settings) *string { return &s.GuessRateLimit }, checkRate,
	}
	redisOption = option{
		"redis", "REDIS_URL", "`ADDRESS` of a Redis through which nodes share the rate limits, redis://…; without it each node counts by itself",
		func(s *settings) *string { return &s.Redis }, checkRedis,
	}
	cacheOption = option{
		"cache-mb", "SKIPUP_CACHE_MB", "`MEGABYTES` for keys kept in memory; a million take 115",
		func(s *settings) *string { return &s.Cache }, checkCache,
	}
	// encryptionKeyOption has no flag: every user of the machine can read a command line.
	encryptionKeyOption = option{
		"", "SKIPUP_ENCRYPTION_KEY", "",
		func(s *settings) *string { return &s.EncryptionKey }, checkEncryptionKey,
	}
	webhookAllowPrivateOption = option{
		"webhook-allow-private", "SKIPUP_WEBHOOK_ALLOW_PRIVATE", "`true` to send webhooks to any http or https address, for development only",
		func(s *settings) *string { return &s.WebhookAllowPrivate }, checkBool,
	}
	metricsOption = option{
		"metrics-addr", "SKIPUP_METRICS_ADDR", "`HOST:PORT` to serve Prometheus metrics on, at /metrics (default none)",
		func(s *settings) *string { return &s.MetricsAddr }, checkMetricsAddr,
	}
	smtpOption = option{
		"smtp", "SMTP_URL", "`ADDRESS` of the SMTP server that mails invitations, smtp://USER:PASSWORD@HOST or smtps://…; with a password in it better as the variable",
		func(s *settings) *string { return &s.SMTP }, checkSMTP,
	}
	mailFromOption = option{
		"mail-from", "SKIPUP_MAIL_FROM", "`ADDRESS` in whose name mail is sent, such as \"SkipUp Keys <keys@example.com>\"",
		func(s *settings) *string { return &s.MailFrom }, checkMailFrom,
	}
)

// register adds the flags of options to flags.
func addFlags(flags *pflag.FlagSet, options ...option) {
	defaults, err := settingsFrom(map[string]string{})
	if err != nil {
		panic(err) // only a settings type that cannot be filled gets here
	}
	for _, o := range options {
		if o.flag == "" {
			continue
		}
		flags.String(o.flag, *o.field(&defaults), o.usage+" ["+o.variable+"]")
	}
}

func settingsFrom(environment map[string]string) (settings, error) {
	return env.ParseAsWithOptions[settings](env.Options{Environment: environment})
}

// settings parses the options of cmd. It reports all invalid values in one usageErrors.
func (p *program) settings(cmd *cobra.Command, options ...option) (settings, error) {
	s, err := settingsFrom(p.environment)
	if err != nil {
		return s, err
	}
	var wrong usageErrors
	for _, o := range options {
		value := o.field(&s)
		if flag := cmd.Flags().Lookup(o.flag); flag != nil && flag.Changed {
			*value = flag.Value.String()
		}
		if *value, err = o.check(*value); err != nil {
			wrong.add("%s: %v", o.name(), err)
		}
		if o.flag == mailFromOption.flag && s.SMTP != "" && *value == "" && err == nil {
			wrong.add("--%s (%s): must be given with --%s (%s)", o.flag, o.variable, smtpOption.flag, smtpOption.variable)
		}
	}
	return s, wrong.err()
}

var errAddr = errors.New("must be HOST:PORT, such as 127.0.0.1:8080, or :8080 for every interface")

func checkAddr(value string) (string, error) {
	host, port, err := net.SplitHostPort(value)
	if err != nil || host != "" && !isHost(host) {
		return "", errAddr
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errAddr
	}
	return value, nil
}

func checkDatabase(value string) (string, error) { return value, models.CheckURL(value) }

var errPublicURL = errors.New("must be the address that browsers use, http or https and nothing after the host, such as https://keys.example.com")

// checkPublicURL returns the origin as browsers write it, or nothing for nothing.
func checkPublicURL(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !isHost(u.Hostname()) {
		return "", errPublicURL
	}
	if port := u.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return "", errPublicURL
		}
	}
	return origin(u), nil
}

// origin leaves out the port that the scheme implies, as the Origin header does.
func origin(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host
}

func checkKeyEnvironment(value string) (string, error) {
	environment, err := token.ParseEnvironment(value)
	return string(environment), err
}

func checkTrustedProxies(value string) (string, error) {
	_, err := web.ParseTrustedProxies(value)
	return value, err
}

var errRate = errors.New("must be a whole number from 0 to 1000000000")

func checkRate(value string) (string, error) {
	if rate, err := strconv.ParseUint(value, 10, 32); err != nil || rate > 1_000_000_000 {
		return "", errRate
	}
	return value, nil
}

func checkRedis(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	_, err := ratelimit.ParseRedis(value)
	return value, err
}

var errCache = errors.New("must be a whole number from 1 to 65536")

func checkCache(value string) (string, error) {
	if megabytes, err := strconv.ParseUint(value, 10, 32); err != nil || megabytes < 1 || megabytes > 65536 {
		return "", errCache
	}
	return value, nil
}

var errBool = errors.New("must be true or false")

func checkBool(value string) (string, error) {
	if value != "true" && value != "false" {
		return "", errBool
	}
	return value, nil
}

func checkMetricsAddr(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	return checkAddr(value)
}

func checkSMTP(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if _, err := mail.ParseServer(value); err != nil {
		return "", err
	}
	return value, nil
}

func checkMailFrom(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	_, err := mail.ParseFrom(value)
	return value, err
}

// isHost reports whether name is an IP address or can be a name in the DNS. International names
// are written in their xn-- form, as browsers send them.
func isHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r))
	}
	return name != "" && len(name) <= 253 && !strings.ContainsFunc(name, foreign)
}
