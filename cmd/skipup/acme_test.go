package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// acmeServer is a running Pebble, Let's Encrypt's ACME server for tests. It resolves all names to 127.0.0.1.
type acmeServer struct {
	directory string
	trust     map[string]string // variables with which a program trusts it
	root      *x509.Certificate // of the certificates that it issues
	stop      func()
}

// newACMEServer starts a Pebble that connects to these ports to validate names.
func newACMEServer(t *testing.T, httpPort, tlsPort int) acmeServer {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder, "github.com/letsencrypt/pebble/v2/cmd/pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv")
	build.Dir = "testdata/pebble"
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v\n%s", err, output)
	}
	start := func(name string, args ...string) (stop func()) {
		cmd := exec.Command(filepath.Join(folder, name), args...)
		cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop = func() {
			_ = cmd.Process.Kill()
			_, _ = cmd.Process.Wait()
		}
		t.Cleanup(stop)
		return stop
	}
	files := testCertificate{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	own := files.write(t, time.Hour)
	acme, management, dns := freeAddress(t), freeAddress(t), freeAddress(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": acme, "managementListenAddress": management, "certificate": files.cert, "privateKey": files.key,
		"httpPort": httpPort, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "tests", "validityPeriod": 90 * 24 * 3600}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	start("pebble-challtestsrv", "-dnsserver", dns, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", "")
	stop := start("pebble", "-config", filepath.Join(folder, "config.json"), "-dnsserver", dns)

	client := trusting(own)
	eventually(t, "Pebble did not start", func() bool {
		response, err := client.Get("https://" + acme + "/dir")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	_, root := fetch(t, client, "https://"+management+"/roots/0")
	return acmeServer{"https://" + acme + "/dir", map[string]string{"SSL_CERT_FILE": files.cert}, parsePEM(t, root), stop}
}

// TestACME obtains certificates from a real ACME server with both kinds of challenges.
func TestACME(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds an ACME server")
	}
	byTLS, byHTTP, redirect := freeAddress(t), freeAddress(t), freeAddress(t)
	ca := newACMEServer(t, portOf(t, redirect), portOf(t, byTLS))
	tests := []struct {
		name, address string
		args          []string
	}{
		{"TLS-ALPN-01", byTLS, nil},
		{"HTTP-01", byHTTP, []string{"--redirect-addr", redirect}},
	}
	for _, tt := range tests {
		env := sqliteEnv(t)
		newWorkspace(t, env)
		for name, value := range ca.trust {
			env[name] = value
		}
		domain := strings.ToLower(tt.name) + ".keys.test"
		args := append([]string{"--acme-domain", domain, "--acme-directory", ca.directory}, tt.args...)
		client := trusting(ca.root)
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, tt.address)
		}
		run := func(t *testing.T) {
			s := startProgram(t, env, append([]string{"serve", "--addr", tt.address}, args...)...)
			s.waitUntilReady()
			modelstest.Equal(t, "public URL", s.url, "https://"+domain)
			eventually(t, "no certificate", func() bool {
				response, err := client.Get("https://" + domain + "/readyz")
				return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
			})
			if _, err := tls.Dial("tcp", tt.address, &tls.Config{ServerName: "other.test", InsecureSkipVerify: true}); err == nil {
				t.Error("there is a certificate for another name")
			}
			wantFound(t, skipup(t, env, append([]string{"doctor", "--json"}, args...)...), "tls", models.LevelOK, "valid for at least 14 days")
			s.stop()
		}
		t.Run(tt.name, run)
		database, _ := models.SQLiteFile(env["DATABASE_URL"])
		_ = filepath.WalkDir(database+".acme", func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				t.Fatal(err)
			}
			if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: mode = %v, %v, want none for other users", path, info.Mode(), err)
			}
			return nil
		})
		if tt.name == "HTTP-01" { // the last one
			ca.stop()
			t.Run("after a restart, without the ACME server", run)
		}
	}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}
