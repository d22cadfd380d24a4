package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysPause() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause KEY_ID",
		Short: "Refuse an API key for a while",
		Long: `Have every request with an API key refused for a while. When this command is done, no node accepts
the key; when the time is over, all do again, and nothing has to be done for it.`,
		Example: `  skipup keys pause key_01J… --for 1h`,
		Args:    oneKey,
	}
	var length time.Duration
	cmd.Flags().DurationVar(&length, "for", 0, "`TIME` after which the key works again, such as 15m or 24h, at most 2160h")
	addFlags(cmd.Flags(), databaseOption)
	requireFlags(cmd, "for")
	return p.command(cmd, func(ctx context.Context, args []string) error {
		return p.withKey(ctx, cmd, args[0], func(ctx context.Context, store *models.Store, key *models.APIKey) error {
			key, err := store.PauseAPIKey(ctx, key.WorkspaceID, key.ID, store.Now().Add(length))
			if err != nil {
				return flagErrors(err, map[string]string{"until": "--for"})
			}
			return p.printf("Paused %q (%s): refused by every node until %s.", key.Name, key.KeyPrefix, moment(inSeconds(key.PausedUntil)))
		})
	})
}

func (p *program) keysResume() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "resume KEY_ID",
		Short:   "End the pause of an API key",
		Long:    `End the pause of an API key. When this command is done, every node accepts the key again.`,
		Example: `  skipup keys resume key_01J…`,
		Args:    oneKey,
	}
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		return p.withKey(ctx, cmd, args[0], func(ctx context.Context, store *models.Store, key *models.APIKey) error {
			key, err := store.ResumeAPIKey(ctx, key.WorkspaceID, key.ID)
			if err != nil {
				return err
			}
			return p.printf("Resumed %q (%s): no node refuses it for a pause any more.", key.Name, key.KeyPrefix)
		})
	})
}

// withKey calls fn with the key that has an id, in whatever workspace it is.
func (p *program) withKey(ctx context.Context, cmd *cobra.Command, id string, fn func(context.Context, *models.Store, *models.APIKey) error) error {
	s, err := p.settings(cmd, databaseOption)
	if err != nil {
		return err
	}
	return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
		key, err := store.APIKeyByID(ctx, id)
		if err != nil {
			return err
		}
		return fn(ctx, store, key)
	})
}
