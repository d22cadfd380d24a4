package torture

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestLostCommitIsNoticed checks what happens if an asynchronous standby takes over that lacks a change which all nodes
// have confirmed. The next change has the epoch of the lost one, and the first that other nodes see of the standby.
// They must not take it for the one they know: they drop all keys, those that either change concerns among them.
func TestLostCommitIsNoticed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		edits   []edit
		notices bool
	}{
		{"unmodified programs", nil, true},
		{"mutant that compares only epochs", []edit{{revocationFile, `	case changes.State == known:`, `	case changes.State.Epoch == known.Epoch:`}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "skipup"
			if tt.edits != nil {
				name = "compares_only_epochs"
			}
			p := startPostgres(t)
			c := newCluster(t, p, "postgres", build(t, skipup, name, tt.edits...), 2, outageLease)
			c.addRemotes(build(t, orders, "orders"), 1)
			resumed, deleted := c.newKey(), c.newKey()
			if _, err := c.store.PauseAPIKey(t.Context(), c.workspace, resumed.id, time.Now().Add(24*time.Hour)); err != nil {
				t.Fatal(err)
			}
			standby := p.newStandby()
			if _, err := c.store.ResumeAPIKey(t.Context(), c.workspace, resumed.id); err != nil { // is lost
				t.Fatal(err)
			}
			lost := c.epoch()
			others := []*node{c.servers[1], c.remotes[0]}
			for _, n := range others {
				for range 3 { // the last from memory
					c.mustRespond(n, resumed, accepted)
					c.mustRespond(n, deleted, accepted)
				}
				n.proxy.set(fault{cut: true})
			}
			p.failOver(standby)
			deletion := make(chan outcome, 1)
			go func() {
				result := unknown
				for start := time.Now(); result != done && time.Since(start) < patience; { // the connections to the primary are gone
					result = c.delete(c.servers[0], deleted)
				}
				deletion <- result
			}()
			for start := time.Now(); c.epoch() != lost; time.Sleep(time.Millisecond) {
				if time.Since(start) > patience {
					t.Fatalf("epoch = %d, want %d again", c.epoch(), lost)
				}
			}
			for _, n := range others {
				n.proxy.set(fault{})
			}
			if result := <-deletion; result != done {
				t.Fatalf("the deletion has the outcome %d, want %d", result, done)
			}
			for _, n := range others {
				for what, k := range map[string]*key{"deleted key": deleted, "key whose resumption was lost": resumed} {
					if got, _ := c.verify(n, k); (got == rejected) != tt.notices {
						t.Errorf("node %d: %s: response = %q, want the change noticed: %t", n.number, what, got, tt.notices)
					}
				}
			}
		})
	}
}

// newStandby returns the directory of a standby that receives nothing after this call.
func (p *postgres) newStandby() (dir string) {
	p.t.Helper()
	dir = filepath.Join(filepath.Dir(p.dir), "standby")
	out, err := p.command("pg_basebackup", "-d", p.url("postgres", p.port), "-D", dir, "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput()
	if err != nil {
		p.t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	return dir
}

// failOver crashes the server and starts a standby in its place.
func (p *postgres) failOver(standby string) {
	p.stop(syscall.SIGQUIT)
	p.dir = standby
	p.start()
}

// epoch returns the number of the last change; -1 if the database doesn't respond.
func (c *cluster) epoch() int64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	lease, err := c.store.Lease(ctx)
	if err != nil {
		return -1
	}
	return lease.Epoch
}

// mustRespond waits for the response of a node to a request with a key, which must be want.
func (c *cluster) mustRespond(n *node, k *key, want response) {
	c.t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(10 * time.Millisecond) {
		if got, ok := c.verify(n, k); ok {
			if got != want {
				c.t.Fatalf("node %d: response = %q, want %q", n.number, got, want)
			}
			return
		}
	}
	c.t.Fatalf("node %d doesn't respond", n.number)
}
