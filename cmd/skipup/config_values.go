package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/acme/autocert"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/clientip"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/ratelimit"
)

// Each type below parses one kind of setting. Optional settings accept the empty text.

// listenAddress is a host and port to listen on.
type listenAddress string

var errAddr = errors.New("use HOST:PORT, such as 127.0.0.1:8080, or :8080 for all interfaces")

func (a *listenAddress) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err != nil || host != "" && !isHost(host) {
		return errAddr
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errAddr
	}
	*a = listenAddress(text)
	return nil
}

func (a listenAddress) isLoopback() bool {
	host, _, _ := net.SplitHostPort(string(a))
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (a listenAddress) isEveryInterface() bool {
	host, _, _ := net.SplitHostPort(string(a))
	return host == "" || net.ParseIP(host).IsUnspecified()
}

// isPrivate reports whether the address can only be reached from this machine or a private network.
func (a listenAddress) isPrivate() bool {
	host, _, _ := net.SplitHostPort(string(a))
	ip, err := netip.ParseAddr(host)
	return a.isLoopback() || err == nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast())
}

// optionalAddress is a listenAddress, or empty for none.
type optionalAddress string

func (a *optionalAddress) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	return (*listenAddress)(a).UnmarshalText(text)
}

// databaseURL is a URL that models.Open accepts.
type databaseURL string

func (d *databaseURL) UnmarshalText(text []byte) error {
	*d = databaseURL(text)
	return models.CheckURL(string(text))
}

// publicURL is an origin, written as in an Origin header.
type publicURL string

var errPublicURL = errors.New("use the URL that browsers open, http or https with nothing after the host, such as https://keys.example.com")

func (p *publicURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !isHost(u.Hostname()) {
		return errPublicURL
	}
	if port := u.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return errPublicURL
		}
	}
	*p = origin(u)
	return nil
}

// origins are the origins of other sites.
type origins []string

func (o *origins) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(string(text), ",") {
		var one publicURL
		if err := one.UnmarshalText([]byte(strings.TrimSpace(part))); err != nil || one == "" {
			return errors.New("use comma-separated origins, http or https with nothing after the host, such as https://app.example.com")
		}
		*o = append(*o, string(one))
	}
	return nil
}

func (p publicURL) isHTTPS() bool { return strings.HasPrefix(string(p), "https:") }

// origin returns the origin of u. Like an Origin header, it omits the scheme's default port.
func origin(u *url.URL) publicURL {
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
	return publicURL(u.Scheme + "://" + host)
}

// isHost reports whether name is an IP address or a possible DNS name. International names must
// be in their xn-- form, as browsers send them.
func isHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r))
	}
	return name != "" && len(name) <= 253 && !strings.ContainsFunc(name, foreign)
}

type trustedProxies []netip.Prefix

func (t *trustedProxies) UnmarshalText(text []byte) (err error) {
	*t, err = clientip.ParseProxies(string(text))
	return err
}

// perMinute is a number of requests per minute, 0 for no limit.
type perMinute int

func (r *perMinute) UnmarshalText(text []byte) error {
	return parseNumber((*int)(r), text, 0, 1_000_000_000)
}

func (r perMinute) policy() ratelimit.Policy {
	return ratelimit.Policy{Name: "default", Quota: int(r), Window: time.Minute}
}

// limit is a maximum number, negative for no limit, which is written as 0. It is zero if it was not set.
type limit int

func (l *limit) UnmarshalText(text []byte) error {
	err := parseNumber((*int)(l), text, 0, 1_000_000_000)
	if *l == 0 {
		*l = -1
	}
	return err
}

// megabytes is an amount of memory.
type megabytes int

func (m *megabytes) UnmarshalText(text []byte) error { return parseNumber((*int)(m), text, 1, 65536) }

func (m megabytes) bytes() int { return int(m) * 1_000_000 }

func parseNumber(number *int, text []byte, least, most int) error {
	parsed, err := strconv.Atoi(string(text))
	if err != nil || parsed < least || parsed > most {
		return fmt.Errorf("use a whole number from %d to %d", least, most)
	}
	*number = parsed
	return nil
}

// connections is a number of connections.
type connections int

func (c *connections) UnmarshalText(text []byte) error {
	return parseNumber((*int)(c), text, 1, 1_000_000)
}

// poolSize is a number of connections to PostgreSQL.
type poolSize int

func (p *poolSize) UnmarshalText(text []byte) error {
	return parseNumber((*int)(p), text, models.MinConnections, models.MaxConnections)
}

// logLevel is the lowest level of lines in the log.
type logLevel slog.Level

func (l *logLevel) UnmarshalText(text []byte) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, known := levels[string(text)]
	if !known {
		return errors.New("use debug, info, warn, or error")
	}
	*l = logLevel(level)
	return nil
}

// sample is how many requests one in the log stands for.
type sample int

func (s *sample) UnmarshalText(text []byte) error { return parseNumber((*int)(s), text, 1, 1_000_000) }

// These are days for which data is kept.
type (
	usageDays        int
	deliveryDays     int
	failedSignInDays int
	notificationDays int
)

func (d *usageDays) UnmarshalText(text []byte) error {
	return parseDays((*int)(d), text, models.UsageRetention)
}

func (d *deliveryDays) UnmarshalText(text []byte) error {
	return parseDays((*int)(d), text, models.DeliveryRetention)
}

func (d *failedSignInDays) UnmarshalText(text []byte) error {
	return parseDays((*int)(d), text, models.FailedSignInRetention)
}

func (d *notificationDays) UnmarshalText(text []byte) error {
	return parseDays((*int)(d), text, models.NotificationRetention)
}

func parseDays(days *int, text []byte, of models.RetentionDays) error {
	return parseNumber(days, text, of.Least, models.MostRetentionDays)
}

// keepAlive is how long an idle connection stays open.
type keepAlive time.Duration

func (k *keepAlive) UnmarshalText(text []byte) error {
	length, err := time.ParseDuration(string(text))
	if err != nil || length < time.Second || length > 24*time.Hour {
		return errors.New("use a time from 1s to 24h, such as 620s")
	}
	*k = keepAlive(length)
	return nil
}

// delay is a time to wait.
type delay time.Duration

func (d *delay) UnmarshalText(text []byte) error {
	length, err := time.ParseDuration(string(text))
	if err != nil || length < 0 || length > 5*time.Minute {
		return errors.New("use a time from 0s to 5m, such as 5s")
	}
	*d = delay(length)
	return nil
}

func (d *delay) String() string { return time.Duration(*d).String() }

// filePath is the path of a file, or empty.
type filePath string

func (f *filePath) UnmarshalText(text []byte) error {
	*f = filePath(text)
	return nil
}

// domains are DNS names in lowercase.
type domains []string

func (d *domains) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(strings.ToLower(string(text)), ",") {
		name := strings.TrimSpace(part)
		_, err := netip.ParseAddr(name)
		if err == nil || !isHost(name) || !strings.Contains(strings.Trim(name, "."), ".") {
			return errors.New("use comma-separated DNS names, such as keys.example.com")
		}
		*d = append(*d, name)
	}
	return nil
}

// directoryURL is the URL of the directory of an ACME server.
type directoryURL string

func (d *directoryURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" || parsed.User != nil || !isHost(parsed.Hostname()) {
		return errors.New("use the https URL of the directory of an ACME server, such as " + autocert.DefaultACMEDirectory)
	}
	*d = directoryURL(text)
	return nil
}

// nodeName is the name of a node, or empty.
type nodeName string

func (n *nodeName) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		if err := models.CheckNodeName(string(text)); err != nil {
			return errors.New("use up to 100 letters, digits, and the characters - _ . : [ ]")
		}
	}
	*n = nodeName(text)
	return nil
}

// boolean is true or false, in exactly these words.
type boolean bool

func (b *boolean) UnmarshalText(text []byte) error {
	if string(text) != "true" && string(text) != "false" {
		return errors.New("use true or false")
	}
	*b = string(text) == "true"
	return nil
}

// redisServer holds the options of a Redis client, nil for none.
type redisServer struct{ *redis.Options }

func (r *redisServer) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		return nil
	}
	r.Options, err = ratelimit.ParseRedis(string(text))
	return err
}

// smtpServer is the server that sends email, nil for none.
type smtpServer struct{ *mail.Server }

func (s *smtpServer) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	server, err := mail.ParseServer(string(text))
	s.Server = &server
	return err
}

// mailSender is the sender of email, nil for none.
type mailSender struct{ *mail.From }

func (m *mailSender) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	from, err := mail.ParseFrom(string(text))
	m.From = &from
	return err
}

// encryptionKeys encrypt webhook secrets. The first one encrypts; all of them decrypt.
type encryptionKeys [][]byte

var errEncryptionKey = fmt.Errorf("use %d random bytes in base64, as printed by \"openssl rand -base64 %[1]d\"; older keys may follow, separated by commas",
	models.EncryptionKeySize)

func (k *encryptionKeys) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var keys encryptionKeys
	for part := range strings.SplitSeq(string(text), ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != models.EncryptionKeySize {
			return errEncryptionKey
		}
		keys = append(keys, key)
	}
	*k = keys
	return nil
}
