package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) workspaceDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete WORKSPACE_ID",
		Short: "Delete a workspace",
		Long: `Delete a workspace and its test workspace. Waits until every node rejects their keys. Members no longer
see the workspace, and its webhooks stop. "skipup workspace restore" undoes it for 30 days. Then a
server removes everything in it, including its audit log.`,
		Example: `  skipup workspace delete ws_01J… --confirm-name "Acme"`,
		Args:    oneWorkspace,
	}
	var confirmation models.Confirmation
	cmd.Flags().StringVar(&confirmation.Name, "confirm-name", "", "the `name` of the workspace, to confirm that you mean it")
	completeArguments(cmd, p.completions(workspaceIDs(false)))
	requireFlags(cmd, "confirm-name")
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		if err := findWorkspace(ctx, store, args[0]); err != nil {
			return err
		}
		if err := store.DeleteWorkspace(ctx, args[0], confirmation); err != nil {
			return flagErrors(err, map[string]string{"confirm_name": "--confirm-name"})
		}
		return p.printf("Deleted %s. Every node rejects its keys.", args[0])
	})
}

var oneWorkspace = exactly(1, "specify the ID of one workspace, as shown by `skipup workspace list`")

func (p *program) workspaceRestore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore WORKSPACE_ID",
		Short: "Restore a workspace that was deleted within 30 days",
		Long: `Restore a workspace that was deleted within 30 days, and the test workspace that was deleted with it.
Its members see it again. Its API keys stay paused, its webhook endpoints disabled, and invitations
invalid, until an admin resumes, enables, or sends them again.`,
		Example: `  skipup workspace restore ws_01J…`,
		Args:    oneWorkspace,
	}
	completeArguments(cmd, p.completions(workspaceIDs(true)))
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		workspace, err := store.RestoreWorkspace(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printf("Restored %s (%s). Its API keys are paused and its webhook endpoints disabled. Resume and enable those that are still needed.", visible(workspace.Name), workspace.ID)
	})
}
