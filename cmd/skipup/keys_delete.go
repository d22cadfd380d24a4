package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete KEY_ID",
		Short:   "Delete an API key, so that requests with it are refused",
		Long:    `Delete an API key. When this command is done, no request with the key is accepted any more.`,
		Example: `  skipup keys delete key_01J…`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give the id of one key, as `skipup keys list` shows it")
			}
			return nil
		},
	}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the key's id and when it was deleted")
	register(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.deleteKey(ctx, store, args[0], asJSON)
		})
	})
}

// deletedKey is a key that was deleted, as it is printed.
type deletedKey struct {
	ID        string     `json:"id"`
	DeletedAt *time.Time `json:"deleted_at"`
}

func (p *program) deleteKey(ctx context.Context, store *models.Store, id string, asJSON bool) error {
	key, err := store.APIKeyByID(ctx, id)
	if err != nil {
		return err
	}
	if key, err = store.DeleteAPIKey(ctx, key.WorkspaceID, key.ID); err != nil {
		return err
	}
	if asJSON {
		return p.answerJSON(deletedKey{key.ID, inSeconds(key.DeletedAt)})
	}
	used := "It was never used."
	if key.LastUsedAt != nil {
		used = "It was last used at " + moment(inSeconds(key.LastUsedAt)) + " from " + key.LastUsedAddress + "."
	}
	return p.answer("Deleted %q (%s). %s", key.Name, key.KeyPrefix, used)
}
