package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (p *program) keys() *cobra.Command {
	return p.group(&cobra.Command{Use: "keys", Short: "Make, list, change, pause, rotate, delete and find API keys"},
		p.keysCreate(), p.keysList(), p.keysUpdate(), p.keysPause(), p.keysResume(), p.keysRotate(), p.keysDelete(), p.keysScan())
}

// keyOrder is a key as the flags ask for it.
type keyOrder struct {
	workspace, name string
	scopes          []string
	expiresIn       time.Duration
	expires         bool
}

func (p *program) keysCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API key, and print it",
		Long: `Make an API key, and print it and nothing else on standard output. It cannot be shown again.

The word in the key (live or test) must be the one that the server accepts: give both the same
` + keyEnvironmentOption.variable + `.

Scopes:
` + scopeHelp(),
		Example: `  skipup keys create --workspace ws_01J… --name CI --scopes meeting_requests.read,members.read --expires-in 720h`,
	}
	var order keyOrder
	flags := cmd.Flags()
	flags.StringVar(&order.workspace, "workspace", "", "`ID` of the workspace")
	flags.StringVar(&order.name, "name", "", "`NAME` of the key")
	flags.StringSliceVar(&order.scopes, "scopes", nil, "`SCOPES` with commas between; empty for a key without any")
	flags.DurationVar(&order.expiresIn, "expires-in", 0, "`TIME` until the key expires, such as 720h for 30 days (default never)")
	addFlags(flags, databaseOption, keyEnvironmentOption)
	requireFlags(cmd, "workspace", "name", "scopes")
	completeScopes(cmd)
	completeValues(cmd, keyEnvironmentOption.flag, keyEnvironments)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		order.expires = flags.Changed("expires-in")
		return p.createKey(ctx, cmd, order)
	})
}

func (p *program) createKey(ctx context.Context, cmd *cobra.Command, order keyOrder) error {
	s, err := p.settings(cmd, databaseOption, keyEnvironmentOption)
	wrong, _ := err.(usageErrors)
	scopes := parseScopes(order.scopes, &wrong)
	if err := wrong.err(); err != nil {
		return err
	}
	return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
		if err := findWorkspace(ctx, store, order.workspace); err != nil {
			return err
		}
		n := models.NewAPIKey{Name: order.name, Scopes: scopes}
		if order.expires {
			at := store.Now().Add(order.expiresIn)
			n.ExpiresAt = &at
		}
		key, secret, err := store.CreateAPIKey(ctx, order.workspace, n)
		if err != nil {
			return flagErrors(err, map[string]string{"name": "--name", "expires_at": "--expires-in"})
		}
		if err := p.printf("%s", secret.Reveal()); err != nil {
			return failf("the key %s is made but nobody has seen it, so delete it: %w", key.ID, err)
		}
		return nil
	})
}

// parseScopes is the set of words. It adds those that are no scopes to wrong.
func parseScopes(words []string, wrong *usageErrors) scope.Set {
	var set scope.Set
	known := true
	for _, word := range words {
		s, ok := scope.Parse(strings.TrimSpace(word))
		if ok {
			set |= scope.Of(s)
			continue
		}
		wrong.add("--scopes: %q is not a scope", word)
		known = false
	}
	if !known {
		wrong.add("--scopes: the scopes are %s", strings.Join(scope.All.Words(), ", "))
	}
	return set
}

func scopeHelp() string {
	var help strings.Builder
	for _, s := range scope.All.Scopes() {
		fmt.Fprintf(&help, "  %-24s%s\n", s, s.Help())
	}
	return strings.TrimSuffix(help.String(), "\n")
}

// findWorkspace is an error unless there is a workspace with this id. A wrong database is as
// likely as a wrong id, since a SQLite file that is not there is made.
func findWorkspace(ctx context.Context, store *models.Store, id string) error {
	_, err := store.Workspace(ctx, id)
	if models.IsKind(err, models.NotFound) {
		return models.Errorf(models.NotFound, "There is no such workspace in this database. Check --workspace, and --%s (%s).",
			databaseOption.flag, databaseOption.variable)
	}
	return err
}
