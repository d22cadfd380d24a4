package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// proxyConfigurations are the configurations of reverse proxies in the documentation that are tested with
// the proxy itself.
var proxyConfigurations = []struct {
	name  string
	files []string // in docs/proxies
	start func(dir string) *exec.Cmd
}{
	{"nginx", []string{"nginx.conf"}, runNginx},
	{"caddy", []string{"Caddyfile"}, runCaddy},
	{"haproxy", []string{"haproxy.cfg", "skipup.lua"}, runHAProxy},
}

func runNginx(dir string) *exec.Cmd {
	return exec.Command("nginx", "-p", dir, "-e", "stderr", "-g", "daemon off;", "-c", filepath.Join(dir, "main.conf"))
}

func runCaddy(dir string) *exec.Cmd {
	return exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile"))
}

func runHAProxy(dir string) *exec.Cmd {
	return exec.Command("haproxy", "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
}

// protectedAPI starts a server to put behind proxies. Each response has the headers of the request.
func protectedAPI(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// TestProxyConfigurations runs each proxy with the configuration in the documentation, in front of an API
// and beside a server.
func TestProxyConfigurations(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("proxies are skipped with -short")
	}
	verify, api := freeAddress(t), protectedAPI(t)
	env := map[string]string{
		"DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "skipup.db"), "SKIPUP_VERIFY_ADDR": verify,
		"SKIPUP_TRUSTED_PROXIES": "127.0.0.1", "SKIPUP_KEY_RATE_LIMIT": "40",
	}
	server := serve(t, env)
	keys := newProxyKeys(t, env["DATABASE_URL"])
	public := map[string]string{}
	for _, proxy := range proxyConfigurations {
		address := freeAddress(t)
		dir := configureProxy(t, "proxies", proxy.files, strings.NewReplacer(
			"127.0.0.1:9100", verify, "127.0.0.1:3000", api, "127.0.0.1:8000", address,
			"orders.read", "seats.read", "orders.write", "seats.write",
		))
		startProxy(t, proxy.start(dir), address)
		public[proxy.name] = "http://" + address
	}
	for name, address := range public {
		t.Run(name, func(t *testing.T) { keys.check(t, address) })
	}
	server.stop()
	_, key := keys.create(t, scope.SeatsRead)
	for name, address := range public {
		t.Run(name+" without the server", func(t *testing.T) {
			if response, body := send(t, http.MethodGet, address+"/orders", key); response.StatusCode < 500 {
				t.Errorf("status = %d, want 502 or 503: %s", response.StatusCode, body)
			}
		})
	}
}

// configureProxy writes edited copies of files in a folder of the documentation to a new folder.
func configureProxy(t *testing.T, folder string, files []string, edits *strings.Replacer) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join("../../docs", folder, name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(edits.Replace(string(content)), "lua-load ", "lua-load "+dir+"/")
		if strings.HasSuffix(name, "Caddyfile") {
			text = "{\n\tadmin off\n\tstorage file_system " + dir + "\n}\n" + text
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	main := "pid " + dir + "/nginx.pid;\nevents {}\nhttp {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += kind + "_temp_path " + dir + "/" + kind + ";\n"
	}
	main += "access_log off;\ninclude nginx.conf;\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "main.conf"), []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startProxy starts a proxy and waits until it accepts connections.
func startProxy(t *testing.T, proxy *exec.Cmd, address string) {
	t.Helper()
	var log output
	proxy.Stdout, proxy.Stderr = &log, &log
	proxy.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := proxy.Start(); err != nil {
		t.Fatalf("%v: install it, or run `make test` as root on Debian", err)
	}
	ended := make(chan struct{})
	go func() { _ = proxy.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = proxy.Process.Signal(syscall.SIGTERM) // a job in the background ignores SIGINT, and so do its children
		<-ended
		if t.Failed() {
			t.Logf("log of the proxy:\n%s", &log)
		}
	})
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("the proxy did not start:\n%s", &log)
		default:
		}
	}
	t.Fatalf("the proxy does not accept connections:\n%s", &log)
}

// proxyKeys are the keys with which requests are sent through a proxy.
type proxyKeys struct {
	store     *models.Store
	workspace string
}

func newProxyKeys(t *testing.T, database string) proxyKeys {
	t.Helper()
	store, err := models.Open(database, models.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	workspace, _, err := store.CreateWorkspace(context.Background(), models.NewWorkspace{
		Name: "Shop", AdminEmail: "ada@shop.example", AdminName: "Ada", Password: "a long enough passphrase",
	})
	if err != nil {
		t.Fatal(err)
	}
	return proxyKeys{store, workspace.ID}
}

func (p proxyKeys) create(t *testing.T, scopes ...scope.Scope) (id, text string) {
	t.Helper()
	key, secret, err := p.store.CreateAPIKey(context.Background(), p.workspace, models.NewAPIKey{Name: "Shop", Scopes: scope.Of(scopes...)})
	if err != nil {
		t.Fatal(err)
	}
	return key.ID, secret.Reveal()
}

// check sends requests through a proxy: those with a valid key reach the API with the headers of the key,
// whatever the client sends, and others get the responses of the server.
func (p proxyKeys) check(t *testing.T, public string) {
	t.Helper()
	id, reader := p.create(t, scope.SeatsRead)
	bothID, both := p.create(t, scope.SeatsRead, scope.SeatsWrite)
	_, none := p.create(t)
	tests := []struct {
		name, method, key string
		status            int
		keyID, scopes     string
		challenge         string
	}{
		{"read", http.MethodGet, reader, 200, id, "seats.read", ""},
		{"write with both scopes", http.MethodPost, both, 200, bothID, "seats.read seats.write", ""},
		{"write without the scope", http.MethodPost, reader, 403, "", "", `Bearer realm="SkipUp API", error="insufficient_scope", scope="seats.write"`},
		{"no scopes", http.MethodGet, none, 403, "", "", `Bearer realm="SkipUp API", error="insufficient_scope", scope="seats.read"`},
		{"no key", http.MethodGet, "", 401, "", "", `Bearer realm="SkipUp API"`},
		{"wrong key", http.MethodDelete, reader + "x", 401, "", "", `Bearer realm="SkipUp API", error="invalid_token"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, body := send(t, tt.method, public+"/orders/1234?a=1", tt.key)
			if response.StatusCode != tt.status {
				t.Fatalf("status = %d, want %d: %s", response.StatusCode, tt.status, body)
			}
			if got := response.Header.Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("WWW-Authenticate = %s, want %s", got, tt.challenge)
			}
			if tt.status != http.StatusOK {
				requireEnvelope(t, body)
				return
			}
			var reached http.Header
			if err := json.Unmarshal(body, &reached); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			for name, want := range map[string]string{"Skipup-Key-Id": tt.keyID, "Skipup-Workspace-Id": p.workspace, "Skipup-Scopes": tt.scopes, "Skipup-Mode": "live", "Authorization": ""} {
				if got := strings.Join(reached.Values(name), ", "); got != want {
					t.Errorf("the API got %s = %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("deleted key", func(t *testing.T) {
		if _, err := p.store.DeleteAPIKey(context.Background(), p.workspace, id, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		if response, body := send(t, http.MethodGet, public+"/orders", reader); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("status = %d, want 401: %s", response.StatusCode, body)
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		for start, accepted := time.Now(), 0; time.Since(start) < testTimeout; accepted++ {
			if most := 40 * (1 + time.Since(start).Minutes()); float64(accepted) > most {
				t.Fatalf("%d requests were accepted in %v, want at most %.1f", accepted, time.Since(start), most)
			}
			response, body := send(t, http.MethodGet, public+"/orders", both)
			if response.StatusCode == http.StatusOK {
				continue
			}
			if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
				t.Errorf("status = %d, Retry-After = %q, want 429: %s", response.StatusCode, response.Header.Get("Retry-After"), body)
			}
			requireEnvelope(t, body)
			return
		}
		t.Error("no request was rejected")
	})
}

// requireEnvelope checks that a body is an error of the API.
func requireEnvelope(t *testing.T, body []byte) {
	t.Helper()
	var envelope struct {
		Error struct{ Type, Message string }
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Error.Type == "" || envelope.Error.Message == "" {
		t.Errorf("body = %s, want an error of the API (%v)", body, err)
	}
}

// send sends a request with the headers of another key, as an attacker would.
func send(t *testing.T, method, address, key string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequest(method, address, bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	for _, name := range []string{"SkipUp-Key-Id", "SkipUp-Workspace-Id", "SkipUp-Scopes", "SkipUp-Mode"} {
		request.Header.Set(name, "spoofed")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}
