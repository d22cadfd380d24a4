package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate KEY_ID",
		Short: "Rotate an API key and print the new key",
		Long: `Create a replacement key with the same name and the same or fewer scopes. Prints only the new
key, which can't be shown again.

Both keys work until one of them is deleted. Switch your integrations to the new key, then delete
the old one. By default, the new key has the same lifetime as the old one.`,
		Example: `  skipup keys rotate key_01J…
  skipup keys rotate key_01J… --scopes members.read --json`,
		Args: oneKey,
	}
	change, asJSON := keyChange{changes: cmd.Flags().Changed}, false
	flags := cmd.Flags()
	flags.StringSliceVar(&change.scopes, "scopes", nil, "comma-separated `list` of scopes (\"\" for none; default: those of the old key)")
	flags.DurationVar(&change.expiresIn, "expires-in", 0, "`duration` until the new key expires, for example 720h for 30 days")
	flags.BoolVar(&change.never, "never-expires", false, "create a key that never expires")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object with the field names of the API, including the key")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	completeArguments(cmd, p.completions(keyIDs))
	addFlags(flags, databaseOption, maxKeysOption)
	p.completeScopes(cmd)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption, maxKeysOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			scopes, err := parseScopes(change.scopes, store.Scopes())
			if err != nil {
				return err
			}
			wanted := models.NewReplacement{ExpiresAt: change.expiry(store.Now())}
			if change.changes("scopes") {
				wanted.Scopes = models.To(scopes)
			}
			return p.rotateKey(ctx, store, args[0], wanted, asJSON)
		})
	})
}

// rotatedKey is a replacement key as printed.
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
		err = p.printJSON(rotatedKey{listed(key, store.Now(), store.Scopes()), secret.Reveal()})
	} else {
		err = p.printf("%s", secret.Reveal())
	}
	if err != nil {
		return failf("created %s but couldn't print it; delete it: %w", key.ID, err)
	}
	return nil
}
