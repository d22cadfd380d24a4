package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate KEY_ID",
		Short: "Give an API key a successor, and print it",
		Long: `Make a key that takes the place of another, with its name and its scopes or fewer, and print it
and nothing else on standard output. It cannot be shown again.

Both keys work until one is deleted: give the new one to whatever uses the old one, then delete
the old one. Without --expires-in or --never-expires the new key lives as long as the old one was to.`,
		Example: `  skipup keys rotate key_01J…
  skipup keys rotate key_01J… --scopes members.read --json`,
		Args: oneKey,
	}
	change, asJSON := keyChange{changes: cmd.Flags().Changed}, false
	flags := cmd.Flags()
	flags.StringSliceVar(&change.scopes, "scopes", nil, "`SCOPES` of the old key with commas between; empty for none (default all)")
	flags.DurationVar(&change.expiresIn, "expires-in", 0, "`TIME` until the new key expires, such as 720h for 30 days")
	flags.BoolVar(&change.never, "never-expires", false, "the new key does not expire")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object with the member names of the API, the key among them")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	addFlags(flags, databaseOption, keyEnvironmentOption)
	completeScopes(cmd)
	completeValues(cmd, keyEnvironmentOption.flag, keyEnvironments)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption, keyEnvironmentOption)
		wrong, _ := err.(usageErrors)
		scopes := parseScopes(change.scopes, &wrong)
		if err := wrong.err(); err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			wanted := models.NewReplacement{ExpiresAt: change.expiry(store.Now())}
			if change.changes("scopes") {
				wanted.Scopes = models.To(scopes)
			}
			return p.rotateKey(ctx, store, args[0], wanted, asJSON)
		})
	})
}

// expiry is the expiry that is asked for.
func (c keyChange) expiry(now time.Time) models.Change[*time.Time] {
	if !c.never && !c.changes("expires-in") {
		return models.Change[*time.Time]{}
	}
	return models.To(c.access(models.KeyAccess{}, now).ExpiresAt)
}

// rotatedKey is a successor with its text, as it is printed.
type rotatedKey struct {
	listedKey
	Key string `json:"key"`
}

func (p *program) rotateKey(ctx context.Context, store *models.Store, id string, wanted models.NewReplacement, asJSON bool) error {
	old, err := store.APIKeyByID(ctx, id)
	if err != nil {
		return err
	}
	key, secret, err := store.RotateAPIKey(ctx, old.WorkspaceID, old.ID, wanted)
	if err != nil {
		return flagErrors(err, map[string]string{"scopes": "--scopes", "expires_at": "--expires-in"})
	}
	if asJSON {
		err = p.printJSON(rotatedKey{listed(key, store.Now()), secret.Reveal()})
	} else {
		err = p.printf("%s", secret.Reveal())
	}
	if err != nil {
		return failf("the key %s is made but nobody has seen it, so delete it: %w", key.ID, err)
	}
	return nil
}
