package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/skipup/keys/handlers"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote"
)

// databases returns the URLs of the databases to measure: SQLite, and PostgreSQL if PGHOST is set.
func databases(dir string) map[string]string {
	urls := map[string]string{"SQLite": "sqlite:" + filepath.Join(dir, "bench.db")}
	if os.Getenv("PGHOST") != "" {
		urls["PostgreSQL"] = "postgres:///"
	}
	return urls
}

// deletionCase is a situation in which deletions are measured, with the goals.
type deletionCase struct {
	database      string
	nodes         int
	remote        int // further nodes, which ask the servers over HTTP
	verifications int // per second, by all nodes together
	p50, p99      time.Duration
}

var deletionCases = []deletionCase{
	{"SQLite", 1, 0, 0, 5 * time.Millisecond, 25 * time.Millisecond},
	{"SQLite", 1, 2, 0, 25 * time.Millisecond, 50 * time.Millisecond},
	{"SQLite", 3, 0, 0, maxUnhinted, maxUnhinted}, // only the first node gets hints
	{"PostgreSQL", 3, 0, 0, 10 * time.Millisecond, 50 * time.Millisecond},
	{"PostgreSQL", 3, 2, 0, 25 * time.Millisecond, 100 * time.Millisecond},
	{"PostgreSQL", 3, 0, 2000, 10 * time.Millisecond, 50 * time.Millisecond},
}

const (
	deletions = 100
	// maxUnhinted is the goal where nodes find out about changes only by polling every 250 ms.
	maxUnhinted = 300 * time.Millisecond
)

// measureDeletions prints how long a deletion takes, also beside other work and when a node is stopped.
func measureDeletions(ctx context.Context, p plan) error {
	if !p.includes("deletions") {
		return nil
	}
	fmt.Printf("\n%d deletions, one after the other\n", deletions)
	return onEachDatabase(func(name, url string) error {
		for _, c := range deletionCases {
			if c.database != name {
				continue
			}
			if err := c.measure(ctx, url); err != nil {
				return err
			}
		}
		return measureStoppedNode(ctx, name, url)
	})
}

// measure prints the median and the 99th percentile of the duration of a deletion.
func (c deletionCase) measure(ctx context.Context, url string) error {
	times, err := c.deleteKeys(ctx, url)
	if err != nil {
		return err
	}
	slices.Sort(times)
	p50, p99 := times[len(times)/2], times[len(times)*99/100]
	fmt.Printf("  %-10s %d nodes, %d over HTTP, %4d verifications per second: p50 %v, p99 %v  %s\n", c.database, c.nodes, c.remote, c.verifications,
		p50.Round(100*time.Microsecond), p99.Round(100*time.Microsecond),
		verdict(p50 <= c.p50 && p99 <= c.p99, fmt.Sprintf("p50 at most %v, p99 at most %v", c.p50, c.p99)))
	return nil
}

// measureStoppedNode prints how long the first and the second deletion take if a node is stopped.
func measureStoppedNode(ctx context.Context, database, url string) error {
	f, err := startNodes(ctx, url, 2)
	if err != nil {
		return err
	}
	defer f.stop()
	if _, err := f.store.RegisterNode(ctx, models.NewNode{Name: "stopped", StartedAt: time.Now()}); err != nil {
		return err
	}
	lease, err := f.store.Lease(ctx)
	if err != nil {
		return err
	}
	first, err := f.deleteOne(ctx)
	if err != nil {
		return err
	}
	second, err := f.deleteOne(ctx)
	if err != nil {
		return err
	}
	limit := lease.ChangeTime() + 100*time.Millisecond
	fmt.Printf("  %-10s one of three nodes stopped: first %v, second %v  %s\n", database, first.Round(time.Millisecond), second.Round(time.Millisecond),
		verdict(first <= limit && second <= maxUnhinted, fmt.Sprintf("first at most %v, second at most %v", limit, maxUnhinted)))
	return nil
}

// onEachDatabase calls measure for every database.
func onEachDatabase(measure func(name, url string) error) error {
	dir, err := os.MkdirTemp("", "skipup-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all := databases(dir)
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		url, ok := all[name]
		if !ok {
			fmt.Printf("  %-10s skipped: PGHOST is not set\n", name)
			continue
		}
		if err := measure(name, url); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// nodes are nodes on one database. The store of the first makes the changes.
type nodes struct {
	store     *models.Store
	workspace string
	handlers  []http.Handler // accept a request if its key is valid
	servers   []http.Handler // the whole product
	stop      func()
}

// startNodes starts nodes and waits until they may verify keys from memory.
func startNodes(ctx context.Context, url string, count int) (n *nodes, err error) {
	store, workspace, err := newStore(ctx, url)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	stores := []*models.Store{store}
	n = &nodes{store: store, workspace: workspace, stop: func() {
		cancel()
		work.Wait()
		for _, s := range stores {
			_ = s.Close()
		}
	}}
	for i := range count {
		node := store
		if i > 0 {
			if node, err = models.Open(url, models.Options{MaxAPIKeys: -1, KeyCreations: -1}); err != nil {
				n.stop()
				return nil, err
			}
			stores = append(stores, node)
		}
		gate := web.NewKeyGate(node, web.GateOptions{Log: quiet, Node: models.NewNode{Name: fmt.Sprint("node-", i), StartedAt: time.Now()}})
		work.Go(func() { gate.Run(running) })
		if err := awaitReady(ctx, gate); err != nil {
			n.stop()
			return nil, err
		}
		server := echo.New()
		server.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, gate.Guard)
		n.handlers = append(n.handlers, server)
		n.servers = append(n.servers, handlers.New(node, gate, web.Options{PublicURL: "http://bench", Log: quiet}))
	}
	return n, nil
}

// startRemote starts nodes that ask the servers in turn, until stop is called.
func (n *nodes) startRemote(ctx context.Context, count int) (stop func(), err error) {
	_, secret, err := n.store.CreateNodeToken(ctx, fmt.Sprint("bench-", time.Now().UnixNano()), "")
	if err != nil {
		return nil, err
	}
	var stops []func()
	stop = func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}
	for i := range count {
		server := httptest.NewServer(n.servers[(i+1)%len(n.servers)])
		stops = append(stops, server.Close)
		source, err := remote.New(server.URL, secret.Reveal(), remote.Options{})
		if err != nil {
			stop()
			return nil, err
		}
		gate, err := keyauth.Open(ctx, source, func(o *keyauth.GateOptions) { o.Node.Name = fmt.Sprint("remote-", i) })
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, func() { _ = gate.Close(context.WithoutCancel(ctx)) })
	}
	return stop, nil
}

// awaitReady waits until a gate holds a lease.
func awaitReady(ctx context.Context, gate *web.KeyGate) error {
	for !gate.Ready() {
		time.Sleep(time.Millisecond)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// deleteKeys returns the duration of each deletion.
func (c deletionCase) deleteKeys(ctx context.Context, url string) ([]time.Duration, error) {
	n, err := startNodes(ctx, url, c.nodes)
	if err != nil {
		return nil, err
	}
	defer n.stop()
	stopRemote, err := n.startRemote(ctx, c.remote)
	if err != nil {
		return nil, err
	}
	defer stopRemote()
	stopVerifying, err := n.verify(ctx, c.verifications)
	if err != nil {
		return nil, err
	}
	defer stopVerifying()
	times := make([]time.Duration, deletions)
	for i := range times {
		if times[i], err = n.deleteOne(ctx); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// verify sends a number of requests per second to the nodes in turn until stop is called.
func (n *nodes) verify(ctx context.Context, perSecond int) (stop func(), err error) {
	_, secret, err := n.store.CreateAPIKey(ctx, n.workspace, models.NewAPIKey{Name: "Busy"})
	if err != nil || perSecond == 0 {
		return func() {}, err
	}
	running, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		limit := rate.NewLimiter(rate.Limit(perSecond), 20)
		for i := 0; limit.Wait(running) == nil; i++ {
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			request.Header.Set(echo.HeaderAuthorization, "Bearer "+secret.Reveal())
			n.handlers[i%len(n.handlers)].ServeHTTP(httptest.NewRecorder(), request)
		}
	})
	return func() { cancel(); work.Wait() }, nil
}

// deleteOne creates a key and returns how long it takes to delete it.
func (n *nodes) deleteOne(ctx context.Context) (time.Duration, error) {
	key, _, err := n.store.CreateAPIKey(ctx, n.workspace, models.NewAPIKey{Name: "Bench"})
	if err != nil {
		return 0, err
	}
	start := time.Now()
	_, err = n.store.DeleteAPIKey(ctx, n.workspace, key.ID, models.NoConfirmation)
	return time.Since(start), err
}

// newStore opens a Store, migrates it, and creates a workspace.
func newStore(ctx context.Context, url string) (*models.Store, string, error) {
	store, err := models.Open(url, models.Options{MaxAPIKeys: -1, KeyCreations: -1})
	if err != nil {
		return nil, "", err
	}
	if _, err := store.Migrate(ctx); err != nil {
		return nil, "", errors.Join(err, store.Close())
	}
	workspace, _, err := store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Bench", AdminEmail: fmt.Sprintf("bench%d@example.com", time.Now().UnixNano()), AdminName: "Bench", Password: "a long enough passphrase",
	})
	if err != nil {
		return nil, "", errors.Join(err, store.Close())
	}
	return store, workspace.ID, nil
}
