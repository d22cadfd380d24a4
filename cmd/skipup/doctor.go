package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/sys/unix"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/ratelimit"
)

func (p *program) doctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the installation",
		Long: `Check the installation, and print what is wrong with it and what to do. Run it as the user of the server,
with the same environment and flags. It works while the server runs, and changes nothing, except that it
corrects the modes of the files of a SQLite database.

It checks the database, its schema, its replication, the encryption key, the clock, the lease, the nodes
and their connections, proxies, TLS, the public URL, SMTP, Redis, single sign-on, the OpenTelemetry
collector, the disk, and file modes.

Exits with 1 if there is an error. Warnings don't change the exit code.`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array of findings")
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, _ []string) error {
		findings := []models.Diagnosis{fine("settings", p.sources(cmd, serveOptions))}
		return p.printFindings(append(findings, diagnose(ctx, s)...))
	}, serveOptions...)
}

func (p *program) printFindings(findings []models.Diagnosis) error {
	var failed int
	lines := make([]string, 0, len(findings))
	for _, f := range findings {
		if f.Level == models.LevelError {
			failed++
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-8s %s: %s %s", f.Level, f.Check, f.Message, f.Remedy)))
	}
	if err := p.print(findings, "%s", strings.Join(lines, "\n")); err != nil || failed == 0 {
		return err
	}
	return failf("errors found: %d", failed)
}

// diagnose returns the findings of all checks. Those of files come first, because opening the database
// corrects some modes.
func diagnose(ctx context.Context, s settings) []models.Diagnosis {
	findings := append(checkFiles(s), checkDisk(s)...)
	findings = append(findings, checkDatabase(ctx, s)...)
	findings = append(findings, checkTLS(ctx, s)...)
	return append(findings, checkPublicURL(ctx, s), checkSMTP(ctx, s), checkRedis(ctx, s), checkOIDC(ctx, s), checkCollector(ctx, s))
}

// sentence returns the text of an error as a sentence on one line.
func sentence(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

func fine(check, message string) models.Diagnosis {
	return models.Diagnosis{Check: check, Level: models.LevelOK, Message: message}
}

func warning(check, message, remedy string) models.Diagnosis {
	return models.Diagnosis{Check: check, Level: models.LevelWarning, Message: message, Remedy: remedy}
}

func problem(check, message, remedy string) models.Diagnosis {
	return models.Diagnosis{Check: check, Level: models.LevelError, Message: message, Remedy: remedy}
}

// checkFiles checks that other users can't read the files of a SQLite database.
func checkFiles(s settings) (findings []models.Diagnosis) {
	const check = "file_modes"
	database, isSQLite := models.SQLiteFile(string(s.Database))
	if !isSQLite {
		return nil
	}
	files, _ := filepath.Glob(database + "*") // the pattern is valid unless the path has special characters
	for _, file := range files {
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			findings = append(findings, problem(check, fmt.Sprintf("Other users may read %s (mode %04o).", file, info.Mode().Perm()), "Run: chmod 600 "+file))
		}
	}
	folder := filepath.Dir(database)
	if info, err := os.Stat(folder); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		findings = append(findings, problem(check, "Every user can replace the files in "+folder+".", "Run: chmod o-w "+folder))
	}
	if len(findings) == 0 {
		findings = append(findings, fine(check, "Only their owner can read the files of the database."))
	}
	return findings
}

// leastSpace is the free space in bytes below which the disk may be full soon.
const leastSpace = 1 << 30

// checkDisk checks that there is space for growth and for the copy that a backup makes.
func checkDisk(s settings) []models.Diagnosis {
	database, isSQLite := models.SQLiteFile(string(s.Database))
	if !isSQLite {
		return nil
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(database), &disk); err != nil {
		return []models.Diagnosis{problem("disk", "The folder of the database can't be examined. "+sentence(err),
			"Check the path in "+databaseOption.name()+".")}
	}
	free, needed := int64(disk.Bavail)*int64(disk.Bsize), int64(leastSpace)
	if info, err := os.Stat(database); err == nil {
		needed = max(needed, 2*info.Size())
	}
	message := "Free space next to the database: " + sizeText(free) + "."
	if free < needed {
		return []models.Diagnosis{warning("disk", message,
			"Free some, up to "+sizeText(needed)+": twice the size of the database, for growth and backups.")}
	}
	return []models.Diagnosis{fine("disk", message)}
}

func checkDatabase(ctx context.Context, s settings) []models.Diagnosis {
	keys, err := readEncryptionKeys(s)
	if err != nil {
		return []models.Diagnosis{problem("encryption_key", sentence(err), "Restore the file or the variable.")}
	}
	store, err := openUnmigrated(s, models.Options{EncryptionKeys: keys, Connections: int(s.DatabaseConnections)})
	if err != nil {
		return []models.Diagnosis{problem("database", sentence(err), "Check that the database is running. If this is a new installation, start the server.")}
	}
	defer func() { _ = store.Close() }()
	findings := store.Diagnose(ctx)
	if addresses, err := store.CallerAddresses(ctx, time.Now().AddDate(0, 0, -7)); err == nil {
		findings = append(findings, checkProxies(s, addresses))
	}
	if required, err := store.RequiringSingleSignOn(ctx); err == nil && len(required) > 0 && s.OIDCIssuer == "" {
		findings = append(findings, problem("single_sign_on_required", fmt.Sprintf("Single sign-on isn't set up, but workspaces that require it: %d. No one can use them.", len(required)),
			"Set "+oidcIssuerOption.name()+", or allow passwords with \"skipup workspace policy --single-sign-on-required=false\"."))
	}
	return findings
}

// checkProxies checks that callers don't share the address of a proxy.
func checkProxies(s settings, addresses []string) models.Diagnosis {
	const check = "proxies"
	remedy := "Set " + trustedProxiesOption.name() + " to the IP address of the proxy in front of this server."
	isLocal := func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && (address.IsLoopback() || address.IsPrivate())
	}
	switch {
	case s.servesTLS() && len(s.TrustedProxies) == 0:
		return fine(check, "No proxy is trusted.")
	case s.PublicURL.isHTTPS() && len(s.TrustedProxies) == 0:
		return warning(check, "The public URL is https, so there is a proxy, but no proxy is trusted. All callers share its address.", remedy)
	case s.PublicURL.isHTTPS() && len(addresses) > 0 && !slices.ContainsFunc(addresses, func(a string) bool { return !isLocal(a) }):
		return warning(check, "All callers of the last 7 days have local addresses, such as "+addresses[0]+".", "If they are on other networks: "+remedy)
	case len(addresses) == 0:
		return fine(check, "No keys were used in the last 7 days.")
	}
	return fine(check, fmt.Sprintf("Addresses of callers in the last 7 days: %d.", len(addresses)))
}

// checkTLS checks the certificates of a server that uses TLS.
func checkTLS(ctx context.Context, s settings) (findings []models.Diagnosis) {
	const check = "tls"
	add := func(level models.Level, message, remedy string) {
		findings = append(findings, models.Diagnosis{Check: check, Level: level, Message: message, Remedy: remedy})
	}
	examine := func(name string, certificate tls.Certificate, err error, remedy string) {
		if err != nil {
			add(models.LevelError, sentence(err), remedy)
			return
		}
		if text := expirySentence(&certificate, time.Now()); text != "" {
			level := models.LevelWarning
			if time.Now().After(certificate.Leaf.NotAfter) {
				level = models.LevelError
			}
			add(level, strings.TrimSuffix(text, " Renew it."), remedy)
		}
		if name != "" && certificate.Leaf.VerifyHostname(name) != nil {
			add(models.LevelWarning, "The TLS certificate isn't valid for "+name+".", "Unless a proxy in front of the server has its own: "+remedy)
		}
	}
	switch {
	case s.TLSCert != "":
		certificate, err := loadCertificate(s)
		examine(s.publicHost(), certificate, err, "Correct the files in "+tlsCertOption.name()+" and "+tlsKeyOption.name()+".")
		if info, err := os.Stat(string(s.TLSKey)); err == nil && info.Mode().Perm()&0o007 != 0 {
			add(models.LevelWarning, fmt.Sprintf("Other users may read the private key in %s (mode %04o).", s.TLSKey, info.Mode().Perm()), "Run: chmod o= "+string(s.TLSKey))
		}
	case len(s.ACMEDomains) > 0:
		for _, name := range s.ACMEDomains {
			certificate, err := cachedCertificate(ctx, s, name)
			if errors.Is(err, autocert.ErrCacheMiss) {
				err = fmt.Errorf("there is no certificate for %s in %s", name, acmeFolder(s))
			}
			examine(name, certificate, err, "See the log of the server, which obtains and renews certificates.")
		}
	default:
		return []models.Diagnosis{fine(check, "The server leaves TLS to a proxy.")}
	}
	if len(findings) == 0 {
		findings = []models.Diagnosis{fine(check, "The certificates are valid for at least 14 days.")}
	}
	return findings
}

// reachTimeout limits each check of another server.
const reachTimeout = 5 * time.Second

func checkPublicURL(ctx context.Context, s settings) models.Diagnosis {
	const check = "public_url"
	if s.PublicURL == "" {
		if s.Addr.isLoopback() {
			return fine(check, "The server can be reached from this machine only.")
		}
		return warning(check, "There is no public URL, so links point to localhost and work only on this machine.", "Set "+publicURLOption.name()+".")
	}
	parsed, err := url.Parse(string(s.PublicURL))
	if err == nil && !s.PublicURL.isHTTPS() && !listenAddress(net.JoinHostPort(parsed.Hostname(), "80")).isLoopback() {
		return warning(check, "The public URL isn't https, so passwords and keys are sent unencrypted.",
			"Set "+acmeDomainOption.name()+" or "+tlsCertOption.name()+", or put a TLS proxy in front of the server, and change "+publicURLOption.name()+" to https.")
	}
	if err := reach(ctx, string(s.PublicURL)+"/healthz"); err != nil {
		return warning(check, "This machine can't reach the server at its public URL. "+sentence(err),
			"Check that the server runs, and the DNS and the proxy in front of it.")
	}
	return fine(check, "The server responds at "+string(s.PublicURL)+".")
}

func reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("it returned " + response.Status)
	}
	return nil
}

func checkSMTP(ctx context.Context, s settings) models.Diagnosis {
	if s.SMTP.Server == nil {
		return fine("smtp", "Email isn't set up. Admins share invite links themselves.")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := s.SMTP.Check(ctx); err != nil {
		return problem("smtp", "The SMTP server can't be used. "+sentence(err), "Check "+smtpOption.name()+".")
	}
	return fine("smtp", "The SMTP server accepts connections from this machine.")
}

func checkRedis(ctx context.Context, s settings) models.Diagnosis {
	if s.Redis.Options == nil {
		return fine("redis", "Redis isn't set up. Each node counts requests separately.")
	}
	logging.Disable() // the finding says what is wrong
	client := redis.NewClient(s.Redis.Options)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	remedy := "Check " + redisOption.name() + "."
	if ratelimit.Rejects(ctx, client) {
		return problem("redis", "Redis rejects the user or password.", remedy)
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return problem("redis", "Redis can't be reached. "+sentence(err), remedy)
	}
	return fine("redis", "Redis responds.")
}
