package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const leaseHelp = `A lease is how long a node may answer requests from memory after it has asked the database which
keys have changed. It asks four times within a lease. Deleting a key, or changing what it may do,
takes one lease and 5 %: then no node can answer by the old state any more. A shorter lease makes
deletions quicker and asks more of the database. It is one row in the database, the same for all
nodes.`

func (p *program) lease() *cobra.Command {
	cmd := &cobra.Command{Use: "lease", Short: "Show or set how long nodes answer from memory", Long: leaseHelp}
	return p.group(cmd, p.leaseShow(), p.leaseSet())
}

func (p *program) leaseShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Show the lease", Long: leaseHelp}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the lease and how long a deletion takes, in milliseconds")
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error { return p.answerLease(ctx, store, asJSON) })
	})
}

// shownLease is the lease as it is printed.
type shownLease struct {
	LeaseMS    int64 `json:"lease_ms"`
	DeletionMS int64 `json:"deletion_ms"`
	Changes    int64 `json:"changes"`
}

func (p *program) answerLease(ctx context.Context, store *models.Store, asJSON bool) error {
	lease, err := store.Lease(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(shownLease{lease.Length.Milliseconds(), lease.Takes().Milliseconds(), lease.Epoch})
	}
	if lease.Wait > lease.Length {
		return p.printf("The lease is %s. Deletions still take %s, because a longer lease was set before: set it again to end that.", lease.Length, lease.Takes())
	}
	return p.printf("The lease is %s. A deletion takes %s.", lease.Length, lease.Takes())
}

func (p *program) leaseSet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set DURATION",
		Short: "Set the lease",
		Long: leaseHelp + `

A shorter lease is safe to set while nodes run: this command waits until none of them holds a
longer one, and deletions meanwhile wait for that too. Broken off, it leaves deletions as slow as
before; set it again.`,
		Example: `  skipup lease set 250ms`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give the length of a lease, such as 250ms or 1s")
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
			wrong.add("the lease must be a time such as 250ms or 1s")
		}
		if err := wrong.err(); err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			if err := store.SetLease(ctx, length); err != nil {
				return err
			}
			return p.answerLease(ctx, store, false)
		})
	})
}
