package torture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// node is a program that verifies keys, with a proxy of its own between it and the source of its keys: a
// server (`skipup serve`) with the database, or a remote node (the sample cmd/orders) with the servers.
type node struct {
	t       *testing.T
	number  int
	command []string
	env     []string
	path    string // needs the verified scopes
	accepts int    // the status of responses there to requests with a valid key
	proxy   *proxy
	log     string
	process *exec.Cmd

	mu      sync.Mutex
	address string
}

// startServer starts a server on a database. Requests to its path don't need the database.
func startServer(t *testing.T, number int, binary string, p *postgres, database string, env ...string) *node {
	t.Helper()
	n := &node{
		t: t, number: number, command: []string{binary, "serve", "--shutdown-delay", "0s"},
		path: "/api/v1/meeting_requests?limit=0", accepts: http.StatusUnprocessableEntity,
		proxy: newProxy(t, p.address), log: filepath.Join(t.TempDir(), "log"),
	}
	n.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + p.url(database, n.proxy.port()), "SKIPUP_ADDR=127.0.0.1:0",
		"SKIPUP_KEY_RATE_LIMIT=0", "SKIPUP_GUESS_RATE_LIMIT=0", "SKIPUP_MAX_KEYS=0", "SKIPUP_KEY_CREATION_LIMIT=0",
	}, env...)
	n.start()
	t.Cleanup(n.kill)
	return n
}

// startRemote starts a remote node. Each of its connections leads to the next of the servers, as behind a load
// balancer.
func startRemote(t *testing.T, number int, binary, credential string, servers []*node) *node {
	t.Helper()
	var connections atomic.Int64
	next := func() string {
		server := servers[int(connections.Add(1))%len(servers)]
		return strings.TrimPrefix(server.url(), "http://")
	}
	n := &node{
		t: t, number: number, path: "/orders", accepts: http.StatusOK,
		proxy: newProxy(t, next), log: filepath.Join(t.TempDir(), "log"),
	}
	n.command = []string{binary, "-addr", "127.0.0.1:0", "-server", fmt.Sprintf("http://127.0.0.1:%d", n.proxy.port())}
	n.env = []string{"SKIPUP_NODE_TOKEN=" + credential}
	n.start()
	t.Cleanup(n.kill)
	return n
}

var addressPattern = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// start starts the node and waits until it has printed its address. A node exits if the source of its
// keys is down, and is started again.
func (n *node) start() {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := n.tryStart()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			n.t.Errorf("start node %d: %v", n.number, err)
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
	process := exec.Command(n.command[0], n.command[1:]...)
	process.Env, process.Stderr = n.env, log
	output, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	address := ""
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		address = addressPattern.FindString(lines.Text())
	}
	if address == "" {
		_ = process.Process.Kill()
		return errors.Join(process.Wait(), errors.New("no address in the output"))
	}
	n.mu.Lock()
	n.process, n.address = process, address
	n.mu.Unlock()
	return nil
}

func (n *node) url() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

func (n *node) signal(s syscall.Signal) { _ = n.process.Process.Signal(s) }

// kill ends the node at once, even if it is stopped.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	_ = n.process.Wait()
}

// quit shuts the node down cleanly.
func (n *node) quit() {
	n.signal(syscall.SIGTERM)
	_ = n.process.Wait()
}

func (n *node) isReady() bool {
	status, _ := n.ready()
	return status == http.StatusOK || status == http.StatusNoContent
}

// ready returns the response about the readiness of the node; 0 if there is none.
func (n *node) ready() (status int, body string) {
	response, err := http.Get(n.url() + "/readyz")
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// says reports whether the readiness of the node mentions a problem.
func (n *node) says(problem string) bool {
	_, body := n.ready()
	return strings.Contains(body, problem)
}

// awaitReady waits until the node is ready, and returns how long that took.
func (n *node) awaitReady() time.Duration {
	start := time.Now()
	for !n.isReady() {
		if time.Since(start) > patience {
			n.t.Errorf("node %d is not ready after %v", n.number, patience)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// descriptors returns the number of files and connections that the node has open.
func (n *node) descriptors() int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.Process.Pid))
	return len(open)
}

// logged returns the log of the node without the lines of requests, except for those that failed on its end.
func (n *node) logged() string {
	var lines []string
	for line := range strings.Lines(n.readLog(0)) {
		if !strings.Contains(line, `"msg":"request"`) || strings.Contains(line, `"status":500`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// readLog returns the log of the node from an offset on.
func (n *node) readLog(offset int) string {
	text, _ := os.ReadFile(n.log)
	return string(text[min(offset, len(text)):])
}
