package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// keyFlags are the flags that describe a key, of the commands that create, update, and rotate one.
type keyFlags struct {
	name, description, environment string
	owner                          string // email
	notifyNewCallers               bool
	scopes                         []string
	expiresIn                      time.Duration
	never                          bool
	rateLimit                      int
	allowlist                      *allowlistFlags
	changed                        func(flag string) bool // whether the flag is given
}

func (p *program) keysUpdate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update KEY_ID",
		Short: "Update an API key's name, description, environment, owner, notifications, scopes, expiry, rate limit, or IP allowlist",
		Long: `Update an API key's name, description, environment, owner, notifications, scopes, expiry, rate limit,
or IP allowlist. Omitted fields don't change.

The IP allowlist limits the addresses from which the key can be used. Its mode is inherit (the default
of the workspace), none, report_only (requests from other addresses are accepted and counted), or
enforce (they are rejected). If it rejects callers of the last 30 days, or would, they are printed.

A change to the scopes, the expiry, the rate limit, or the allowlist returns once it is in effect on
every node.`,
		Example: `  skipup keys update key_01J… --scopes members.read --expires-in 720h
  skipup keys update key_01J… --allowlist 203.0.113.7,10.0.0.0/8 --allowlist-mode report_only`,
	}
	flags := cmd.Flags()
	f := p.addKeyFlags(cmd)
	flags.StringVar(&f.description, "description", "", "`text` about what the key is for (\"\" for none)")
	flags.StringVar(&f.environment, "environment", "", "`environment` that the key is for (\"\" for none)")
	flags.StringVar(&f.owner, "owner", "", "`email` of the member who owns the key from now on")
	flags.DurationVar(&f.expiresIn, "expires-in", 0, "`duration` until the key expires, for example 720h for 30 days")
	flags.BoolVar(&f.never, "never-expires", false, "remove the expiry")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	cmd.MarkFlagsOneRequired("name", "description", "environment", "owner", "notify-new-callers", "scopes", "expires-in", "never-expires", "rate-limit", "allowlist-mode", "allowlist")
	completeWith(cmd, "owner", p.ownerEmails)
	return p.keyCommand(cmd, func(ctx context.Context, store *models.Store, key *models.APIKey) error {
		scopes, err := parseScopes(f.scopes, store.Scopes())
		if err != nil {
			return err
		}
		update := f.update(scopes, store.Now())
		if update.OwnerID, err = ownerChange(ctx, store, key.WorkspaceID, f.owner, f.changed("owner")); err != nil {
			return err
		}
		if key, err = store.UpdateAPIKey(ctx, key.WorkspaceID, key.ID, update); err != nil {
			return flagErrors(err, keyFields)
		}
		if update.Allowlist.Given() {
			if err := p.warnOfKey(ctx, store, key); err != nil {
				return err
			}
		}
		if update.ChangesAccess() {
			return p.printf("Updated %s. Applied on every node.", key.ID)
		}
		return p.printf("Updated %s.", key.ID)
	})
}

// update returns what the flags change.
func (f *keyFlags) update(scopes scope.Set, now time.Time) models.KeyUpdate {
	return models.KeyUpdate{
		Name:             models.Change[string]{Given: f.changed("name"), Value: f.name},
		Description:      models.Change[string]{Given: f.changed("description"), Value: f.description},
		Environment:      models.Change[string]{Given: f.changed("environment"), Value: f.environment},
		NotifyNewCallers: models.Change[bool]{Given: f.changed("notify-new-callers"), Value: f.notifyNewCallers},
		Scopes:           models.Change[scope.Set]{Given: f.changed("scopes"), Value: scopes},
		ExpiresAt:        f.expiry(now),
		RateLimit:        models.Change[int]{Given: f.changed("rate-limit"), Value: f.rateLimit},
		Allowlist:        f.allowlist.change,
	}
}

// expiry returns the expiry that the flags set, if any.
func (f *keyFlags) expiry(now time.Time) models.Change[*time.Time] {
	switch {
	case f.never:
		return models.To[*time.Time](nil)
	case f.changed("expires-in"):
		return models.To(new(now.Add(f.expiresIn)))
	}
	return models.Change[*time.Time]{}
}

// ownerChange returns the change of an owner who is given by email.
func ownerChange(ctx context.Context, store *models.Store, workspaceID, email string, given bool) (models.Change[string], error) {
	if !given {
		return models.Change[string]{}, nil
	}
	member, err := memberOf(ctx, store, workspaceID, email)
	if err != nil {
		return models.Change[string]{}, fmt.Errorf("--owner: %w", err)
	}
	return models.To(member.ID), nil
}
