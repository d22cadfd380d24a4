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
		Short: "Pause an API key",
		Long: `Pause an API key. Waits until every node rejects the key. The key works again automatically when
the pause ends.`,
		Example: `  skipup keys pause key_01J… --for 1h`,
	}
	var length time.Duration
	cmd.Flags().DurationVar(&length, "for", 0, "pause for this `duration`, for example 15m or 24h (at most 2160h)")
	requireFlags(cmd, "for")
	return p.keyCommand(cmd, func(ctx context.Context, store *models.Store, key *models.APIKey) error {
		key, err := store.PauseAPIKey(ctx, key.WorkspaceID, key.ID, store.Now().Add(length))
		if err != nil {
			return flagErrors(err, map[string]string{"until": "--for"})
		}
		return p.printf("Paused %q (%s). Every node rejects it until %s.", key.Name, key.KeyPrefix, formatTime(inSeconds(key.PausedUntil)))
	})
}

func (p *program) keysResume() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume KEY_ID",
		Short: "Resume a paused API key",
		Long: `Resume a paused API key, and cancel its deletion if that is scheduled. Waits until every node
accepts the key.`,
		Example: `  skipup keys resume key_01J…`,
	}
	return p.keyCommand(cmd, func(ctx context.Context, store *models.Store, key *models.APIKey) error {
		canceled := ""
		if key.IsScheduledForDeletion() {
			canceled = " Its scheduled deletion is canceled."
		}
		key, err := store.ResumeAPIKey(ctx, key.WorkspaceID, key.ID)
		if err != nil {
			return err
		}
		return p.printf("Resumed %q (%s). Every node accepts it.%s", key.Name, key.KeyPrefix, canceled)
	})
}
