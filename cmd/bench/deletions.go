package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// databases returns the URLs of the databases to measure: SQLite, and PostgreSQL if PGHOST is set.
func databases(dir string) map[string]string {
	urls := map[string]string{"SQLite": "sqlite:" + filepath.Join(dir, "bench.db")}
	if os.Getenv("PGHOST") != "" {
		urls["PostgreSQL"] = "postgres:///"
	}
	return urls
}

// measureDeletions prints how long a deletion takes with one node and with three nodes.
func measureDeletions(ctx context.Context, p plan) error {
	if !p.includes("deletions") {
		return nil
	}
	const deletions = 60
	fmt.Printf("\n%d deletions, four at a time\n", deletions)
	for _, nodes := range []int{1, 3} {
		err := onEachDatabase(func(name, url string) error {
			times, lease, err := deleteKeys(ctx, url, nodes, deletions)
			if err != nil {
				return err
			}
			slices.Sort(times)
			p50, p99 := times[len(times)/2], times[len(times)*99/100]
			fmt.Printf("  %-10s %d nodes, lease %v: p50 %v, p99 %v  %s\n", name, nodes, lease, p50.Round(time.Millisecond), p99.Round(time.Millisecond),
				verdict(p99 < lease+100*time.Millisecond, "p99 below the lease plus 100 ms"))
			return nil
		})
		if err != nil {
			return err
		}
	}
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

// deleteKeys deletes keys while nodes poll, and returns the duration of each deletion and the lease.
func deleteKeys(ctx context.Context, url string, nodes, count int) (times []time.Duration, lease time.Duration, err error) {
	store, workspaceID, err := newStore(ctx, url)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	polling, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	for n := range nodes {
		node := store
		if n > 0 { // the first one makes the deletions
			if node, err = models.Open(url, models.Options{MaxAPIKeys: -1, KeyCreations: -1}); err != nil {
				return nil, 0, err
			}
		}
		gate := web.NewKeyGate(node, web.GateOptions{Log: quiet, Node: models.NewNode{Name: fmt.Sprint("node-", n), StartedAt: time.Now()}})
		work.Go(func() {
			gate.Run(polling)
			if n > 0 {
				_ = node.Close()
			}
		})
		if err := awaitReady(ctx, gate); err != nil {
			return nil, 0, err
		}
	}
	current, err := store.Lease(ctx)
	if err != nil {
		return nil, 0, err
	}
	times, failed := make([]time.Duration, count), make([]error, count)
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := w; i < count; i += 4 {
				times[i], failed[i] = deleteOne(ctx, store, workspaceID)
			}
		})
	}
	workers.Wait()
	return times, current.Length, errors.Join(failed...)
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

func deleteOne(ctx context.Context, store *models.Store, workspaceID string) (time.Duration, error) {
	key, _, err := store.CreateAPIKey(ctx, workspaceID, models.NewAPIKey{Name: "Bench"})
	if err != nil {
		return 0, err
	}
	start := time.Now()
	_, err = store.DeleteAPIKey(ctx, workspaceID, key.ID, models.NoConfirmation)
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
