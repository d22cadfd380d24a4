package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// testTimeout bounds each wait in these tests. It is generous because machines may be busy.
const testTimeout = 2 * time.Minute

// output is a buffer that can be read while it is being written.
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

// testServer is a running "skipup serve".
type testServer struct {
	t              *testing.T
	url            string
	stdout, stderr *output
	terminate      func()
	kill           func() // nil unless it is a separate process
	signal         func(syscall.Signal)
	ended          chan int // receives the exit code
}

var ready = regexp.MustCompile(`(?m)^SkipUp Keys is running at (\S+)$`)

// serve starts "skipup serve" in this process, on a free port, and waits until it is ready. The end of
// the test stops it and checks that its log contains no secrets.
func serve(t *testing.T, env map[string]string, more ...string) *testServer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &testServer{t: t, stdout: &output{}, stderr: &output{}, terminate: cancel, ended: make(chan int, 1)}
	args := append([]string{"serve", "--addr", "127.0.0.1:0"}, more...)
	go func() { s.ended <- run(ctx, args, env, strings.NewReader(""), s.stdout, s.stderr) }()
	t.Cleanup(func() { s.stop() })
	s.waitUntilReady()
	return s
}

// startProcess starts "skipup serve" on a free port in a separate process. It doesn't wait.
func startProcess(t *testing.T, env map[string]string) *testServer {
	t.Helper()
	return startProgram(t, env, "serve", "--addr", "127.0.0.1:0")
}

// startProgram starts a server command in a separate process. It doesn't wait.
func startProgram(t *testing.T, env map[string]string, args ...string) *testServer {
	t.Helper()
	return startBinary(t, os.Args[0], env, args...)
}

// startBinary starts a server command of a program, which may be of another version, in a separate process. It
// doesn't wait.
func startBinary(t *testing.T, program string, env map[string]string, args ...string) *testServer {
	t.Helper()
	s := &testServer{t: t, stdout: &output{}, stderr: &output{}, ended: make(chan int, 1)}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "SKIPUP_SHUTDOWN_DELAY=0s")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.terminate = sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // a second signal would kill it
	s.kill = func() { _ = cmd.Process.Kill() }
	s.signal = func(signal syscall.Signal) { _ = cmd.Process.Signal(signal) }
	go func() {
		_ = cmd.Wait()
		s.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *testServer) waitUntilReady() {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := ready.FindStringSubmatch(s.stdout.String()); found != nil {
			s.url = found[1]
			return
		}
		if len(s.ended) > 0 {
			break
		}
	}
	s.t.Fatalf("the server did not start\nstdout: %s\nstderr: %s", s.stdout, s.stderr)
}

// stop stops the server and returns its exit code.
func (s *testServer) stop() int {
	s.t.Helper()
	s.terminate()
	select {
	case code := <-s.ended:
		s.ended <- code // for the next call
		requireNoSecrets(s.t, s.stderr.String())
		return code
	case <-time.After(testTimeout):
		s.t.Fatalf("the server did not stop\nstderr: %s", s.stderr)
		return -1
	}
}

// get returns the status and body of a page or API response.
func (s *testServer) get(path string, authorization ...string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
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

// setupLink waits for the setup link on stdout and returns its path.
func (s *testServer) setupLink() string {
	s.t.Helper()
	return s.await(regexp.MustCompile(`(?m)^    ` + regexp.QuoteMeta(s.url) + `(` + path.SetUp + `[A-Z2-7]{26})$`))[1]
}

// await waits until stdout matches pattern and returns the submatches.
func (s *testServer) await(pattern *regexp.Regexp) []string {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := pattern.FindStringSubmatch(s.stdout.String()); found != nil {
			return found
		}
	}
	s.t.Fatalf("stdout does not match %s\nstdout: %s\nstderr: %s", pattern, s.stdout, s.stderr)
	return nil
}

func TestServe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		s := serve(t, env)
		for _, probe := range []string{path.HealthLive, path.HealthReady} {
			if status, body := s.get(probe); status != http.StatusOK {
				t.Errorf("GET %s: status = %d, want 200: %s", probe, status, body)
			}
		}
		if code := s.stop(); code != exitOK {
			t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, s.stderr)
		}
		if _, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second); err == nil {
			t.Error("the port is open after the server stopped")
		}
	})
}

// Until there is a workspace, each start prints a new setup link once on stdout. The log never
// contains its token, even after the link was opened.
func TestSetupLink(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		first := serve(t, env)
		link := first.setupLink()
		if status, body := first.get(link); status != http.StatusOK {
			t.Errorf("GET setup link: status = %d, want 200: %s", status, body)
		}
		first.stop()
		token := strings.TrimPrefix(link, path.SetUp)
		if n := strings.Count(first.stdout.String(), token); n != 1 {
			t.Errorf("stdout has the link %d times, want once:\n%s", n, first.stdout)
		}
		if strings.Contains(first.stderr.String(), token) {
			t.Errorf("the log contains the link's token:\n%s", first.stderr)
		}
		modelstest.Contains(t, "log", first.stderr.String(), "creating the database schema")
		if strings.Contains(first.stderr.String(), "applied migration") {
			t.Errorf("the log hides the link behind a list of migrations:\n%s", first.stderr)
		}
		if err := openTestStore(t, env).CheckSetupLink(context.Background(), token); err != nil {
			t.Errorf("check setup link: %v", err)
		}

		second := serve(t, env)
		if again := second.setupLink(); again == link {
			t.Error("the second start printed the first link again")
		}
		second.stop()

		newWorkspace(t, env)
		third := serve(t, env)
		third.stop()
		if third.stdout.String() != "SkipUp Keys is running at "+third.url+"\n" {
			t.Errorf("stdout after setup = %s, want only the URL", third.stdout)
		}
	})
}

func TestRunningServerSeesKeysFromTheCommandLine(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		s := serve(t, env)
		key := newKey(t, env, workspace, "CI", "seats.read")
		if status, body := s.get("/api/v1/me", key); status != http.StatusOK {
			t.Errorf("status with the new key = %d, want 200: %s", status, body)
		} else if !strings.Contains(body, workspace) {
			t.Errorf("response lacks the workspace %s: %s", workspace, body)
		}
		id := listJSON(t, env, workspace)[0]["id"].(string)
		skipup(t, env, "keys", "delete", id).requireCode(t, exitOK)
		if status, body := s.get("/api/v1/me", key); status != http.StatusUnauthorized {
			t.Errorf("status with the deleted key = %d, want 401: %s", status, body)
		}
		s.stop()
	})
}

// Both nodes must become ready on an empty database, and print setup links that work on either.
func TestTwoNodesStartAtTheSameTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		nodes := []*testServer{startProcess(t, env), startProcess(t, env)}
		for _, node := range nodes {
			node.waitUntilReady()
		}
		for i, node := range nodes {
			if status, _ := node.get(path.HealthReady); status != http.StatusOK {
				t.Errorf("node %d: readiness status = %d, want 200", i, status)
			}
			other := nodes[1-i]
			if status, _ := other.get(node.setupLink()); status != http.StatusOK {
				t.Errorf("node %d's link on the other node: status = %d, want 200", i, status)
			}
		}
	})
}

func TestSignalLetsOpenRequestsFinish(t *testing.T) {
	t.Parallel()
	s := startProcess(t, sqliteEnv(t))
	s.waitUntilReady()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	body := "workspace=Acme"
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.setupLink(), len(body))
	responses := bufio.NewReader(connection)
	if line, err := responses.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("status line = %q, %v, want 100 Continue", line, err)
	}

	s.terminate()
	eventually(t, "the server did not begin to stop", func() bool { return strings.Contains(s.stderr.String(), "stopping") })
	if _, err := io.WriteString(connection, body); err != nil {
		t.Fatal(err)
	}
	_, _ = responses.ReadString('\n') // the empty line after 100 Continue
	response, err := http.ReadResponse(responses, nil)
	if err != nil {
		t.Fatalf("read response of the open request: %v\nstderr: %s", err, s.stderr)
	}
	defer response.Body.Close()
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, s.stderr)
	}
}

func TestSQLiteFilesArePrivate(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	database, _ := models.SQLiteFile(env["DATABASE_URL"])
	if err := os.Chmod(database, 0o644); err != nil { // as created by another program
		t.Fatal(err)
	}
	serve(t, env)
	for _, end := range []string{"", "-wal", "-shm", ".key"} {
		info, err := os.Stat(database + end)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s = %04o, want 0600", info.Name(), info.Mode().Perm())
		}
	}
}

func TestStopDuringStartup(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr output
	if code := run(ctx, []string{"serve", "--addr", "127.0.0.1:0"}, sqliteEnv(t), strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, &stderr)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct{ name, addr, want string }{
		{"in use", taken.Addr().String(), taken.Addr().String() + " is already in use; stop the other program, or use another address with --addr (SKIPUP_ADDR)"},
		{"of another machine", "192.0.2.1:80", "isn't an address of this machine"},
		{"unknown host", "nobody.invalid:80", "unknown host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := sqliteEnv(t)
			got := skipup(t, env, "serve", "--addr", tt.addr)
			got.requireFailure(t, exitFailed, tt.want)
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
			t.Errorf("publicURLOf(%+v) = %s, want %s", tt.s, got, tt.want)
		}
	}
}

func TestServeUsesThePublicURL(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	s := serve(t, env, "--public-url", "https://keys.example.com/")
	link := s.setupLink()
	s.stop()
	if want := "https://keys.example.com" + link; !strings.Contains(s.stdout.String(), want) {
		t.Errorf("stdout lacks %s:\n%s", want, s.stdout)
	}
	if want := `"public_url":"https://keys.example.com"`; !strings.Contains(s.stderr.String(), want) {
		t.Errorf("log lacks %s:\n%s", want, s.stderr)
	}
}

func TestDatabaseFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		prepare    func(t *testing.T, folder string) (path string)
	}{
		{"not a database", "isn't a SQLite database", func(t *testing.T, folder string) string {
			return writeFile(t, folder+"/x.db", strings.Repeat("This is a text. ", 100))
		}},
		{"damaged", "is damaged. Restore it from a backup", func(t *testing.T, folder string) string {
			path := folder + "/x.db"
			skipup(t, nil, "migrate", "--database", "sqlite:"+path).requireCode(t, exitOK)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < len(content); i++ {
				content[i] = 0xa5
			}
			return writeFile(t, path, string(content))
		}},
		{"missing folder", "doesn't exist. Create it", func(_ *testing.T, folder string) string { return folder + "/missing/x.db" }},
		{"folder", "is a folder. Add the name of a file", func(_ *testing.T, folder string) string { return folder }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.prepare(t, t.TempDir())
			for _, args := range [][]string{{"serve", "--addr", "127.0.0.1:0"}, {"migrate"}} {
				got := skipup(t, map[string]string{"DATABASE_URL": "sqlite:" + path}, args...)
				got.requireFailure(t, exitFailed, "can't open the database: ", tt.want, "--database (DATABASE_URL)")
				if strings.Contains(got.stderr, "_pragma") || strings.Contains(got.stderr, "encryption key") {
					t.Errorf("stderr describes internals:\n%s", got.stderr)
				}
			}
		})
	}
}

// writeFile writes a file and returns its path.
func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabaseFileIsReplacedWhileServing(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"deleted": os.Remove,
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := sqliteEnv(t)
			key := newKey(t, env, newWorkspace(t, env), "CI", "api_keys.write")
			s := startProcess(t, env)
			s.waitUntilReady()
			if err := replace(strings.TrimPrefix(env["DATABASE_URL"], "sqlite:")); err != nil {
				t.Fatal(err)
			}
			const want = "The database file was deleted or replaced"
			eventually(t, "readiness does not fail", func() bool {
				status, body := s.get(path.HealthReady)
				return status == http.StatusServiceUnavailable && strings.Contains(body, want)
			})
			eventually(t, "the response to a write does not name the cause", func() bool {
				return strings.Contains(s.post("/api/v1/api_keys", key, `{"name":"Lost","scopes":[]}`, http.StatusServiceUnavailable), want)
			})
			eventually(t, "the log does not say why", func() bool { return strings.Contains(s.stderr.String(), want) })
		})
	}
}

// TestServeNamesTheDatabase checks that an operator can tell from the log, the terminal, and the setup
// page that the server uses another database than intended.
// TestDatabaseFilesAreForTheirOwnerOnly runs the program with the usual umask, on a new database and on
// one that others could read.
func TestDatabaseFilesAreForTheirOwnerOnly(t *testing.T) {
	before := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(before) })
	env := sqliteEnv(t)
	file, _ := models.SQLiteFile(env["DATABASE_URL"])
	check := func(when string, names ...string) {
		t.Helper()
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				t.Error(err)
			} else if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("%s: mode of %s = %o, want 600", when, filepath.Base(name), got)
			}
		}
	}
	all := []string{file, file + "-wal", file + "-shm"}
	for _, when := range []string{"new database", "existing database"} {
		s := startProcess(t, env)
		s.waitUntilReady()
		check(when, all...)
		s.kill() // leaves all files behind
		<-s.ended
		s.ended <- 0
		for _, name := range all {
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if migrated := skipup(t, env, "migrate"); migrated.code != 0 {
		t.Fatal(migrated.stderr)
	}
	check("after a command", file)
}

func TestServeNamesTheDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		want, _ := models.SQLiteFile(env["DATABASE_URL"])
		want = "sqlite:" + want
		if _, isSQLite := models.SQLiteFile(env["DATABASE_URL"]); !isSQLite {
			want = "postgres://"
		}
		s := startProcess(t, env)
		s.waitUntilReady()
		if _, body := s.get(s.setupLink()); !strings.Contains(body, want) {
			t.Errorf("setup page lacks %s:\n%s", want, body)
		}
		if status, body := s.get(path.SignIn); status != http.StatusServiceUnavailable || !strings.Contains(body, "Check DATABASE_URL") {
			t.Errorf("sign-in page before setup: status = %d, want 503 and advice to check DATABASE_URL", status)
		}
		s.stop()
		if want := "This database is empty: " + want; !strings.Contains(s.stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, s.stdout)
		}
		if want := `"database":"` + want; !strings.Contains(s.stderr.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, s.stderr)
		}
	})
}

func TestServePurgesExpiredRows(t *testing.T) {
	t.Parallel()
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
		t.Fatalf("%d setup links before the start, want 1", count)
	}
	serve(t, env)
	eventually(t, "the expired setup link was not purged", func() bool { return links() == 0 })
}

func TestServeDeletesScheduledKeys(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	workspace := newWorkspace(t, env)
	newKey(t, env, workspace, "CI", "seats.read")
	id := listJSON(t, env, workspace)[0]["id"].(string)
	store, err := models.Open(env["DATABASE_URL"], models.Options{Clock: func() time.Time { return time.Now().Add(-models.DeletionDelay - time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.ScheduleDeletion(context.Background(), workspace, id, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	serve(t, env)
	eventually(t, "the key was not deleted when it was due", func() bool {
		key, err := store.APIKey(context.Background(), workspace, id)
		return err == nil && key.DeletionEffectiveAt != nil
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	env["SKIPUP_SHUTDOWN_DELAY"] = "5s"
	s := startProcess(t, env)
	s.waitUntilReady()
	eventually(t, "the node isn't ready", func() bool {
		status, _ := s.get("/readyz")
		return status == http.StatusOK
	})
	s.terminate()
	eventually(t, "the node is still ready", func() bool {
		status, text := s.get("/readyz")
		return status == http.StatusServiceUnavailable && text == "stopping\n"
	})
	response, err := http.Get(s.url + path.HealthLive)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status of %s during the delay = %d, want 200", path.HealthLive, response.StatusCode)
	}
	if !response.Close {
		t.Error("the connection stays open after a response during the delay")
	}
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code = %d, want 0", code)
	}
}

func TestDrainDelaysOnlyTermination(t *testing.T) {
	for cause, want := range map[error]time.Duration{errTerminated: time.Minute, context.Canceled: 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			serving, start := drain(ctx, time.Minute, slog.New(slog.DiscardHandler)), time.Now()
			cancel(cause)
			<-serving.Done()
			if took := time.Since(start); took != want {
				t.Errorf("after %v: served for %v, want %v", cause, took, want)
			}
		})
	}
}
