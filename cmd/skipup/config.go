package main

import (
	"encoding"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme/autocert"

	"github.com/skipup/keys/models"
)

// settings holds the configuration. Each value comes from its flag, else from its environment
// variable, else from the config file, else from its default. A secret can also be in a file that another
// variable names. An empty variable counts as unset.
type settings struct {
	Addr                listenAddress
	Database            databaseURL
	DatabaseWait        delay
	DatabaseConnections poolSize
	PublicURL           publicURL
	TrustedProxies      trustedProxies
	KeyRateLimit        perMinute
	GuessRateLimit      perMinute
	MaxKeys             limit
	KeyCreations        limit
	Redis               redisServer
	Cache               megabytes
	LogLevel            logLevel
	LogSample           sample
	KeepUsage           usageDays
	KeepDeliveries      deliveryDays
	KeepFailedSignIns   failedSignInDays
	KeepNotifications   notificationDays
	MetricsAddr         optionalAddress
	Profiles            boolean
	VerifyAddr          optionalAddress
	SMTP                smtpServer
	MailFrom            mailSender
	EncryptionKey       encryptionKeys
	AllowUnreadable     boolean
	WebhookAllowPrivate boolean
	MaxConnections      connections
	IdleTimeout         keepAlive
	ShutdownDelay       delay
	CORSOrigins         origins
	NodeName            nodeName
	TLSCert             filePath
	TLSKey              filePath
	ACMEDomains         domains
	ACMEDirectory       directoryURL
	RedirectAddr        optionalAddress
	OIDCIssuer          issuerURL
	OIDCClientID        shortText
	OIDCClientSecret    shortText
	OIDCName            shortText
	OIDCScopes          words
	OIDCEmailClaim      shortText
	OIDCRoleClaim       shortText
	OIDCRoles           providerRoles
	Collector           collectorURL
	CollectorProtocol   collectorProtocol
	TelemetryDisabled   boolean
	OmitTraces          omitted
	OmitMetrics         omitted
	Config              filePath
}

// option describes one of the settings. An option without a flag is set only by its variable.
// The parse errors of its field never repeat the value, which may hold a password.
type option struct {
	flag, variable, fallback, usage string
	field                           func(*settings) encoding.TextUnmarshaler
}

// name returns how messages refer to the option.
func (o option) name() string {
	if o.flag == "" {
		return o.variable
	}
	return "--" + o.flag + " (" + o.variable + ")"
}

// secretVariables are the variables whose values may contain a password or a key. Files can hold these values,
// because other users of the machine may be able to read variables.
var secretVariables = []string{"DATABASE_URL", "REDIS_URL", "SMTP_URL", "SKIPUP_ENCRYPTION_KEY", "SKIPUP_OIDC_CLIENT_SECRET"}

// fileVariable returns the variable that names a file with the value of the option; "" if a file can't have it.
func (o option) fileVariable() string {
	if !slices.Contains(secretVariables, o.variable) {
		return ""
	}
	return o.variable + "_FILE"
}

// variables returns the variables that set the option.
func (o option) variables() []string {
	if file := o.fileVariable(); file != "" {
		return []string{o.variable, file}
	}
	return []string{o.variable}
}

var (
	configOption = option{
		"config", "SKIPUP_CONFIG", "", "`file` with settings, one NAME=value on each line; flags and the environment override it",
		func(s *settings) encoding.TextUnmarshaler { return &s.Config },
	}
	addrOption = option{
		"addr", "SKIPUP_ADDR", "127.0.0.1:8080", "`host:port` to listen on; port 0 selects a free port",
		func(s *settings) encoding.TextUnmarshaler { return &s.Addr },
	}
	databaseOption = option{
		"database", "DATABASE_URL", "sqlite:skipup.db", "database `URL`, sqlite:PATH or postgres://…; use the variable if the URL contains a password",
		func(s *settings) encoding.TextUnmarshaler { return &s.Database },
	}
	databaseWaitOption = option{
		"database-wait", "SKIPUP_DATABASE_WAIT", "30s", "`time` to wait for a PostgreSQL database that is unavailable when the server starts; 0s to exit at once",
		func(s *settings) encoding.TextUnmarshaler { return &s.DatabaseWait },
	}
	databaseConnectionsOption = option{
		"database-connections", "SKIPUP_DATABASE_CONNECTIONS", strconv.Itoa(models.DefaultConnections), "maximum `number` of connections of this node to PostgreSQL",
		func(s *settings) encoding.TextUnmarshaler { return &s.DatabaseConnections },
	}
	publicURLOption = option{
		"public-url", "SKIPUP_PUBLIC_URL", "", "`URL` at which browsers reach the server (default http:// and the listen address)",
		func(s *settings) encoding.TextUnmarshaler { return &s.PublicURL },
	}
	trustedProxiesOption = option{
		"trusted-proxies", "SKIPUP_TRUSTED_PROXIES", "", "comma-separated `list` of IP addresses and networks of proxies whose X-Forwarded-For is trusted",
		func(s *settings) encoding.TextUnmarshaler { return &s.TrustedProxies },
	}
	keyRateLimitOption = option{
		"key-rate-limit", "SKIPUP_KEY_RATE_LIMIT", "120", "maximum `requests` per minute for each key, 0 for no limit",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeyRateLimit },
	}
	guessRateLimitOption = option{
		"guess-rate-limit", "SKIPUP_GUESS_RATE_LIMIT", "60", "maximum `requests` per minute with invalid keys from one IP address, 0 for no limit",
		func(s *settings) encoding.TextUnmarshaler { return &s.GuessRateLimit },
	}
	maxKeysOption = option{
		"max-keys", "SKIPUP_MAX_KEYS", strconv.Itoa(models.DefaultMaxAPIKeys), "maximum `number` of keys in a workspace that are neither deleted nor expired, 0 for no limit",
		func(s *settings) encoding.TextUnmarshaler { return &s.MaxKeys },
	}
	keyCreationsOption = option{
		"key-creation-limit", "SKIPUP_KEY_CREATION_LIMIT", strconv.Itoa(models.DefaultKeyCreations), "maximum `number` of keys per hour that a key and its descendants can create, 0 for no limit",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeyCreations },
	}
	redisOption = option{
		"redis", "REDIS_URL", "", "`URL` of a Redis server, redis://…, that shares rate limits between nodes; otherwise each node counts separately",
		func(s *settings) encoding.TextUnmarshaler { return &s.Redis },
	}
	cacheOption = option{
		"cache-mb", "SKIPUP_CACHE_MB", "128", "`megabytes` of memory for cached keys; a million keys take 122",
		func(s *settings) encoding.TextUnmarshaler { return &s.Cache },
	}
	logLevelOption = option{
		"log-level", "SKIPUP_LOG_LEVEL", "info", "lowest `level` of lines in the log: debug, info, warn, or error",
		func(s *settings) encoding.TextUnmarshaler { return &s.LogLevel },
	}
	logSampleOption = option{
		"log-sample", "SKIPUP_LOG_SAMPLE", "1", "log one in this `number` of requests, at random; requests that fail or take a second are always logged",
		func(s *settings) encoding.TextUnmarshaler { return &s.LogSample },
	}
	keepUsageOption = option{
		"keep-usage-days", "SKIPUP_KEEP_USAGE_DAYS", strconv.Itoa(models.UsageRetention.Default), "`days` for which daily usage and callers are kept, at least 90",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeepUsage },
	}
	keepDeliveriesOption = option{
		"keep-delivery-days", "SKIPUP_KEEP_DELIVERY_DAYS", strconv.Itoa(models.DeliveryRetention.Default), "`days` for which webhook deliveries are kept, at least 7; events are kept 15 days longer",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeepDeliveries },
	}
	keepFailedSignInsOption = option{
		"keep-failed-sign-in-days", "SKIPUP_KEEP_FAILED_SIGN_IN_DAYS", strconv.Itoa(models.FailedSignInRetention.Default), "`days` for which failed sign-ins are kept, at least 7",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeepFailedSignIns },
	}
	keepNotificationsOption = option{
		"keep-notification-days", "SKIPUP_KEEP_NOTIFICATION_DAYS", strconv.Itoa(models.NotificationRetention.Default), "`days` for which notifications are kept, at least 30",
		func(s *settings) encoding.TextUnmarshaler { return &s.KeepNotifications },
	}
	metricsOption = option{
		"metrics-addr", "SKIPUP_METRICS_ADDR", "", "`host:port` to serve Prometheus metrics on, at /metrics (default none)",
		func(s *settings) encoding.TextUnmarshaler { return &s.MetricsAddr },
	}
	profilesOption = option{
		"pprof", "SKIPUP_PPROF", "false", "`true` to serve Go profiles at /debug/pprof/ next to the metrics",
		func(s *settings) encoding.TextUnmarshaler { return &s.Profiles },
	}
	verifyOption = option{
		"verify-addr", "SKIPUP_VERIFY_ADDR", "", "`host:port` to serve only /verify on, for reverse proxies (default none)",
		func(s *settings) encoding.TextUnmarshaler { return &s.VerifyAddr },
	}
	smtpOption = option{
		"smtp", "SMTP_URL", "", "`URL` of the SMTP server that sends email, smtp://USER:PASSWORD@HOST or smtps://…; use the variable if the URL contains a password",
		func(s *settings) encoding.TextUnmarshaler { return &s.SMTP },
	}
	mailFromOption = option{
		"mail-from", "SKIPUP_MAIL_FROM", "", "`sender` of email, such as \"SkipUp Keys <keys@example.com>\"",
		func(s *settings) encoding.TextUnmarshaler { return &s.MailFrom },
	}
	maxConnectionsOption = option{
		"max-connections", "SKIPUP_MAX_CONNECTIONS", "4096", "maximum `number` of open connections; others wait",
		func(s *settings) encoding.TextUnmarshaler { return &s.MaxConnections },
	}
	idleTimeoutOption = option{
		"idle-timeout", "SKIPUP_IDLE_TIMEOUT", "620s", "`time` to keep idle connections open, such as 620s or 15m; use a longer time than your load balancer",
		func(s *settings) encoding.TextUnmarshaler { return &s.IdleTimeout },
	}
	shutdownDelayOption = option{
		"shutdown-delay", "SKIPUP_SHUTDOWN_DELAY", "5s", "`time` to keep serving after SIGTERM while readiness fails, so that load balancers stop sending requests; 0s for none",
		func(s *settings) encoding.TextUnmarshaler { return &s.ShutdownDelay },
	}
	corsOriginsOption = option{
		"cors-origins", "SKIPUP_CORS_ORIGINS", "", "comma-separated `list` of origins whose pages may call the API, such as https://app.example.com",
		func(s *settings) encoding.TextUnmarshaler { return &s.CORSOrigins },
	}
	nodeNameOption = option{
		"node-name", "SKIPUP_NODE_NAME", "", "`name` of this node in receipts and lists (default the host name and the port)",
		func(s *settings) encoding.TextUnmarshaler { return &s.NodeName },
	}
	tlsCertOption = option{
		"tls-cert", "SKIPUP_TLS_CERT", "", "PEM `file` with a certificate and its chain, to serve https; the server loads it again when it changes",
		func(s *settings) encoding.TextUnmarshaler { return &s.TLSCert },
	}
	tlsKeyOption = option{
		"tls-key", "SKIPUP_TLS_KEY", "", "PEM `file` with the private key of --tls-cert",
		func(s *settings) encoding.TextUnmarshaler { return &s.TLSKey },
	}
	acmeDomainOption = option{
		"acme-domain", "SKIPUP_ACME_DOMAIN", "", "comma-separated `names` to serve https for, with certificates from an ACME server such as Let's Encrypt, whose terms you accept",
		func(s *settings) encoding.TextUnmarshaler { return &s.ACMEDomains },
	}
	acmeDirectoryOption = option{
		"acme-directory", "SKIPUP_ACME_DIRECTORY", autocert.DefaultACMEDirectory, "directory `URL` of the ACME server",
		func(s *settings) encoding.TextUnmarshaler { return &s.ACMEDirectory },
	}
	redirectAddrOption = option{
		"redirect-addr", "SKIPUP_REDIRECT_ADDR", "", "`host:port` to redirect http to https on, and to respond to HTTP-01 challenges of ACME (default none)",
		func(s *settings) encoding.TextUnmarshaler { return &s.RedirectAddr },
	}
	// encryptionKeyOption has no flag because other users of the machine can read command lines.
	encryptionKeyOption = option{
		"", "SKIPUP_ENCRYPTION_KEY", "", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.EncryptionKey },
	}
	allowUnreadableOption = option{
		"allow-unreadable-secrets", "SKIPUP_ALLOW_UNREADABLE_SECRETS", "false", "`true` to start even if the encryption key of webhook secrets is lost",
		func(s *settings) encoding.TextUnmarshaler { return &s.AllowUnreadable },
	}
	webhookAllowPrivateOption = option{
		"webhook-allow-private", "SKIPUP_WEBHOOK_ALLOW_PRIVATE", "false", "`true` to allow webhooks to http URLs and private networks, for development only",
		func(s *settings) encoding.TextUnmarshaler { return &s.WebhookAllowPrivate },
	}
)

// serveOptions are the options that may also be in the file of configOption.
var serveOptions = []option{
	addrOption, databaseOption, databaseWaitOption, databaseConnectionsOption, publicURLOption, trustedProxiesOption,
	keyRateLimitOption, guessRateLimitOption, maxKeysOption, keyCreationsOption, redisOption, cacheOption, logLevelOption, logSampleOption,
	keepUsageOption, keepDeliveriesOption, keepFailedSignInsOption, keepNotificationsOption, metricsOption, profilesOption, verifyOption, smtpOption, mailFromOption,
	encryptionKeyOption, allowUnreadableOption, webhookAllowPrivateOption, maxConnectionsOption, idleTimeoutOption, shutdownDelayOption, corsOriginsOption, nodeNameOption,
	tlsCertOption, tlsKeyOption, acmeDomainOption, acmeDirectoryOption, redirectAddrOption,
	collectorOption, collectorProtocolOption, telemetryDisabledOption, tracesExporterOption, metricsExporterOption,
	oidcIssuerOption, oidcClientIDOption, oidcClientSecretOption, oidcNameOption, oidcScopesOption, oidcEmailClaimOption, oidcRoleClaimOption, oidcRolesOption,
}

// addFlags adds the flags of options to flags, and that of configOption.
func addFlags(flags *pflag.FlagSet, options ...option) {
	for _, o := range append([]option{configOption}, options...) {
		if o.flag != "" {
			flags.String(o.flag, o.fallback, o.usage+" ["+o.variable+"]")
		}
	}
}

// settings parses the options of cmd. It reports all invalid values, and the variables that look like
// misspelled settings, in one usageErrors.
func (p *program) settings(cmd *cobra.Command, options ...option) (settings, error) {
	var (
		s     settings
		wrong usageErrors
	)
	p.readConfig(cmd, &wrong)
	for _, o := range append([]option{configOption}, options...) {
		text, from, err := p.given(cmd, o)
		if err == nil {
			err = checkCharacters(text)
		}
		if err == nil {
			err = o.field(&s).UnmarshalText([]byte(text))
		}
		if err != nil {
			wrong.add("%s: %v", from.name, err)
		}
	}
	p.checkVariables(cmd, options, &wrong)
	if s.PublicURL == "" && len(s.ACMEDomains) > 0 {
		s.PublicURL = publicURL("https://" + s.ACMEDomains[0])
	}
	if len(wrong) == 0 {
		wrong = s.conflicts()
	}
	return s, wrong.err()
}

// source is where a setting comes from.
type source struct {
	name  string // how messages refer to it
	place string // such as "in the environment"; empty if the setting has its fallback
}

// given returns the value of an option and its source: its flag, else the environment, else the config file,
// else its fallback. A value that is empty, such as that of --trusted-proxies=, replaces the fallback only in
// a flag.
func (p *program) given(cmd *cobra.Command, o option) (text string, from source, err error) {
	if flag := cmd.Flags().Lookup(o.flag); flag != nil && flag.Changed {
		return flag.Value.String(), source{o.name(), "on the command line"}, nil
	}
	if text, variable, err := o.lookUp(p.environment); variable != "" {
		return text, source{o.name(), "in the environment"}, err
	}
	if text, variable, err := o.lookUp(p.config.values); variable != "" {
		place := p.config.place(variable)
		return text, source{place + ": " + variable, "in " + place}, err
	}
	return o.fallback, source{name: o.name()}, nil
}

// lookUp returns the value of an option from its variable, or from the file that its fileVariable names, and
// which of the two is set, or "".
func (o option) lookUp(variables map[string]string) (text, variable string, err error) {
	text, path := variables[o.variable], variables[o.fileVariable()]
	switch {
	case path != "" && text != "":
		return "", o.variable, fmt.Errorf("set only one of %s and %s", o.variable, o.fileVariable())
	case path != "":
		if text, err = readSetting(path); err != nil {
			err = fmt.Errorf("%s: %w", o.fileVariable(), err)
		}
		return text, o.fileVariable(), err
	case text != "":
		return text, o.variable, nil
	}
	return "", "", nil
}

// readSetting returns the value of a setting from a file, without the line end that editors add.
func readSetting(path string) (string, error) {
	text, err := readLimited(path)
	value := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if err == nil && value == "" {
		err = errors.New("the file is empty")
	}
	return value, err
}

// conflicts returns what is wrong with settings that are valid on their own.
func (s settings) conflicts() (wrong usageErrors) {
	if s.SMTP.Server != nil && s.MailFrom.From == nil {
		wrong.add("%s: required with %s", mailFromOption.name(), smtpOption.name())
	}
	if bool(s.Profiles) && s.MetricsAddr == "" {
		wrong.add("%s: requires %s, whose listener serves the profiles", profilesOption.name(), metricsOption.name())
	}
	if bool(s.WebhookAllowPrivate) && s.PublicURL.isHTTPS() {
		wrong.add("%s: for development only; remove it from a server with a public https URL", webhookAllowPrivateOption.name())
	}
	wrong = append(wrong, s.oidcConflicts()...)
	return append(wrong, s.tlsConflicts()...)
}

// defaultSettings returns the settings of a server without flags and variables.
func defaultSettings() (s settings, err error) {
	for _, o := range serveOptions {
		if err := o.field(&s).UnmarshalText([]byte(o.fallback)); err != nil {
			return s, err
		}
	}
	return s, nil
}
