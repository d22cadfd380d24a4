package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const nodesTokenHelp = `Create, list, and revoke credentials of nodes. A program with such a credential can verify API keys
through a server: as a node, from memory, or with POST /v1/verify. It can do nothing else.
docs/remote-nodes.md describes both.`

func (p *program) nodesToken() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Create, list, and revoke credentials of nodes", Long: nodesTokenHelp}
	return p.group(cmd, p.nodesTokenCreate(), p.nodesTokenList(), p.nodesTokenRevoke())
}

// nameArgument accepts one argument, the name of a credential.
func nameArgument(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("enter the name of the credential")
	}
	return nil
}

// createdNodeToken is a new credential as printed.
type createdNodeToken struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	WorkspaceID *string `json:"workspace_id"`
	Token       string  `json:"token"`
}

func (p *program) nodesTokenCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a credential and print it", Args: nameArgument,
		Long: `Create a credential for the nodes of one application. Prints only the credential, which can't be shown
again. Create one for each application, so that you can revoke them separately.`,
		Example: `  skipup nodes token create orders-api
  skipup nodes token create orders-api --workspace ws_01KKNTQ1T8G3Q4D5E6F7G8H9J0`,
	}
	var workspace string
	var asJSON bool
	cmd.Flags().StringVar(&workspace, "workspace", "", "verify only the keys of the workspace with this `ID` (default all workspaces)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	completeWith(cmd, "workspace", p.completions(workspaceIDs(false)))
	completeArguments(cmd)
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		return p.onStore(ctx, cmd, func(ctx context.Context, store *models.Store) error {
			if workspace != "" {
				if err := findWorkspace(ctx, store, workspace); err != nil {
					return err
				}
			}
			created, secret, err := store.CreateNodeToken(ctx, args[0], workspace)
			if err != nil {
				return err
			}
			if asJSON {
				err = p.printJSON(createdNodeToken{created.ID, created.Name, created.WorkspaceID, secret.Reveal()})
			} else {
				err = p.printf("%s", secret.Reveal())
			}
			if err != nil {
				return failf("created %s but couldn't print it; revoke it: %w", created.Name, err)
			}
			return nil
		})
	})
}

// listedNodeToken is a credential as printed.
type listedNodeToken struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	WorkspaceID *string    `json:"workspace_id"`
	Nodes       int        `json:"nodes"`
	CreatedAt   time.Time  `json:"created_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
}

func (p *program) nodesTokenList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the credentials",
		Long: `List the credentials, including revoked ones. NODES is the number of registered nodes. Times are in UTC.`,
	}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		return p.onStore(ctx, cmd, func(ctx context.Context, store *models.Store) error {
			return p.listNodeTokens(ctx, store, asJSON)
		})
	})
}

func (p *program) listNodeTokens(ctx context.Context, store *models.Store, asJSON bool) error {
	tokens, err := store.NodeTokens(ctx)
	if err != nil {
		return err
	}
	listed, rows := []listedNodeToken{}, [][]string{{"NAME", "WORKSPACE", "NODES", "CREATED", "REVOKED"}}
	for _, t := range tokens {
		workspace := "all"
		if t.WorkspaceID != nil {
			workspace = *t.WorkspaceID
		}
		created, revoked := inSeconds(&t.CreatedAt), inSeconds(t.RevokedAt)
		listed = append(listed, listedNodeToken{t.ID, t.Name, t.WorkspaceID, t.Nodes, *created, revoked})
		rows = append(rows, []string{t.Name, workspace, strconv.Itoa(t.Nodes), formatTime(created), cmp.Or(formatTime(revoked), "-")})
	}
	if asJSON {
		return p.printJSON(listed)
	}
	if len(tokens) == 0 {
		return p.printf(`There are no credentials. "skipup nodes token create" creates one.`)
	}
	return p.printRows(rows)
}

func (p *program) nodesTokenRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke NAME", Short: "Revoke a credential", Args: nameArgument,
		Long: `Revoke a credential. Returns when no node verifies keys with it. If nodes with the credential are running,
that takes one lease plus 5%, because they keep verifying keys from memory until their leases end.`,
	}
	completeArguments(cmd, p.completions(nodeTokens))
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		return p.onStore(ctx, cmd, func(ctx context.Context, store *models.Store) error {
			effect, err := store.RevokeNodeToken(ctx, args[0])
			if err != nil {
				return err
			}
			if len(effect.SilentNodes) == 0 {
				return p.printf("Revoked. In effect on all nodes.")
			}
			return p.printf("Revoked. In effect on all nodes. Waited until the leases of these had ended: %s.", strings.Join(effect.SilentNodes, ", "))
		})
	})
}

// onStore calls do with the Store that the flags of cmd name.
func (p *program) onStore(ctx context.Context, cmd *cobra.Command, do func(context.Context, *models.Store) error) error {
	s, err := p.settings(cmd, databaseOption)
	if err != nil {
		return err
	}
	return withStore(ctx, s, do)
}
