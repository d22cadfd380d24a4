package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysShorten() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shorten",
		Short: "Shorten lifetimes that the key policy doesn't allow",
		Long: `Shorten the lifetimes of the keys in a workspace that expire later than its key policy allows, and
print them. Each key gets the latest expiry that the policy allows, but works for at least 7 more days.
Returns once the change is in effect on every node.

"skipup workspace policy" prints the policy.`,
		Example: `  skipup keys shorten --dry-run
  skipup keys shorten --workspace ws_01J… --json`,
	}
	var dryRun bool
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "print what would change, and change nothing")
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.workspaceCommand(cmd, func(ctx context.Context, store *models.Store, workspaceID string, _ []string) error {
		shortened, err := shortenAll(ctx, store, workspaceID, dryRun)
		if err != nil {
			return err
		}
		return p.printShortened(shortened)
	})
}

// shortenedKey is a key with a shorter lifetime as printed.
type shortenedKey struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	ExpiresAtBefore *time.Time `json:"expires_at_before"`
	ExpiresAt       *time.Time `json:"expires_at"`
}

// shortenAll shortens the lifetimes of all keys of a workspace that the policy doesn't allow, some at a time. A dry
// run only returns them.
func shortenAll(ctx context.Context, store *models.Store, workspaceID string, dryRun bool) ([]shortenedKey, error) {
	all := []shortenedKey{}
	for page := 1; ; page++ {
		filter := models.APIKeyFilter{Finding: models.FindLifetime, PageNumber: 1, PageSize: models.MaxSelectedKeys}
		if dryRun {
			filter.PageNumber = page
		}
		found, err := store.APIKeys(ctx, workspaceID, filter)
		if err != nil || len(found.Keys) == 0 {
			return all, err
		}
		shortened, err := shortenSome(ctx, store, workspaceID, found.Keys, dryRun)
		if err != nil {
			return all, err
		}
		all = append(all, shortened...)
	}
}

func shortenSome(ctx context.Context, store *models.Store, workspaceID string, keys []models.APIKey, dryRun bool) (some []shortenedKey, err error) {
	if dryRun {
		policy, err := store.KeyPolicy(ctx, workspaceID)
		for i := range keys {
			key := &keys[i]
			some = append(some, shortenedKey{key.ID, key.Name, inSeconds(key.ExpiresAt), inSeconds(policy.Shortened(key, store.Now()))})
		}
		return some, err
	}
	shortened, _, err := store.ShortenLifetimes(ctx, workspaceID, models.APIKeyIDs(keys))
	for _, key := range shortened {
		some = append(some, shortenedKey{key.ID, key.Name, inSeconds(key.Before), inSeconds(key.ExpiresAt)})
	}
	return some, err
}

func (p *program) printShortened(keys []shortenedKey) error {
	rows := [][]string{{"ID", "NAME", "EXPIRY BEFORE", "EXPIRES"}}
	for _, key := range keys {
		rows = append(rows, []string{key.ID, visible(key.Name), formatTime(key.ExpiresAtBefore), formatTime(key.ExpiresAt)})
	}
	return p.printList(keys, rows)
}
