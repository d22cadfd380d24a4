package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// keyChange holds the flags that change a key.
type keyChange struct {
	name, description, environment string
	scopes                         []string
	expiresIn                      time.Duration
	never                          bool
	changes                        func(flag string) bool
}

func (p *program) keysUpdate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update KEY_ID",
		Short: "Update an API key's name, description, environment, scopes, or expiry",
		Long: `Update an API key's name, description, environment, scopes, or expiry. Omitted fields don't change.

A change to the scopes or expiry waits until every node applies it (about one lease).`,
		Example: `  skipup keys update key_01J… --scopes members.read --expires-in 720h`,
		Args:    oneKey,
	}
	change := keyChange{changes: cmd.Flags().Changed}
	flags := cmd.Flags()
	flags.StringVar(&change.name, "name", "", "key `name`")
	flags.StringVar(&change.description, "description", "", "`text` about what the key is for (\"\" for none)")
	flags.StringVar(&change.environment, "environment", "", "`environment` that the key is for (\"\" for none)")
	flags.StringSliceVar(&change.scopes, "scopes", nil, "comma-separated `list` of scopes (\"\" for none)")
	flags.DurationVar(&change.expiresIn, "expires-in", 0, "`duration` until the key expires, for example 720h for 30 days")
	flags.BoolVar(&change.never, "never-expires", false, "remove the expiry")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	cmd.MarkFlagsOneRequired("name", "description", "environment", "scopes", "expires-in", "never-expires")
	addFlags(flags, databaseOption)
	completeScopes(cmd)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			scopes, err := parseScopes(change.scopes, store.Scopes())
			if err != nil {
				return err
			}
			key, err := store.APIKeyByID(ctx, args[0])
			if err != nil {
				return err
			}
			access := change.access(key.Access(), store.Now())
			if change.changes("scopes") {
				access.Scopes = scopes
			}
			return p.updateKey(ctx, store, key, change, access)
		})
	})
}

// details changes what the flags give.
func (c keyChange) details(d *models.KeyDetails) {
	if c.changes("name") {
		d.Name = c.name
	}
	if c.changes("description") {
		d.Description = c.description
	}
	if c.changes("environment") {
		d.Environment = c.environment
	}
}

func (c keyChange) changesAccess() bool {
	return c.changes("scopes") || c.changes("expires-in") || c.changes("never-expires")
}

// oneKey checks that the only argument is the ID of a key.
func oneKey(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("specify the ID of one key, as shown by `skipup keys list`")
	}
	return nil
}

// access returns access with the expiry that the flags set.
func (c keyChange) access(access models.KeyAccess, now time.Time) models.KeyAccess {
	if c.changes("expires-in") {
		at := now.Add(c.expiresIn)
		access.ExpiresAt = &at
	}
	if c.never {
		access.ExpiresAt = nil
	}
	return access
}

func (p *program) updateKey(ctx context.Context, store *models.Store, key *models.APIKey, change keyChange, access models.KeyAccess) error {
	inFlag := map[string]string{"name": "--name", "description": "--description", "environment": "--environment", "expires_at": "--expires-in"}
	if err := store.CheckKeyAccess(key, access, models.Fields{}); err != nil {
		return flagErrors(err, inFlag)
	}
	if change.changes("name") || change.changes("description") || change.changes("environment") {
		if err := store.EditAPIKey(ctx, key.WorkspaceID, key.ID, change.details); err != nil {
			return flagErrors(err, inFlag)
		}
	}
	if !change.changesAccess() {
		return p.printf("Updated %s.", key.ID)
	}
	if _, err := store.ChangeAPIKeyAccess(ctx, key.WorkspaceID, key.ID, key.Access(), access); err != nil {
		return flagErrors(err, inFlag)
	}
	return p.printf("Updated %s. Applied on every node.", key.ID)
}
