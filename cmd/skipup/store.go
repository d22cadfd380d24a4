package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// openStore opens the database, runs its migrations and returns those that were applied. Commands
// and nodes may do so at the same time.
func openStore(ctx context.Context, s settings, options models.Options) (*models.Store, []models.Migration, error) {
	options.MaxAPIKeys, options.KeyCreations = int(s.MaxKeys), int(s.KeyCreations)
	options.KeyRateLimit, options.Connections = int(s.KeyRateLimit), int(s.DatabaseConnections)
	options.Retention = models.Retention{
		Usage: int(s.KeepUsage), Deliveries: int(s.KeepDeliveries), FailedSignIns: int(s.KeepFailedSignIns), Notifications: int(s.KeepNotifications),
	}
	store, err := models.Open(string(s.Database), options)
	if err != nil {
		return nil, nil, openError(s, failf("can't open the database; check %s: %w", databaseOption.name(), err))
	}
	applied, err := store.Migrate(ctx)
	if err != nil {
		return nil, nil, openError(s, errors.Join(err, store.Close()))
	}
	return store, applied, nil
}

// openError returns an error that says what is wrong with the database file, or err if it is another
// problem.
func openError(s settings, err error) error {
	if advice := models.ExplainOpen(string(s.Database), err); advice != "" {
		return failf("can't open the database: %s. The path is set with %s", advice, databaseOption.name())
	}
	return err
}

// operator is the actor of commands.
var operator = models.Actor{Type: models.ActorOperator, Name: "Operator (command line)"}

// storeCommand returns cmd with the flags of databaseOption and of the other options, and with do as its action
// on the Store.
func (p *program) storeCommand(cmd *cobra.Command, do func(ctx context.Context, store *models.Store, args []string) error, options ...option) *cobra.Command {
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, args []string) error {
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error { return do(ctx, store, args) })
	}, append([]option{databaseOption}, options...)...)
}

// withStore opens the Store and calls do with the operator as the actor.
func withStore(ctx context.Context, s settings, do func(ctx context.Context, store *models.Store) error) error {
	store, _, err := openStore(ctx, s, models.Options{})
	if err != nil {
		return err
	}
	return errors.Join(do(models.WithActor(ctx, operator), store), store.Close())
}
