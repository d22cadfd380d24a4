package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// cluster is several servers on one database, remote nodes that reach it through them, and a client.
type cluster struct {
	t         *testing.T
	postgres  *postgres
	nodes     []*node       // the servers and the remote nodes
	servers   []*node       // have the API that changes keys
	remotes   []*node       // only verify keys
	victim    *node         // in the scenario of a mutant
	scopes    []string      // that verifications need
	store     *models.Store // connected to the database without a proxy
	workspace string
	admin     string // a key with every scope
	client    *http.Client
	*history
}

// The leases of nodes. The shorter one makes nodes that don't answer delay changes only a little.
const (
	longLease  = time.Second
	shortLease = 500 * time.Millisecond
)

// newCluster starts a number of servers of one build on a database, with a lease.
func newCluster(t *testing.T, p *postgres, database, binary string, servers int, lease time.Duration) *cluster {
	t.Helper()
	store, err := models.Open(p.url(database, p.port), models.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := &cluster{t: t, postgres: p, store: store, history: newHistory(), client: &http.Client{
		Timeout: 4 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	c.setUp(lease)
	for n := range servers {
		c.servers = append(c.servers, startServer(t, n, binary, p, database))
	}
	c.nodes = c.servers
	c.awaitPolls()
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.nodes {
				t.Logf("node %d:\n%.20000s", n.number, n.logged())
			}
		}
	})
	return c
}

// awaitPolls waits until all nodes are ready.
func (c *cluster) awaitPolls() {
	for _, n := range c.nodes {
		n.awaitReady()
		n.proxy.awaitPoll()
	}
}

// addRemotes starts a number of remote nodes of one build. Verifications then need a scope of theirs, too.
func (c *cluster) addRemotes(binary string, count int) {
	ctx := context.Background()
	text, err := os.ReadFile(filepath.Join(module, orders, "scopes.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	file, err := models.ParseScopeFile(text)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.store.ApplyScopes(ctx, file); err != nil {
		c.t.Fatal(err)
	}
	c.scopes = append(c.scopes, "orders.read")
	c.createAdmin(scope.All.With(c.neededScopes()))
	_, credential, err := c.store.CreateNodeToken(ctx, "orders", "")
	if err != nil {
		c.t.Fatal(err)
	}
	for range count {
		c.remotes = append(c.remotes, startRemote(c.t, len(c.servers)+len(c.remotes), binary, credential.Reveal(), c.servers))
	}
	c.nodes = slices.Concat(c.servers, c.remotes)
	c.awaitPolls()
}

// quit shuts down the remote nodes, and then the servers, which they need to store their counts.
func (c *cluster) quit() {
	each(c.remotes, (*node).quit)
	each(c.servers, (*node).quit)
}

// neededScopes returns the scopes that verifications need.
func (c *cluster) neededScopes() scope.Set {
	set, err := c.store.Scopes().ParseSet(c.scopes)
	if err != nil {
		c.t.Fatal(err)
	}
	return set
}

// setUp sets the lease and creates the workspace, and the key with which clients create keys.
func (c *cluster) setUp(lease time.Duration) {
	ctx := context.Background()
	if _, err := c.store.Migrate(ctx); err != nil {
		c.t.Fatal(err)
	}
	if err := c.store.SetLease(ctx, lease); err != nil {
		c.t.Fatal(err)
	}
	workspace, _, err := c.store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Torture", AdminEmail: "ada@example.com", AdminName: "Ada", Password: "a long enough passphrase",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.workspace, c.scopes = workspace.ID, []string{"meeting_requests.read"}
	c.createAdmin(scope.All)
}

// createAdmin creates the key with which clients create and delete keys.
func (c *cluster) createAdmin(scopes scope.Set) {
	_, secret, err := c.store.CreateAPIKey(context.Background(), c.workspace, models.NewAPIKey{Name: "Admin", Scopes: scopes})
	if err != nil {
		c.t.Fatal(err)
	}
	c.admin = secret.Reveal()
}

// key is a key that clients use.
type key struct {
	id, text  string
	sent      atomic.Int64 // requests, with or without a response
	responses atomic.Int64
	busy      atomic.Bool // a change is in progress, or its outcome is unknown
	deleted   atomic.Bool // the deletion has returned
	expires   int64
	current   state // after the last change that returned; written only by the owner of busy
}

// create creates a key through the API of a server. It returns nil if there was no response, because
// then the key is unknown.
func (c *cluster) create(server *node, expires time.Duration) *key {
	body := `{"name":"Torture","scopes":["` + strings.Join(c.scopes, `","`) + `"]`
	to := state{Alive: true, Scoped: true, Expires: never}
	if expires > 0 {
		at := time.Now().Add(expires).Truncate(time.Second).Add(time.Second)
		body += `,"expires_at":"` + at.UTC().Format(time.RFC3339) + `"`
		to.Expires = at.UnixMilli()
	}
	call := c.now()
	status, text := c.send(server, http.MethodPost, "/api/v1/api_keys", c.admin, body+"}")
	var created struct {
		Data struct{ ID, Key string }
	}
	if status != http.StatusCreated || json.Unmarshal([]byte(text), &created) != nil {
		return nil
	}
	k := &key{id: created.Data.ID, text: created.Data.Key, expires: to.Expires, current: to}
	c.change(k.id, to, call, done)
	return k
}

// verify sends a node a request with a key that needs the scopes but not the database.
func (c *cluster) verify(n *node, k *key) (out response, ok bool) {
	call, from := c.now(), time.Now().UnixMilli()
	k.sent.Add(1)
	status, text := c.send(n, http.MethodGet, n.path, k.text, "")
	switch status {
	case n.accepts:
		out = accepted
	case http.StatusForbidden:
		out = lacksScope
	case http.StatusUnauthorized, http.StatusTooManyRequests: // with too many invalid keys
		out = rejected
	case 0, http.StatusServiceUnavailable:
		return "", false
	default:
		c.t.Errorf("node %d: status = %d: %s", n.number, status, text)
		return "", false
	}
	k.responses.Add(1)
	c.verified(k.id, call, from, out)
	return out, true
}

// delete deletes a key through the API of a server. 404 is a success too: an earlier attempt has
// deleted the key.
func (c *cluster) delete(server *node, k *key) outcome {
	call := c.now()
	status, _ := c.send(server, http.MethodDelete, "/api/v1/api_keys/"+k.id, c.admin, "")
	result := unknown
	if status == http.StatusNoContent || status == http.StatusNotFound {
		result = done
		k.deleted.Store(true)
	}
	c.change(k.id, state{}, call, result)
	return result
}

// rescope adds or removes the scopes of a key, in the database.
func (c *cluster) rescope(k *key, has bool) outcome {
	access, to := models.KeyAccess{}, k.current
	if to.Scoped = has; has {
		access.Scopes = c.neededScopes()
	}
	if k.expires != never {
		at := time.UnixMilli(k.expires)
		access.ExpiresAt = &at
	}
	return c.alter(k, to, func(ctx context.Context) error {
		row, err := c.store.APIKey(ctx, c.workspace, k.id)
		if err != nil {
			return err
		}
		_, err = c.store.ChangeAPIKeyAccess(ctx, c.workspace, k.id, row.Access(), access)
		return err
	})
}

// pause pauses a key for longer than the test takes, or resumes a paused key, in the database.
func (c *cluster) pause(k *key) outcome {
	to := k.current
	to.Paused = !to.Paused
	return c.alter(k, to, func(ctx context.Context) (err error) {
		if to.Paused {
			_, err = c.store.PauseAPIKey(ctx, c.workspace, k.id, time.Now().Add(24*time.Hour).Truncate(time.Second))
		} else {
			_, err = c.store.ResumeAPIKey(ctx, c.workspace, k.id)
		}
		return err
	})
}

// alter changes the state of a key. If the Store rejects the change, because the key has expired or
// is deleted, nothing has changed.
func (c *cluster) alter(k *key, to state, change func(context.Context) error) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	call, result := c.now(), done
	invalid := new(models.Error)
	switch err := change(ctx); {
	case errors.As(err, &invalid):
		result = undone
	case err != nil:
		result = unknown
	default:
		k.current = to
	}
	c.change(k.id, to, call, result)
	return result
}

// send returns the status of the response; 0 if there is none.
func (c *cluster) send(n *node, method, path, text, body string) (status int, content string) {
	request, err := http.NewRequest(method, n.url()+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	request.Header.Set("Authorization", "Bearer "+text)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(read)
}

// unknownKey returns a key that does not exist.
func unknownKey() *key {
	return &key{id: fmt.Sprint("unknown ", time.Now().UnixNano()), text: token.New(token.Live).Reveal()}
}
