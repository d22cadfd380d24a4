package torture

import (
	"context"
	"os"
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestEarlierVersionBesideThisOne runs nodes of an earlier version beside nodes of this one on an upgraded
// database, before and after the upgrade is finished. It needs a binary of a version that doesn't
// acknowledge changes to keys, in TORTURE_EARLIER_BINARY.
func TestEarlierVersionBesideThisOne(t *testing.T) {
	earlier := os.Getenv("TORTURE_EARLIER_BINARY")
	if earlier == "" {
		t.Skip("TORTURE_EARLIER_BINARY is not set")
	}
	c := newCluster(t, startPostgres(t), "postgres", build(t, skipup, "skipup"), 2, shortLease)
	c.postgres.exec("ALTER TABLE revocation DISABLE TRIGGER revocation_checked")
	c.postgres.exec("UPDATE revocation SET lease_ms = 500, wait_ms = 500") // as the migration leaves it
	c.postgres.exec("ALTER TABLE revocation ENABLE TRIGGER revocation_checked")
	for range 2 {
		c.servers = append(c.servers, startServer(t, len(c.servers), earlier, c.postgres, "postgres"))
	}
	c.nodes = c.servers
	for _, n := range c.nodes {
		n.awaitReady()
	}
	w := c.startWorkload(seedOf(t))
	w.await(2 * enoughOperations)
	before := c.len()
	if err := c.store.FinishUpgrade(context.Background()); err != nil {
		t.Error(err)
	}
	w.await(2 * enoughOperations)
	w.stop()
	if c.check(t, porcupine.Ok) {
		t.Logf("%d operations during the upgrade and %d after it are legal", before, c.len()-before)
	}
}
