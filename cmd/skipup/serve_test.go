package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
)

// testTimeout bounds each wait in these tests.
const testTimeout = 30 * time.Second

// output is a stream that is read while it is still being written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// server is a running "skipup serve".
type server struct {
	t              *testing.T
	url            string
	stdout, stderr *output
	terminate      func()
	kill           func()   // of a process of its own
	ended          chan int // its exit code
}

var ready = regexp.MustCompile(`(?m)^SkipUp Keys is at (\S+)$`)

// serve starts "skipup serve" on a free port, in this process, and waits until it is ready.
// It is stopped at the end of the test, and what it logged is searched for secrets.
func serve(t *testing.T, env map[string]string, more ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{t: t, stdout: &output{}, stderr: &output{}, terminate: cancel, ended: make(chan int, 1)}
	args := append([]string{"serve", "--addr", "127.0.0.1:0"}, more...)
	go func() { s.ended <- run(ctx, args, env, strings.NewReader(""), s.stdout, s.stderr) }()
	t.Cleanup(func() { s.stop() })
	s.waitUntilReady()
	return s
}

// startProcess starts "skipup serve" on a free port in a process of its own. It does not wait.
func startProcess(t *testing.T, env map[string]string) *server {
	t.Helper()
	return startProgram(t, env, "serve", "--addr", "127.0.0.1:0")
}

// startProgram starts a command that serves in a process of its own. It does not wait.
func startProgram(t *testing.T, env map[string]string, args ...string) *server {
	t.Helper()
	s := &server{t: t, stdout: &output{}, stderr: &output{}, ended: make(chan int, 1)}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.terminate = sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // a second would kill
	s.kill = func() { _ = cmd.Process.Kill() }
	go func() {
		_ = cmd.Wait()
		s.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) waitUntilReady() {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if said := ready.FindStringSubmatch(s.stdout.String()); said != nil {
			s.url = said[1]
			return
		}
		if len(s.ended) > 0 {
			break
		}
	}
	s.t.Fatalf("the server does not get ready\nstdout: %s\nstderr: %s", s.stdout, s.stderr)
}

// stop asks the server to stop, once, and returns its exit code.
func (s *server) stop() int {
	s.t.Helper()
	s.terminate()
	select {
	case code := <-s.ended:
		s.ended <- code // for the next who asks
		requireNoSecrets(s.t, s.stderr.String())
		return code
	case <-time.After(testTimeout):
		s.t.Fatalf("the server does not stop\nstderr: %s", s.stderr)
		return -1
	}
}

// get returns status and body of a page.
func (s *server) get(address string, authorization ...string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(authorization) > 0 {
		request.Header.Set("Authorization", "Bearer "+authorization[0])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// setupLink waits for the set-up link on stdout and returns its path.
func (s *server) setupLink() string {
	s.t.Helper()
	return s.await(regexp.MustCompile(`(?m)^    ` + regexp.QuoteMeta(s.url) + `(` + path.SetUp + `[A-Z2-7]{26})$`))[1]
}

// await waits for a text on stdout and returns its parts.
func (s *server) await(text *regexp.Regexp) []string {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := text.FindStringSubmatch(s.stdout.String()); found != nil {
			return found
		}
	}
	s.t.Fatalf("no %s\nstdout: %s\nstderr: %s", text, s.stdout, s.stderr)
	return nil
}

func TestServe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		s := serve(t, env)
		for _, address := range []string{path.HealthLive, path.HealthReady} {
			if status, body := s.get(address); status != http.StatusOK {
				t.Errorf("GET %s: %d %s", address, status, body)
			}
		}
		if code := s.stop(); code != exitOK {
			t.Errorf("exit code %d\nstderr: %s", code, s.stderr)
		}
		if _, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second); err == nil {
			t.Error("the port is still open")
		}
	})
}

// While nobody has set the product up, each start prints a link that opens it; afterwards none
// does. The link is on stdout, once, and its token in no log even when it is followed.
func TestSetupLink(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		first := serve(t, env)
		link := first.setupLink()
		if status, body := first.get(link); status != http.StatusOK {
			t.Errorf("GET the link: %d %s", status, body)
		}
		first.stop()
		token := strings.TrimPrefix(link, path.SetUp)
		if strings.Count(first.stdout.String(), token) != 1 || strings.Contains(first.stderr.String(), token) {
			t.Errorf("the link is not on stdout once\nstdout: %s\nstderr: %s", first.stdout, first.stderr)
		}
		if err := openTestStore(t, env).CheckSetupLink(context.Background(), token); err != nil {
			t.Errorf("the link does not work: %v", err)
		}

		second := serve(t, env)
		if again := second.setupLink(); again == link {
			t.Error("the second start prints the link of the first")
		}
		second.stop()

		newWorkspace(t, env)
		third := serve(t, env)
		third.stop()
		if third.stdout.String() != "SkipUp Keys is at "+third.url+"\n" {
			t.Errorf("stdout of a start after the set-up: %s", third.stdout)
		}
	})
}

// A key made and deleted at the command line, while the server runs.
func TestKeysMadeHereWorkThere(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		s := serve(t, env)
		key := newKey(t, env, workspace, "CI", "seats.read")
		if status, body := s.get("/api/v1/me", key); status != http.StatusOK || !strings.Contains(body, workspace) {
			t.Errorf("with the new key: %d %s", status, body)
		}
		id := listJSON(t, env, workspace)[0]["id"].(string)
		skipup(t, env, "keys", "delete", id).requireCode(t, exitOK)
		if status, body := s.get("/api/v1/me", key); status != http.StatusUnauthorized {
			t.Errorf("with the deleted key: %d %s", status, body)
		}
		s.stop()
	})
}

// Two nodes that start at once on an empty database both get ready, with a link that works.
func TestTwoNodesStartAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		nodes := []*server{startProcess(t, env), startProcess(t, env)}
		for _, node := range nodes {
			node.waitUntilReady()
		}
		for i, node := range nodes {
			if status, _ := node.get(path.HealthReady); status != http.StatusOK {
				t.Errorf("node %d is not ready: %d", i, status)
			}
			other := nodes[1-i]
			if status, _ := other.get(node.setupLink()); status != http.StatusOK {
				t.Errorf("the link of node %d does not work on the other: %d", i, status)
			}
		}
	})
}

// A signal lets an open request finish, then ends the process with exit code 0.
func TestSignalStopsGracefully(t *testing.T) {
	s := startProcess(t, sqliteEnv(t))
	s.waitUntilReady()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	body := "workspace=Acme"
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.setupLink(), len(body))
	answers := bufio.NewReader(connection)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("the request is not being read: %q, %v", line, err)
	}

	s.terminate()
	for deadline := time.Now().Add(testTimeout); !strings.Contains(s.stderr.String(), "stopping") && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := io.WriteString(connection, body); err != nil {
		t.Fatal(err)
	}
	_, _ = answers.ReadString('\n') // the empty line after 100 Continue
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the open request got no answer: %v\nstderr: %s", err, s.stderr)
	}
	defer response.Body.Close()
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d\nstderr: %s", code, s.stderr)
	}
}

func TestStopBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr output
	if code := run(ctx, []string{"serve", "--addr", "127.0.0.1:0"}, sqliteEnv(t), strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Errorf("exit code %d\nstderr: %s", code, &stderr)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct{ name, address, said string }{
		{"in use", taken.Addr().String(), taken.Addr().String() + " is in use by another program: stop that one, or choose another with --addr (SKIPUP_ADDR)"},
		{"of another machine", "192.0.2.1:80", "is not an address of this machine"},
		{"unknown host", "nobody.invalid:80", "is not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			got := skipup(t, env, "serve", "--addr", tt.address)
			got.requireFailure(t, exitFailed, tt.said)
		})
	}
}

func TestPublicURL(t *testing.T) {
	listening := &net.TCPAddr{IP: net.IPv4zero, Port: 9999}
	tests := []struct {
		s    settings
		want string
	}{
		{settings{Addr: "127.0.0.1:0"}, "http://127.0.0.1:9999"},
		{settings{Addr: "[::1]:0"}, "http://[::1]:9999"},
		{settings{Addr: "Node-1:9999"}, "http://node-1:9999"},
		{settings{Addr: ":9999"}, "http://localhost:9999"},
		{settings{Addr: "0.0.0.0:9999"}, "http://localhost:9999"},
		{settings{Addr: "[::]:9999"}, "http://localhost:9999"},
		{settings{Addr: ":9999", PublicURL: "https://keys.example.com"}, "https://keys.example.com"},
	}
	for _, tt := range tests {
		if got := publicURLOf(tt.s, listening); got != tt.want {
			t.Errorf("%+v is at %s, want %s", tt.s, got, tt.want)
		}
	}
}

// The links and the log go by the public address, not by the one to listen on.
func TestServeUnderAPublicURL(t *testing.T) {
	env := sqliteEnv(t)
	s := serve(t, env, "--public-url", "https://keys.example.com/")
	link := s.setupLink()
	s.stop()
	if !strings.Contains(s.stdout.String(), "https://keys.example.com"+link) || !strings.Contains(s.stderr.String(), `"public_url":"https://keys.example.com"`) {
		t.Errorf("stdout: %s\nstderr: %s", s.stdout, s.stderr)
	}
}

// What has expired is gone soon after a start.
func TestServePurges(t *testing.T) {
	env := sqliteEnv(t)
	newWorkspace(t, env)
	lastYear := func() time.Time { return time.Now().AddDate(-1, 0, 0) }
	store, err := models.Open(env["DATABASE_URL"], models.Options{Clock: lastYear})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.NewSetupLink(context.Background()); err != nil {
		t.Fatal(err)
	}
	links := func() (count int) {
		db, err := sql.Open("sqlite3", strings.Replace(env["DATABASE_URL"], "sqlite:", "file:", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRow("SELECT count(*) FROM setup_links").Scan(&count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	if count := links(); count != 1 {
		t.Fatalf("%d links before", count)
	}
	serve(t, env)
	for deadline := time.Now().Add(testTimeout); links() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the expired link is still there")
		}
	}
}
