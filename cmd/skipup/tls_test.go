package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// testCertificate is a self-signed certificate for keys.test and 127.0.0.1, and its key, in files.
type testCertificate struct{ cert, key string }

// write writes a new certificate that expires after lifetime, and returns it.
func (c testCertificate) write(t *testing.T, lifetime time.Duration) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(lifetime),
		DNSNames: []string{"keys.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.writePEM(t, c.cert, "CERTIFICATE", der)
	c.writePEM(t, c.key, "PRIVATE KEY", keyDER)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (c testCertificate) writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newTestCertificate(t *testing.T) testCertificate {
	folder := t.TempDir()
	return testCertificate{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
}

// trusting returns a client that trusts a certificate, and opens a connection for each request. It doesn't
// follow redirects.
func trusting(roots ...*x509.Certificate) *http.Client {
	pool := x509.NewCertPool()
	for _, root := range roots {
		pool.AddCert(root)
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       testTimeout,
	}
}

// fetch sends a GET request and returns the response, whose body it has read.
func fetch(t *testing.T, client *http.Client, address string) (*http.Response, string) {
	t.Helper()
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

var takenPorts sync.Map

// freeAddress returns an address for a program that can't choose a port itself. The port isn't one of those that
// Linux gives to other listeners and connections, so none takes it before the program starts.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := 10_000 + mathrand.IntN(20_000)
		if _, taken := takenPorts.LoadOrStore(port, true); taken {
			continue
		}
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func TestTLS(t *testing.T) {
	files := newTestCertificate(t)
	first := files.write(t, 90*24*time.Hour)
	env := sqliteEnv(t)
	redirect, verify := freeAddress(t), freeAddress(t)
	s := serve(t, env, "--tls-cert", files.cert, "--tls-key", files.key, "--redirect-addr", redirect, "--verify-addr", verify)

	t.Run("serves https", func(t *testing.T) {
		response, _ := fetch(t, trusting(first), s.url+path.SignIn)
		modelstest.Equal(t, "protocol", response.Proto, "HTTP/2.0")
		modelstest.Equal(t, "HSTS", response.Header.Get("Strict-Transport-Security"), "max-age=31536000")
		if _, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
			t.Error("TLS 1.1 is accepted")
		}
	})
	t.Run("redirects http", func(t *testing.T) {
		response, _ := fetch(t, trusting(), "http://"+redirect+"/a?b=c")
		modelstest.Equal(t, "status", response.StatusCode, http.StatusPermanentRedirect)
		modelstest.Equal(t, "location", response.Header.Get("Location"), s.url+"/a?b=c")
		response, body := fetch(t, trusting(), "http://"+redirect+"/api/v1/me")
		modelstest.Equal(t, "status of the API", response.StatusCode, http.StatusBadRequest)
		modelstest.Contains(t, "body", body, `"type":"invalid_request"`, "sent unencrypted. Use "+s.url)
	})
	t.Run("serves local proxies without TLS", func(t *testing.T) {
		response, _ := fetch(t, trusting(), "http://"+verify+"/verify")
		modelstest.Equal(t, "status", response.StatusCode, http.StatusUnauthorized)
	})
	readiness := func(root *x509.Certificate) string { // or "" if the server uses another certificate
		response, err := trusting(root).Get(s.url + "/readyz")
		if err != nil {
			return ""
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return string(body)
	}
	t.Run("loads changed files", func(t *testing.T) {
		second := files.write(t, 10*24*time.Hour)
		eventually(t, "the new certificate isn't used, or its expiry isn't reported", func() bool {
			return strings.Contains(readiness(second), "The TLS certificate expires on "+second.NotAfter.UTC().Format("January 2, 2006"))
		})
		if err := os.WriteFile(files.key, []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
		hangUp(t)
		eventually(t, "the invalid file isn't reported", func() bool {
			return strings.Contains(readiness(second), "The previous TLS certificate stays in use: the certificate in "+files.cert+" can't be used with the key in "+files.key)
		})
		third := files.write(t, 90*24*time.Hour)
		hangUp(t)
		eventually(t, "the certificate isn't used after the repair", func() bool {
			body := readiness(third)
			return body != "" && !strings.Contains(body, "previous TLS certificate")
		})
	})
}

func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestTLSConflicts(t *testing.T) {
	tests := []struct {
		name, args, want string
	}{
		{"no key", "--tls-cert=c", "--tls-key (SKIPUP_TLS_KEY): required with --tls-cert"},
		{"no certificate", "--tls-key=k", "--tls-cert (SKIPUP_TLS_CERT): required with --tls-key"},
		{"two sources", "--tls-cert=c --tls-key=k --acme-domain=keys.test", "--acme-domain (SKIPUP_ACME_DOMAIN): set either this or --tls-cert"},
		{"public URL without TLS", "--tls-cert=c --tls-key=k --public-url=http://keys.test", "--public-url (SKIPUP_PUBLIC_URL): use an https URL"},
		{"public URL with another name", "--acme-domain=www.keys.test --public-url=https://keys.test", "--acme-domain (SKIPUP_ACME_DOMAIN): add keys.test"},
		{"redirect to http", "--redirect-addr=:80", "--public-url (SKIPUP_PUBLIC_URL): required to be https"},
		{"address", "--acme-domain=192.0.2.1", "--acme-domain (SKIPUP_ACME_DOMAIN): use comma-separated DNS names"},
		{"directory", "--acme-directory=http://ca.test", "--acme-directory (SKIPUP_ACME_DIRECTORY): use the https URL"},
		{"missing file", "--tls-cert=/nowhere.pem --tls-key=k", "can't read /nowhere.pem: open /nowhere.pem: no such file or directory; check --tls-cert (SKIPUP_TLS_CERT)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := exitUsage
			if tt.name == "missing file" {
				code = exitFailed
			}
			env := sqliteEnv(t)
			env["SKIPUP_ADDR"] = "127.0.0.1:0"
			got := skipup(t, env, append([]string{"serve"}, strings.Fields(tt.args)...)...)
			modelstest.Equal(t, "exit code", got.code, code)
			modelstest.Contains(t, "stderr", got.stderr, tt.want)
		})
	}
	s, err := loaded(t, nil, "--acme-domain", "Keys.test, www.keys.test")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "public URL", string(s.PublicURL), "https://keys.test")
}

func TestDoctorChecksCertificates(t *testing.T) {
	t.Parallel()
	files := newTestCertificate(t)
	env := sqliteEnv(t)
	newWorkspace(t, env)
	env["SKIPUP_TLS_CERT"], env["SKIPUP_TLS_KEY"], env["SKIPUP_PUBLIC_URL"] = files.cert, files.key, "https://keys.test"
	doctor := func() outcome { return skipup(t, env, "doctor", "--json") }

	wantFound(t, doctor(), "tls", models.LevelError, "Can't read "+files.cert)
	files.write(t, 15*24*time.Hour)
	wantFound(t, doctor(), "tls", models.LevelOK, "valid for at least 14 days")
	files.write(t, 13*24*time.Hour)
	wantFound(t, doctor(), "tls", models.LevelWarning, "The TLS certificate expires on")
	files.write(t, -time.Hour)
	wantFound(t, doctor(), "tls", models.LevelError, "The TLS certificate expired on")
	if err := os.Chmod(files.key, 0o644); err != nil {
		t.Fatal(err)
	}
	wantFound(t, doctor(), "tls", models.LevelWarning, "Other users may read the private key in "+files.key+" (mode 0644).")
	env["SKIPUP_PUBLIC_URL"] = "https://www.keys.test"
	wantFound(t, doctor(), "tls", models.LevelWarning, "isn't valid for www.keys.test")
}

func parsePEM(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("not a PEM block: %q", text)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
