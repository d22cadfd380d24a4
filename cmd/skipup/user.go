package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) user() *cobra.Command {
	return p.group(&cobra.Command{Use: "user", Short: "Unlock accounts"}, p.userUnlock())
}

func (p *program) userUnlock() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock EMAIL",
		Short: "Let an account sign in again after too many failed attempts",
		Long: `Let an account sign in again after too many failed attempts, for example during an attack from many
networks. Forgets the failed attempts for the account, and allows 1,000 more before the account is
limited again. IP addresses and networks with many failed attempts still have to wait, for up to 15
minutes. Known devices don't need this, because they have their own limit.`,
		Example: `  skipup user unlock ada@acme.test`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("specify the email of one account")
			}
			return nil
		},
	}
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			user, err := store.UnlockUser(ctx, args[0])
			if err != nil {
				return err
			}
			return p.printf("Unlocked %s.", user.Email)
		})
	})
}
