package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) keysDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete KEY_ID",
		Short: "Delete an API key",
		Long: `Delete an API key and print a deletion receipt. Waits until every node rejects the key (about one
lease).`,
		Example: `  skipup keys delete key_01J…`,
		Args:    oneKey,
	}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the receipt as a JSON object")
	completeArguments(cmd, p.completions(keyIDs))
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, args []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.deleteKey(ctx, store, args[0], asJSON)
		})
	})
}

// deletedKey is a deletion receipt as printed.
type deletedKey struct {
	ID              string     `json:"id"`
	DeletedAt       *time.Time `json:"deleted_at"`
	CommittedAt     time.Time  `json:"committed_at"`
	EffectiveAt     *time.Time `json:"in_force_at"`
	TookMS          int64      `json:"took_ms"`
	Nodes           *int       `json:"nodes"`
	SilentNodes     []string   `json:"silent_nodes"`
	LastUsedAt      *time.Time `json:"last_used_at"`
	LastUsedAddress string     `json:"last_used_address"`
	LastUsedRoute   string     `json:"last_used_route"`
	AcceptedAfter   bool       `json:"accepted_after_deletion"`
}

func (p *program) deleteKey(ctx context.Context, store *models.Store, id string, asJSON bool) error {
	key, err := store.APIKeyByID(ctx, id)
	if err != nil {
		return err
	}
	if key, err = store.DeleteAPIKey(ctx, key.WorkspaceID, key.ID, models.NoConfirmation); err != nil {
		return err
	}
	receipt, _ := key.DeletionReceipt()
	if asJSON {
		return p.printJSON(deletedKey{
			key.ID, inSeconds(key.DeletedAt), receipt.CommittedAt, receipt.EffectiveAt, receipt.Took.Milliseconds(), receipt.Nodes, append([]string{}, receipt.SilentNodes...),
			receipt.LastUsedAt, receipt.LastUsedAddress, receipt.LastUsedRoute, receipt.AcceptedAfter,
		})
	}
	used := "Never used."
	if receipt.LastUsedAt != nil {
		used = "Last used at " + formatTime(inSeconds(receipt.LastUsedAt)) + " from " + receipt.LastUsedAddress + " for " + receipt.LastUsedRoute + "."
	}
	return p.printf("Deleted %q (%s). Rejected by every node after %d ms. %s %s", key.Name, key.KeyPrefix, receipt.Took.Milliseconds(), receipt.NodesText(), used)
}
