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
		Long: `Delete an API key and print a deletion receipt. Waits until every node rejects the key, usually within
milliseconds.`,
		Example: `  skipup keys delete key_01J…`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print the receipt as a JSON object")
	return p.keyCommand(cmd, p.deleteKey)
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

func (p *program) deleteKey(ctx context.Context, store *models.Store, key *models.APIKey) error {
	key, err := store.DeleteAPIKey(ctx, key.WorkspaceID, key.ID, models.NoConfirmation)
	if err != nil {
		return err
	}
	receipt, _ := key.DeletionReceipt()
	used := "Never used."
	if receipt.LastUsedAt != nil {
		used = "Last used at " + formatTime(inSeconds(receipt.LastUsedAt)) + " from " + receipt.LastUsedAddress + " for " + receipt.LastUsedRoute + "."
	}
	return p.print(deletedKey{
		key.ID, inSeconds(key.DeletedAt), receipt.CommittedAt, receipt.EffectiveAt, receipt.Took.Milliseconds(), receipt.Nodes, append([]string{}, receipt.SilentNodes...),
		receipt.LastUsedAt, receipt.LastUsedAddress, receipt.LastUsedRoute, receipt.AcceptedAfter,
	}, "Deleted %q (%s). Rejected by every node after %d ms. %s %s", key.Name, key.KeyPrefix, receipt.Took.Milliseconds(), receipt.NodesText(), used)
}
