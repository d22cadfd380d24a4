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
		Short: "Bring the schema of the database up to date",
		Long: `Bring the schema of the database up to date, and say which steps that took.

Every other command that uses the database does the same on its way. This one is for those who
migrate before they start the new version.`,
	}
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		store, applied, err := openStore(ctx, s, models.Options{})
		if err != nil {
			return err
		}
		return errors.Join(p.answerSteps(applied), store.Close())
	})
}

func (p *program) answerSteps(applied []models.Migration) error {
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
