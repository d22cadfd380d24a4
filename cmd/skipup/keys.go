package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

func (p *program) keys() *cobra.Command {
	return p.group(&cobra.Command{Use: "keys", Short: "Create, list, update, pause, shorten, rotate, delete, and scan for API keys"},
		p.keysCreate(), p.keysList(), p.keysUpdate(), p.keysPause(), p.keysResume(), p.keysShorten(), p.keysRotate(), p.keysDelete(), p.keysScan())
}

func (p *program) keysCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an API key and print it",
		Long: `Create an API key. Prints only the key, which can't be shown again.

Scopes (to list custom scopes, too, run "skipup scopes list"):
` + scopeHelp(),
		Example: `  skipup keys create --name CI --scopes meeting_requests.read,members.read --expires-in 720h`,
	}
	flags := cmd.Flags()
	f := p.addKeyFlags(cmd)
	flags.StringVar(&f.description, "description", "", "`text` about what the key is for")
	flags.StringVar(&f.environment, "environment", "", "`environment` that the key is for, such as production")
	flags.StringVar(&f.owner, "owner", "", "`email` of the member who owns the key")
	flags.DurationVar(&f.expiresIn, "expires-in", 0, "`duration` until the key expires, for example 720h for 30 days (default: the workspace's default lifetime, or never)")
	flags.BoolVar(&f.never, "never-expires", false, "create a key that never expires")
	cmd.MarkFlagsMutuallyExclusive("expires-in", "never-expires")
	requireFlags(cmd, "name", "scopes")
	completeWith(cmd, "owner", p.completions(memberEmails(cmd)))
	return p.workspaceCommand(cmd, func(ctx context.Context, store *models.Store, workspaceID string, _ []string) error {
		return p.createKey(ctx, store, workspaceID, f)
	}, maxKeysOption)
}

// addKeyFlags adds the flags that mean the same when a key is created and when it is updated.
func (p *program) addKeyFlags(cmd *cobra.Command) *keyFlags {
	flags := cmd.Flags()
	f := &keyFlags{changed: flags.Changed}
	flags.StringVar(&f.name, "name", "", "key `name`")
	flags.BoolVar(&f.notifyNewCallers, "notify-new-callers", false, "notify people who manage keys when an IP address uses the key for the first time")
	flags.StringSliceVar(&f.scopes, "scopes", nil, "comma-separated `list` of scopes (\"\" for none)")
	flags.IntVar(&f.rateLimit, "rate-limit", 0, "maximum `requests` per minute, 0 for the server's limit")
	f.allowlist = addAllowlistFlags(cmd, models.AllowlistModes)
	p.completeScopes(cmd)
	return f
}

// keyFields maps the fields of a key to their flags.
var keyFields = map[string]string{
	"name": "--name", "description": "--description", "environment": "--environment", "owner_id": "--owner", "expires_at": "--expires-in", "scopes": "--scopes", "rate_limit": "--rate-limit",
	"allowlist.mode": "--allowlist-mode", "allowlist.addresses": "--allowlist",
}

func (p *program) createKey(ctx context.Context, store *models.Store, workspaceID string, f *keyFlags) error {
	scopes, err := parseScopes(f.scopes, store.Scopes())
	if err != nil {
		return err
	}
	owner, err := ownerChange(ctx, store, workspaceID, f.owner, f.changed("owner"))
	if err != nil {
		return err
	}
	expiry := f.expiry(store.Now())
	n := models.NewAPIKey{
		Name: f.name, Description: f.description, Environment: f.environment, OwnerID: owner.Value, NotifyNewCallers: f.notifyNewCallers,
		Scopes: scopes, ExpiresAt: expiry.Value, DefaultExpiry: !expiry.Given, RateLimit: f.rateLimit,
	}
	f.allowlist.change.Apply(&n.Allowlist)
	key, secret, err := store.CreateAPIKey(ctx, workspaceID, n)
	if err != nil {
		return flagErrors(err, keyFields)
	}
	if err := p.printf("%s", secret.Reveal()); err != nil {
		return failf("created %s but couldn't print it; delete it: %w", key.ID, err)
	}
	p.warnOfAllowlist(key.Allowlist, nil)
	return nil
}

// parseScopes returns the set of scopes with the given names. The error lists the unknown ones.
func parseScopes(names []string, scopes *scope.Catalog) (scope.Set, error) {
	var set scope.Set
	var unknown []string
	for _, name := range names {
		if s, known := scopes.Parse(strings.TrimSpace(name)); known {
			set = set.With(scope.Of(s))
		} else {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if len(unknown) > 0 {
		return scope.Set{}, usageErrors{fmt.Sprintf("--scopes: unknown scope %s; the scopes are %s", strings.Join(unknown, ", "), strings.Join(scopes.Names(scopes.Active()), ", "))}
	}
	return set, nil
}

func scopeHelp() string {
	var help strings.Builder
	for _, s := range scope.Builtin.Definitions(scope.All) {
		fmt.Fprintf(&help, "  %-24s%s\n", s.Name, s.Help)
	}
	return strings.TrimSuffix(help.String(), "\n")
}

// keyCommand returns cmd with do as its action on the API key, in any workspace, whose ID is the argument.
func (p *program) keyCommand(cmd *cobra.Command, do func(ctx context.Context, store *models.Store, key *models.APIKey) error, options ...option) *cobra.Command {
	cmd.Args = exactly(1, "specify the ID of one key, as shown by `skipup keys list`")
	completeArguments(cmd, p.completions(keyIDs))
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		key, err := store.APIKeyByID(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, store, key)
	}, options...)
}

// workspaceCommand returns cmd with --workspace, and with do as its action on that workspace or the only one.
func (p *program) workspaceCommand(cmd *cobra.Command, do func(ctx context.Context, store *models.Store, workspaceID string, args []string) error, options ...option) *cobra.Command {
	given := cmd.Flags().String("workspace", "", "workspace `ID`, as printed by \"skipup workspace list\"; not needed if there is only one")
	completeWith(cmd, "workspace", p.completions(workspaceIDs(false)))
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		id, err := workspaceOf(ctx, store, *given)
		if err != nil {
			return err
		}
		return do(ctx, store, id, args)
	}, options...)
}

// workspaceOf returns the ID given with --workspace, or that of the only workspace. The errors mention
// the database, since a missing SQLite file is created.
func workspaceOf(ctx context.Context, store *models.Store, given string) (string, error) {
	if given != "" {
		return given, findWorkspace(ctx, store, given)
	}
	workspaces, err := store.Workspaces(ctx)
	switch {
	case err != nil:
		return "", err
	case len(workspaces) == 0:
		return "", models.Errorf(models.NotFound, "There is no workspace in %s. Check --%s (%s), or run \"skipup workspace create\".",
			store.Database(), databaseOption.flag, databaseOption.variable)
	case len(workspaces) > 1:
		return "", usageErrors{fmt.Sprintf("there are %d workspaces; choose one with --workspace. \"skipup workspace list\" prints their IDs", len(workspaces))}
	}
	return workspaces[0].ID, nil
}

// findWorkspace returns an error unless the workspace exists.
func findWorkspace(ctx context.Context, store *models.Store, id string) error {
	_, err := store.Workspace(ctx, id)
	if models.IsKind(err, models.NotFound) {
		return models.Errorf(models.NotFound, "Workspace not found in %s. Check --workspace and --%s (%s). \"skipup workspace list\" prints the IDs.",
			store.Database(), databaseOption.flag, databaseOption.variable)
	}
	return err
}
