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
	}
	flags := cmd.Flags()
	f := keyFlags{changed: flags.Changed}
	flags.StringSliceVar(&f.scopes, "scopes", nil, "comma-separated `list` of scopes (\"\" for none; default: those of the old key)")
	flags.DurationVar(&f.expiresIn, "expires-in", 0, "`duration` until the new key expires, for example 720h for 30 days")
	flags.BoolVar(&f.never, "never-expires", false, "create a key that never expires")
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON object with the field names of the API, including the key")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	p.completeScopes(cmd)
	return p.keyCommand(cmd, func(ctx context.Context, store *models.Store, key *models.APIKey) error {
		scopes, err := parseScopes(f.scopes, store.Scopes())
		if err != nil {
			return err
		}
		wanted := models.NewReplacement{ExpiresAt: f.expiry(store.Now())}
		if f.changed("scopes") {
			wanted.Scopes = models.To(scopes)
		}
		return p.rotateKey(ctx, store, key, wanted)
	}, maxKeysOption)
}

// rotatedKey is a replacement key as printed.
type rotatedKey struct {
	listedKey
	Key string `json:"key"`
}

func (p *program) rotateKey(ctx context.Context, store *models.Store, old *models.APIKey, wanted models.NewReplacement) error {
	key, secret, err := store.RotateAPIKey(ctx, old.WorkspaceID, old.ID, wanted)
	if err != nil {
		return flagErrors(err, keyFields)
	}
	if err := p.print(rotatedKey{listed(key, store.Now(), store.Scopes()), secret.Reveal()}, "%s", secret.Reveal()); err != nil {
		return failf("created %s but couldn't print it; delete it: %w", key.ID, err)
	}
	return nil
}
