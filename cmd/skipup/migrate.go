package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) migrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Run database migrations",
		Long: `Run database migrations and print the ones that were applied.

All other commands that use the database also run migrations. Use this command to run them before
you start a new version. If you stop it with Ctrl-C, the migrations that it has applied stay, and the
current one leaves no changes.`,
	}
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, _ []string) error {
		show, end := p.progress(countItems)
		store, applied, err := openStore(ctx, s, models.Options{MigrationProgress: show})
		end()
		if err != nil {
			return err
		}
		return errors.Join(p.printMigrations(applied), store.Close())
	}, databaseOption)
}

func (p *program) printMigrations(applied []models.Migration) error {
	for _, step := range applied {
		if err := p.printf("applied %s", step.Name); err != nil {
			return err
		}
	}
	if len(applied) == 0 {
		return p.printf("up to date")
	}
	return nil
}
