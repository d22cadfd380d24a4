package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const leaseHelp = `The lease is how long a node may verify keys from memory after it has read the changes from the
database, even if the database is unavailable. A change to a key returns when all nodes have confirmed
it, usually within milliseconds. If a node doesn't, the change waits one lease plus 5%. The lease is
stored in the database and applies to all nodes.`

func (p *program) lease() *cobra.Command {
	cmd := &cobra.Command{Use: "lease", Short: "Show or set the cache lease", Long: leaseHelp}
	return p.group(cmd, p.leaseShow(), p.leaseSet())
}

func (p *program) leaseShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Show the cache lease", Long: leaseHelp}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON object with the lease and the longest time that a deletion takes, in milliseconds")
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, _ []string) error {
		return p.printLease(ctx, store)
	})
}

// leaseJSON is the output of lease show --json.
type leaseJSON struct {
	LeaseMS    int64 `json:"lease_ms"`
	DeletionMS int64 `json:"deletion_ms"`
	Changes    int64 `json:"changes"`
}

func (p *program) printLease(ctx context.Context, store *models.Store) error {
	lease, err := store.Lease(ctx)
	if err != nil {
		return err
	}
	if p.asJSON {
		return p.printJSON(leaseJSON{lease.Length.Milliseconds(), lease.ChangeTime().Milliseconds(), lease.Epoch})
	}
	switch {
	case lease.Upgrading:
		return p.printf("The lease is %s, and every change to a key waits %s, because nodes of an earlier version may be running. Once all nodes run this version, run: skipup nodes finish-upgrade", lease.Length, lease.ChangeTime())
	case lease.Wait > lease.Length:
		return p.printf("The lease is %s. A change to a key waits %s for a node that doesn't confirm it, because of an earlier, longer lease. To end that, set the lease again.", lease.Length, lease.ChangeTime())
	}
	return p.printf("The lease is %s. A change to a key waits at most %s, if a node doesn't confirm it.", lease.Length, lease.ChangeTime())
}

func (p *program) leaseSet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set DURATION",
		Short: "Set the cache lease",
		Long: leaseHelp + `

A longer lease keeps keys working through a longer database outage. A change to a key then waits
longer for a node that has failed.

You can shorten the lease while nodes are running. The command waits until no node holds a longer
lease; until then, changes wait for the longer one. If you interrupt it, they do so until you set the
lease again.`,
		Example: `  skipup lease set 10s`,
		Args:    exactly(1, "enter the length of the lease, such as 5s or 1m"),
	}
	var length time.Duration
	cmd.PreRunE = func(_ *cobra.Command, args []string) (err error) {
		if length, err = time.ParseDuration(args[0]); err != nil {
			return errors.New("enter the lease as a duration, such as 5s or 1m")
		}
		return nil
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, _ []string) error {
		if err := store.SetLease(ctx, length); err != nil {
			return err
		}
		return p.printLease(ctx, store)
	})
}
