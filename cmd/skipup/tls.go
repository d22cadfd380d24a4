package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/skipup/keys/web"
)

// servesTLS reports whether the server encrypts connections itself.
func (s settings) servesTLS() bool { return s.TLSCert != "" || len(s.ACMEDomains) > 0 }

// publicHost returns the host of the public URL, or "" if there is none.
func (s settings) publicHost() string {
	parsed, err := url.Parse(string(s.PublicURL))
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

// tlsConflicts returns what is wrong with settings for TLS that are valid on their own.
func (s settings) tlsConflicts() (wrong usageErrors) {
	switch {
	case s.TLSKey != "" && s.TLSCert == "":
		wrong.add("%s: required with %s", tlsCertOption.name(), tlsKeyOption.name())
	case s.TLSCert != "" && s.TLSKey == "":
		wrong.add("%s: required with %s", tlsKeyOption.name(), tlsCertOption.name())
	}
	if s.TLSCert != "" && len(s.ACMEDomains) > 0 {
		wrong.add("%s: set either this or %s", acmeDomainOption.name(), tlsCertOption.name())
	}
	switch {
	case s.PublicURL != "" && s.servesTLS() && !s.PublicURL.isHTTPS():
		wrong.add("%s: use an https URL, because the server uses TLS", publicURLOption.name())
	case len(s.ACMEDomains) > 0 && !slices.Contains(s.ACMEDomains, s.publicHost()):
		wrong.add("%s: add %s, the host of %s", acmeDomainOption.name(), s.publicHost(), publicURLOption.name())
	case s.RedirectAddr != "" && !s.servesTLS() && !s.PublicURL.isHTTPS():
		wrong.add("%s: required to be https with %s", publicURLOption.name(), redirectAddrOption.name())
	}
	return wrong
}

// certificates is where the server gets its certificates from.
type certificates struct {
	config   *tls.Config  // nil if the server doesn't use TLS
	redirect http.Handler // serves http
	reload   func()       // looks for a new certificate now
	watch    worker       // keeps certificates current, and reports problems
}

// openCertificates returns the certificates that the settings ask for. PublicURL is where requests without
// TLS are redirected to.
func openCertificates(s settings, publicURL string, conditions *web.Conditions, log *slog.Logger) (certificates, error) {
	redirect := web.RedirectToHTTPS(publicURL)
	switch {
	case s.TLSCert != "":
		files := &certificateFiles{settings: s, conditions: conditions, log: log}
		if err := files.load(); err != nil {
			return certificates{}, failf("%w", err)
		}
		return certificates{
			config: &tls.Config{GetCertificate: files.get}, redirect: redirect, reload: files.reload,
			watch: repeat(time.Second, log, "watch the TLS certificate", files.check),
		}, nil
	case len(s.ACMEDomains) > 0:
		return openACME(s, redirect, conditions, log), nil
	}
	return certificates{redirect: redirect, reload: func() { log.Info("nothing to reload; to apply changed settings, restart the server") }, watch: func(context.Context) {}}, nil
}

// reloadOnHangup returns a worker that calls reload at each SIGHUP, which would otherwise end the program.
func reloadOnHangup(reload func()) worker {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return func(ctx context.Context) {
		defer signal.Stop(signals)
		for {
			select {
			case <-signals:
				reload()
			case <-ctx.Done():
				return
			}
		}
	}
}

// certificateFiles is a certificate and its key in files that may change.
type certificateFiles struct {
	settings   settings
	conditions *web.Conditions
	log        *slog.Logger
	current    atomic.Pointer[tls.Certificate]

	mu           sync.Mutex
	loaded, seen fileStates // when the files were loaded and last looked at
}

// fileStates tells versions of the two files apart.
type fileStates [2]struct{ modified, size int64 }

func (f *certificateFiles) states() (states fileStates) {
	for i, path := range []filePath{f.settings.TLSCert, f.settings.TLSKey} {
		if info, err := os.Stat(string(path)); err == nil {
			states[i].modified, states[i].size = info.ModTime().UnixNano(), info.Size()
		}
	}
	return states
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// load loads the files. On an error, the certificate stays as it is.
func (f *certificateFiles) load() error {
	f.loaded = f.states() // before they are read, so that a later change is noticed
	certificate, err := loadCertificate(f.settings)
	if err != nil {
		return err
	}
	f.current.Store(&certificate)
	f.log.Info("loaded the TLS certificate", "names", certificate.Leaf.DNSNames, "expires_at", certificate.Leaf.NotAfter)
	if host := f.settings.publicHost(); host != "" && certificate.Leaf.VerifyHostname(host) != nil {
		f.log.Warn("the TLS certificate isn't valid for the host of the public URL; browsers reject it unless a proxy uses another one", "host", host)
	}
	return nil
}

// reload loads the files, and reports a problem if they can't be used.
func (f *certificateFiles) reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	sentence := ""
	if err := f.load(); err != nil {
		sentence = "The previous TLS certificate stays in use: " + err.Error() + ". When the files change, they are loaded again."
	}
	f.conditions.Report("tls_certificate", sentence)
}

// check reloads the files if they have changed, and not within the last second, when perhaps only one of them
// had been replaced.
func (f *certificateFiles) check(context.Context) error {
	f.conditions.Report("tls_expiry", expirySentence(f.current.Load(), time.Now()))
	f.mu.Lock()
	now := f.states()
	changed := now != f.loaded && now == f.seen
	f.seen = now
	f.mu.Unlock()
	if changed {
		f.reload()
	}
	return nil
}

// loadCertificate loads the certificate in the files of the settings. Its errors say what to do.
func loadCertificate(s settings) (tls.Certificate, error) {
	certificate, err := readPEM(s.TLSCert, tlsCertOption)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM(s.TLSKey, tlsKeyOption)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate in %s can't be used with the key in %s: %w; "+
			"both must be in PEM format, the certificate first in its file, and the key without a passphrase", s.TLSCert, s.TLSKey, err)
	}
	return pair, nil
}

func readPEM(path filePath, o option) ([]byte, error) {
	text, err := os.ReadFile(string(path))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("no permission to read %s; let the user or the group of the server read it (%s)", path, o.name())
	case err != nil:
		return nil, fmt.Errorf("can't read %s: %w; check %s", path, err, o.name())
	}
	return text, nil
}

// soon is how long before the expiry of a certificate there should be a new one.
const soon = 14 * 24 * time.Hour

// expirySentence returns a sentence if a certificate has expired or expires soon, or "".
func expirySentence(certificate *tls.Certificate, now time.Time) string {
	date := certificate.Leaf.NotAfter.UTC().Format("January 2, 2006, 15:04 UTC")
	switch left := certificate.Leaf.NotAfter.Sub(now); {
	case left <= 0:
		return "The TLS certificate expired on " + date + ". Replace it."
	case left < soon:
		return "The TLS certificate expires on " + date + ". Renew it."
	}
	return ""
}
