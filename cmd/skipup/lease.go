package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const leaseHelp = `The lease is how long a node may verify keys from memory after it has read the changes from the
database. A node reads them four times per lease. Deleting a key, or changing what it may do, takes
one lease plus 5%: then the change is in effect on all nodes. A shorter lease makes deletions faster
and puts more load on the database. The lease is stored in the database and applies to all nodes.`

func (p *program) lease() *cobra.Command {
	cmd := &cobra.Command{Use: "lease", Short: "Show or set the cache lease", Long: leaseHelp}
	return p.group(cmd, p.leaseShow(), p.leaseSet())
}

func (p *program) leaseShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Show the cache lease", Long: leaseHelp}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the lease and the time a deletion takes, in milliseconds")
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error { return p.printLease(ctx, store, asJSON) })
	})
}

// leaseJSON is the output of lease show --json.
type leaseJSON struct {
	LeaseMS    int64 `json:"lease_ms"`
	DeletionMS int64 `json:"deletion_ms"`
	Changes    int64 `json:"changes"`
}

func (p *program) printLease(ctx context.Context, store *models.Store, asJSON bool) error {
	lease, err := store.Lease(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(leaseJSON{lease.Length.Milliseconds(), lease.ChangeTime().Milliseconds(), lease.Epoch})
	}
	if lease.Wait > lease.Length {
		return p.printf("The lease is %s. Deletions still take %s because of an earlier, longer lease. To end that, set the lease again.", lease.Length, lease.ChangeTime())
	}
	return p.printf("The lease is %s. A deletion takes %s.", lease.Length, lease.ChangeTime())
}

func (p *program) leaseSet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set DURATION",
		Short: "Set the cache lease",
		Long: leaseHelp + `

You can shorten the lease while nodes are running. The command waits until no node holds a longer
lease; until then, deletions take as long as before. If you interrupt it, deletions stay that slow
until you set the lease again.`,
		Example: `  skipup lease set 250ms`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("enter the length of the lease, such as 250ms or 1s")
			}
			return nil
		},
	}
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption)
		wrong, _ := err.(usageErrors)
		length, err := time.ParseDuration(args[0])
		if err != nil {
			wrong.add("enter the lease as a duration, such as 250ms or 1s")
		}
		if err := wrong.err(); err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			if err := store.SetLease(ctx, length); err != nil {
				return err
			}
			return p.printLease(ctx, store, false)
		})
	})
}
