package main

import (
	"context"
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

var nameArgument = exactly(1, "enter the name of the credential")

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
	cmd.Flags().StringVar(&workspace, "workspace", "", "verify only the keys of the workspace with this `ID` (default all workspaces)")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON object")
	completeWith(cmd, "workspace", p.completions(workspaceIDs(false)))
	completeArguments(cmd)
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		if workspace != "" {
			if err := findWorkspace(ctx, store, workspace); err != nil {
				return err
			}
		}
		created, secret, err := store.CreateNodeToken(ctx, args[0], workspace)
		if err != nil {
			return err
		}
		if err := p.print(createdNodeToken{created.ID, created.Name, created.WorkspaceID, secret.Reveal()}, "%s", secret.Reveal()); err != nil {
			return failf("created %s but couldn't print it; revoke it: %w", created.Name, err)
		}
		return nil
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
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.storeCommand(cmd, p.listNodeTokens)
}

func (p *program) listNodeTokens(ctx context.Context, store *models.Store, _ []string) error {
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
		rows = append(rows, []string{t.Name, workspace, strconv.Itoa(t.Nodes), formatTime(created), formatTime(revoked)})
	}
	if len(tokens) == 0 {
		return p.print(listed, `There are no credentials. "skipup nodes token create" creates one.`)
	}
	return p.printList(listed, rows)
}

func (p *program) nodesTokenRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke NAME", Short: "Revoke a credential", Args: nameArgument,
		Long: `Revoke a credential. Returns when no node verifies keys with it. If nodes with the credential are running,
that takes one lease plus 5%, because they keep verifying keys from memory until their leases end.`,
	}
	completeArguments(cmd, p.completions(nodeTokens))
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		effect, err := store.RevokeNodeToken(ctx, args[0])
		if err != nil {
			return err
		}
		if len(effect.SilentNodes) == 0 {
			return p.printf("Revoked. In effect on all nodes.")
		}
		return p.printf("Revoked. In effect on all nodes. Waited until the leases of these had ended: %s.", strings.Join(effect.SilentNodes, ", "))
	})
}
