package torture

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program builds the program once for each set of tags.
var program = struct {
	sync.Mutex
	dir   string
	built map[string]string
}{built: map[string]string{}}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

func build(t *testing.T, tags string) string {
	t.Helper()
	program.Lock()
	defer program.Unlock()
	if path := program.built[tags]; path != "" {
		return path
	}
	if program.dir == "" {
		dir, err := os.MkdirTemp("", "torture-bin-")
		if err != nil {
			t.Fatal(err)
		}
		program.dir = dir
	}
	path := filepath.Join(program.dir, "skipup-"+tags)
	command := exec.Command("go", "build", "-tags", tags, "-o", path, "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	program.built[tags] = path
	return path
}

// node is one `skipup serve` behind a proxy of its own.
type node struct {
	t       *testing.T
	number  int
	binary  string
	env     []string
	proxy   *proxy
	log     string
	process *exec.Cmd

	mu      sync.Mutex
	address string
}

func newNode(t *testing.T, number int, binary string, c *cluster, env ...string) *node {
	t.Helper()
	n := &node{t: t, number: number, binary: binary, proxy: newProxy(t, c.port), log: filepath.Join(t.TempDir(), "log")}
	n.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + c.url(n.proxy.port()), "SKIPUP_ADDR=127.0.0.1:0",
		"SKIPUP_KEY_RATE_LIMIT=0", "SKIPUP_GUESS_RATE_LIMIT=0",
	}, env...)
	n.start()
	t.Cleanup(n.kill)
	return n
}

var addressLine = regexp.MustCompile(`SkipUp Keys is running at (http://\S+)`)

// start starts the node and returns when it has said where it listens. While the database is
// away it ends at once, and is started again.
func (n *node) start() {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := n.tryStart()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			n.t.Errorf("node %d does not start: %v", n.number, err)
			return
		}
	}
}

func (n *node) tryStart() error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	process := exec.Command(n.binary, "serve")
	process.Env, process.Stderr = n.env, log
	output, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	found := addressLine.FindStringSubmatch(line)
	if err != nil || found == nil {
		_ = process.Process.Kill()
		return errors.Join(err, process.Wait(), fmt.Errorf("it says %q", line))
	}
	n.mu.Lock()
	n.process, n.address = process, found[1]
	n.mu.Unlock()
	return nil
}

func (n *node) url() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

func (n *node) signal(s syscall.Signal) { _ = n.process.Process.Signal(s) }

// kill ends the node at once, also while it is stopped.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	_ = n.process.Wait()
}

// quit has the node finish what it does and end.
func (n *node) quit() {
	n.signal(syscall.SIGTERM)
	_ = n.process.Wait()
}

func (n *node) isReady() bool {
	answer, err := http.Get(n.url() + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// awaitReady returns how long it took the node to be ready.
func (n *node) awaitReady(atMost time.Duration) time.Duration {
	start := time.Now()
	for !n.isReady() {
		if time.Since(start) > atMost {
			n.t.Errorf("node %d is not ready after %v", n.number, atMost)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// descriptors is how many files and connections the node has open.
func (n *node) descriptors() int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.Process.Pid))
	return len(open)
}

// logged is what the node has logged, without the lines of single requests.
func (n *node) logged() string {
	text, _ := os.ReadFile(n.log)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"msg":"request"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
