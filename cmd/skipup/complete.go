package main

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// completionTimeout limits how long the shell waits for completions from a database.
const completionTimeout = 3 * time.Second

// completeValues lets the shell complete a flag of cmd with one of values.
func completeValues(cmd *cobra.Command, flag string, values []string) {
	completeWith(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeScopes lets the shell complete --scopes, also after a comma, and describes each scope.
func (p *program) completeScopes(cmd *cobra.Command) {
	completeWith(cmd, "scopes", func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		scopes := scope.Builtin
		p.peek(cmd, func(_ context.Context, store *models.Store) { scopes = store.Scopes() })
		before := typed[:strings.LastIndex(typed, ",")+1]
		var completions []cobra.Completion
		for _, s := range scopes.Definitions(scopes.Active()) {
			if !strings.Contains(","+before, ","+s.Name+",") {
				completions = append(completions, cobra.CompletionWithDesc(before+s.Name, visible(s.Help)))
			}
		}
		return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

func completeWith(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag doesn't exist
	}
}

// finder returns completions from a database.
type finder func(ctx context.Context, store *models.Store) ([]cobra.Completion, error)

// completions returns a function for completions from the database that the flags of a command name.
func (p *program) completions(find finder) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) (found []cobra.Completion, _ cobra.ShellCompDirective) {
		p.peek(cmd, func(ctx context.Context, store *models.Store) {
			found, _ = find(ctx, store) // the shell has no place for errors
		})
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeArguments lets the shell complete the arguments of cmd, in order.
func completeArguments(cmd *cobra.Command, arguments ...cobra.CompletionFunc) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(arguments) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return arguments[len(args)](cmd, args, typed)
	}
}

// peek calls do with the Store that the flags of cmd name, unless opening it would create or migrate a database.
func (p *program) peek(cmd *cobra.Command, do func(ctx context.Context, store *models.Store)) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	s, err := p.settings(cmd, databaseOption)
	if err != nil {
		return
	}
	store, err := openUnmigrated(s, models.Options{})
	if err != nil {
		return
	}
	defer func() { _ = store.Close() }()
	if store.RequireCurrent(ctx) == nil {
		do(ctx, store)
	}
}

// keyIDs completes the IDs of the keys in all workspaces.
func keyIDs(ctx context.Context, store *models.Store) (ids []cobra.Completion, _ error) {
	workspaces, err := store.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, workspace := range workspaces {
		list, err := store.APIKeys(ctx, workspace.ID, models.APIKeyFilter{PageNumber: 1, PageSize: math.MaxInt32})
		if err != nil {
			return nil, err
		}
		for i := range list.Keys {
			key := &list.Keys[i]
			ids = append(ids, cobra.CompletionWithDesc(key.ID, visible(key.Name)+" "+key.KeyPrefix+" "+string(key.StatusAt(store.Now()))))
		}
	}
	return ids, nil
}

// workspaceIDs returns a finder of the IDs of the workspaces that are deleted, or of the others.
func workspaceIDs(deleted bool) finder {
	return func(ctx context.Context, store *models.Store) (ids []cobra.Completion, _ error) {
		workspaces, err := store.WorkspaceSummaries(ctx)
		for _, w := range workspaces {
			if (w.DeletedAt != nil) == deleted {
				ids = append(ids, cobra.CompletionWithDesc(w.ID, visible(w.Name)))
			}
		}
		return ids, err
	}
}

// customScopes completes the names of the custom scopes that aren't retired.
func customScopes(_ context.Context, store *models.Store) (names []cobra.Completion, _ error) {
	scopes := store.Scopes()
	for _, s := range scopes.Definitions(scopes.Active().Without(scope.All)) {
		names = append(names, cobra.CompletionWithDesc(s.Name, visible(s.Help)))
	}
	return names, nil
}

// nodeTokens completes the names of the credentials of nodes that aren't revoked.
func nodeTokens(ctx context.Context, store *models.Store) (names []cobra.Completion, _ error) {
	tokens, err := store.NodeTokens(ctx)
	for _, t := range tokens {
		if t.RevokedAt == nil {
			names = append(names, t.Name)
		}
	}
	return names, err
}

// memberEmails returns a finder of the emails of the members of the workspace that the flags of cmd name, or of the
// only one.
func memberEmails(cmd *cobra.Command) finder {
	return func(ctx context.Context, store *models.Store) ([]cobra.Completion, error) {
		id, err := workspaceOf(ctx, store, cmd.Flag("workspace").Value.String())
		if err != nil {
			return nil, err
		}
		return emailsIn(ctx, store, id)
	}
}

// ownerEmails completes the emails of the members of the workspace of the key whose ID is the argument, or of the only
// workspace if the ID comes later.
func (p *program) ownerEmails(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.completions(func(ctx context.Context, store *models.Store) ([]cobra.Completion, error) {
		if len(args) == 0 {
			id, err := workspaceOf(ctx, store, "")
			if err != nil {
				return nil, err
			}
			return emailsIn(ctx, store, id)
		}
		key, err := store.APIKeyByID(ctx, args[0])
		if err != nil {
			return nil, err
		}
		return emailsIn(ctx, store, key.WorkspaceID)
	})(cmd, args, typed)
}

func emailsIn(ctx context.Context, store *models.Store, workspaceID string) (emails []cobra.Completion, _ error) {
	list, err := store.MemberList(ctx, workspaceID, models.MemberListFilter{PageNumber: 1, PageSize: math.MaxInt32})
	if err != nil {
		return nil, err
	}
	for i := range list.Members {
		m := &list.Members[i].Member
		emails = append(emails, cobra.CompletionWithDesc(m.User.Email, visible(m.Name())+" "+wordOf(m.Role)))
	}
	return emails, nil
}
