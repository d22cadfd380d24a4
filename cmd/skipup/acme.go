package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// acmeInterval is the time between checks of certificates. CAs limit failed attempts to about five an hour.
const acmeInterval = 15 * time.Minute

// acmeCertificates are certificates from an ACME server, which are renewed 30 days before they expire.
type acmeCertificates struct {
	manager    *autocert.Manager
	domains    domains
	conditions *web.Conditions
}

// openACME returns certificates from an ACME server. With a listener for redirects, the server can also
// prove with HTTP-01 that it has the names, and otherwise only with TLS-ALPN-01.
func openACME(s settings, redirect http.Handler, conditions *web.Conditions, log *slog.Logger) certificates {
	allowed := autocert.HostWhitelist(s.ACMEDomains...)
	a := &acmeCertificates{domains: s.ACMEDomains, conditions: conditions, manager: &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(acmeFolder(s)), HostPolicy: func(ctx context.Context, host string) error {
			if name, _, err := net.SplitHostPort(host); err == nil { // in an HTTP-01 challenge
				host = name
			}
			return allowed(ctx, host)
		},
		Client: &acme.Client{DirectoryURL: string(s.ACMEDirectory), UserAgent: "skipup"},
	}}
	if s.RedirectAddr != "" {
		redirect = a.manager.HTTPHandler(redirect)
	}
	config := a.manager.TLSConfig()
	config.GetCertificate = a.get
	return certificates{
		config: config, redirect: redirect, reload: func() { go a.obtain() },
		watch: repeat(acmeInterval, log, "obtain TLS certificates", func(ctx context.Context) error {
			done := make(chan struct{})
			go func() {
				defer close(done)
				a.obtain()
			}()
			select {
			case <-done:
			case <-ctx.Done(): // autocert waits up to five minutes for the ACME server
			}
			return nil
		}),
	}
}

// acmeFolder returns the folder with the certificates, next to a SQLite database or in the working directory.
// autocert creates it with mode 0700.
func acmeFolder(s settings) string {
	if database, isSQLite := models.SQLiteFile(string(s.Database)); isSQLite {
		return database + ".acme"
	}
	return "skipup.acme"
}

// get returns the certificate for a client. It obtains one if there is none.
func (a *acmeCertificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate, err := a.manager.GetCertificate(hello)
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	isChallenge := slices.Contains(hello.SupportedProtos, acme.ALPNProto)
	isRepeated := err != nil && strings.Contains(err.Error(), "missing certificate") // by autocert, for a minute after an error
	if isChallenge || isRepeated || !slices.Contains(a.domains, name) {
		return certificate, err
	}
	sentence := ""
	if err != nil {
		sentence = fmt.Sprintf("There is no TLS certificate for %s: %v. Check that its DNS records point to this server, and that port 443, "+
			"or, with %s, port 80, can be reached from the internet. The server tries again every %d minutes.", name, err, redirectAddrOption.name(), acmeInterval/time.Minute)
	} else {
		sentence = expirySentence(certificate, time.Now())
	}
	a.conditions.Report("tls_certificate_"+name, sentence)
	return certificate, err
}

// obtain obtains the certificates that are missing.
func (a *acmeCertificates) obtain() {
	for _, name := range a.domains {
		_, _ = a.get(&tls.ClientHelloInfo{ // reports errors
			ServerName: name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // for an ECDSA certificate
		})
	}
}

// cachedCertificate returns the certificate for a name that a server with these settings has obtained.
func cachedCertificate(ctx context.Context, s settings, name string) (tls.Certificate, error) {
	text, err := autocert.DirCache(acmeFolder(s)).Get(ctx, name)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(text, text) // the key comes first
}
