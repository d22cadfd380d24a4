package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
)

// TestRollingRestart restarts three nodes one after the other, behind load balancers with the configurations in
// the documentation, while clients send requests. None may fail.
//
// With EARLIER_PROGRAM, the path of an earlier version, the nodes first run that program and are upgraded one by
// one. The first one then goes back to it.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("proxies are skipped with -short")
	}
	env := map[string]string{
		"DATABASE_URL": modelstest.PostgreSQLURL(t), "SKIPUP_TRUSTED_PROXIES": "127.0.0.1", "SKIPUP_SHUTDOWN_DELAY": "1s",
		"SKIPUP_KEY_RATE_LIMIT": "0", "SKIPUP_KEY_CREATION_LIMIT": "0", "SKIPUP_MAX_KEYS": "0",
	}
	earlier := os.Getenv("EARLIER_PROGRAM")
	first := cmp.Or(earlier, os.Args[0])
	var nodes []*rollingNode
	for range 3 {
		nodes = append(nodes, startRollingNode(t, first, env))
	}
	key := newRollingKey(t, first, env)
	load := startLoad(t, balance(t, nodes), key)
	load.await(nodes...)
	for _, node := range nodes {
		node.restart(os.Args[0])
		load.await(node)
	}
	if earlier != "" {
		nodes[0].restart(earlier)
		load.await(nodes...)
	}
	load.stop()
}

// rollingNode is a node with a fixed address.
type rollingNode struct {
	t       *testing.T
	address string
	env     map[string]string
	server  *testServer
}

func startRollingNode(t *testing.T, program string, env map[string]string) *rollingNode {
	t.Helper()
	n := &rollingNode{t: t, address: freeAddress(t), env: env}
	n.start(program)
	return n
}

func (n *rollingNode) start(program string) {
	n.t.Helper()
	n.server = startBinary(n.t, program, n.env, "serve", "--addr", n.address)
	n.server.waitUntilReady()
}

// restart stops the node like a service manager, and starts it again as a program.
func (n *rollingNode) restart(program string) {
	n.t.Helper()
	if code := n.server.stop(); code != exitOK {
		n.t.Errorf("exit code = %d, want 0\nstderr: %s", code, n.server.stderr)
	}
	n.start(program)
}

// newRollingKey creates a workspace with an admin and a key, with the commands of a program.
func newRollingKey(t *testing.T, program string, env map[string]string) string {
	t.Helper()
	create := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), asProgram+"=1", "DATABASE_URL="+env["DATABASE_URL"])
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("skipup %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	create(modelstest.Password+"\n", "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
	return create("", "keys", "create", "--name", "CI", "--scopes", "api_keys.read,api_keys.write")
}

// balance starts load balancers in front of nodes, and returns their URLs by name.
func balance(t *testing.T, nodes []*rollingNode) map[string]string {
	t.Helper()
	edits := []string{"inter 1s", "inter 100ms", "health_interval 1s", "health_interval 100ms", "keepalive_timeout 3s", "keepalive_timeout 200ms"}
	for i, node := range nodes {
		edits = append(edits, fmt.Sprintf("10.0.0.%d:8080", 11+i), node.address, fmt.Sprintf("node-%d:8080", 1+i), node.address)
	}
	urls := map[string]string{}
	for _, balancer := range []struct {
		name, folder, file string
		edits              []string
		start              func(dir string) *exec.Cmd
	}{
		{"nginx", "load-balancers", "nginx.conf", nil, runNginx},
		{"HAProxy", "load-balancers", "haproxy.cfg", nil, runHAProxy},
		{"HAProxy in TCP mode", "load-balancers", "haproxy.cfg", []string{"mode http", "mode tcp", "option forwardfor", ""}, runHAProxy},
		{"Caddy", "compose/three-nodes", "Caddyfile", nil, runCaddy},
	} {
		address := freeAddress(t)
		edits := slices.Concat(edits, balancer.edits, []string{"127.0.0.1:8000", address, "{$HOST}", "http://" + address})
		dir := configureProxy(t, "operations/"+balancer.folder, []string{balancer.file}, strings.NewReplacer(edits...))
		startProxy(t, balancer.start(dir), address)
		urls[balancer.name] = "http://" + address
	}
	return urls
}

// load is what clients of load balancers do until it is stopped: some send requests on a connection that stays open,
// others open one for each request, and one after the other creates and deletes a key.
type load struct {
	t       *testing.T
	key     string
	clients []*loadClient
	done    chan struct{}
	running sync.WaitGroup
	sent    atomic.Int64

	mu     sync.Mutex
	failed map[string][]string // by client
}

// loadClient sends requests through a load balancer.
type loadClient struct {
	load               *load
	name, address, url string
	http               *http.Client
}

func startLoad(t *testing.T, balancers map[string]string, key string) *load {
	t.Helper()
	l := &load{t: t, key: key, done: make(chan struct{}), failed: map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(balancers)) {
		for _, connections := range []string{"open", "new"} {
			address := fmt.Sprintf("192.0.2.%d", 1+len(l.clients))
			if name == "Caddy" {
				address = "127.0.0.1" // Caddy doesn't trust what clients say
			}
			l.clients = append(l.clients, &loadClient{
				load: l, name: name + " with " + connections + " connections", address: address, url: balancers[name],
				http: &http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: connections == "new"}},
			})
		}
	}
	for _, c := range l.clients {
		l.running.Go(func() { l.each(60*time.Millisecond, c.request) })
	}
	l.running.Go(func() { l.each(50*time.Millisecond, l.change) })
	t.Cleanup(l.stop)
	return l
}

// each calls do at most once in a period, until the load is stopped.
func (l *load) each(period time.Duration, do func(n int)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.done:
			return
		case <-ticker.C:
			do(n)
		}
	}
}

// await waits until each of nodes has served requests from all clients without an open connection.
func (l *load) await(nodes ...*rollingNode) {
	l.t.Helper()
	for _, node := range nodes {
		for _, c := range l.clients {
			if strings.HasSuffix(c.name, "new connections") {
				eventually(l.t, "the node gets no requests from "+c.name, func() bool {
					return strings.Contains(node.server.stderr.String(), `"address":"`+c.address+`"`)
				})
			}
		}
	}
}

// stop stops the load and fails the test if a request failed.
func (l *load) stop() {
	l.t.Helper()
	select {
	case <-l.done:
		return
	default:
	}
	close(l.done)
	l.running.Wait()
	l.t.Logf("%d requests", l.sent.Load())
	for name, failed := range l.failed {
		l.t.Errorf("%s: %d requests failed, such as\n%s", name, len(failed), strings.Join(failed[:min(len(failed), 5)], "\n"))
	}
}

// request sends a GET or a POST request. Nothing sends the latter twice.
func (c *loadClient) request(n int) {
	if n%2 == 0 {
		c.send(http.MethodGet, "/api/v1/me", c.load.key, "", http.StatusOK)
	} else {
		c.send(http.MethodPost, "/api/v1/api_keys", c.load.key, "[]", http.StatusUnprocessableEntity)
	}
}

// change creates and deletes a key. No node accepts it any more.
func (l *load) change(n int) {
	client := func(i int) *loadClient { return l.clients[(n+i)%len(l.clients)] }
	created, ok := client(0).send(http.MethodPost, "/api/v1/api_keys", l.key, `{"name":"Short-lived"}`, http.StatusCreated)
	if !ok {
		return
	}
	id, secret := stringIn(created, `"id":"`), stringIn(created, `"key":"`)
	client(1).send(http.MethodGet, "/api/v1/me", secret, "", http.StatusOK)
	if _, ok := client(2).send(http.MethodDelete, "/api/v1/api_keys/"+id, l.key, "", http.StatusNoContent); ok {
		client(3).send(http.MethodGet, "/api/v1/me", secret, "", http.StatusUnauthorized)
	}
}

func stringIn(body, after string) string {
	_, rest, _ := strings.Cut(body, after)
	found, _, _ := strings.Cut(rest, `"`)
	return found
}

// send sends a request and reports whether the response has a status.
func (c *loadClient) send(method, path, key, body string, want int) (answer string, ok bool) {
	start := time.Now()
	c.load.sent.Add(1)
	status, answer, err := c.try(method, path, key, body)
	if err == nil && status == want {
		return answer, true
	}
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	c.load.failed[c.name] = append(c.load.failed[c.name], fmt.Sprintf("%s %s after %v: status = %d, want %d; error = %v: %s", method, path, time.Since(start), status, want, err, answer))
	return "", false
}

func (c *loadClient) try(method, path, key, body string) (status int, answer string, err error) {
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("X-Forwarded-For", c.address)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
