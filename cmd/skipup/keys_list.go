package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
)

// keyStatuses are the values of --state.
var keyStatuses = []models.KeyStatus{models.KeyActive, models.KeyExpiresSoon, models.KeyPaused, models.KeyExpired, models.KeyDeleted}

func (p *program) keysList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the API keys of a workspace",
		Long: `List the API keys of a workspace, newest first. Deleted keys are listed only with --state deleted.
Times are in UTC.`,
		Example: `  skipup keys list
  skipup keys list --workspace ws_01J… --state deleted --json`,
	}
	var state string
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "list only keys with this `status`: "+strings.Join(statusNames(), ", "))
	flags.BoolVar(&p.asJSON, "json", false, "print a JSON array with the field names of the API")
	completeValues(cmd, "state", statusNames())
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if state != "" && !slices.Contains(statusNames(), state) {
			return fmt.Errorf("--state must be one of %s", strings.Join(statusNames(), ", "))
		}
		return nil
	}
	return p.workspaceCommand(cmd, func(ctx context.Context, store *models.Store, workspaceID string, _ []string) error {
		return p.listKeys(ctx, store, workspaceID, models.KeyStatus(state))
	})
}

func statusNames() []string {
	names := make([]string, 0, len(keyStatuses))
	for _, status := range keyStatuses {
		names = append(names, string(status))
	}
	return names
}

// listKeys reads all keys as one page, so that concurrent changes can't hide or repeat a key.
func (p *program) listKeys(ctx context.Context, store *models.Store, workspaceID string, status models.KeyStatus) error {
	list, err := store.APIKeys(ctx, workspaceID, models.APIKeyFilter{Status: status, PageNumber: 1, PageSize: math.MaxInt32})
	if err != nil {
		return err
	}
	owners, err := store.OwnersOf(ctx, workspaceID, list.Keys)
	if err != nil {
		return err
	}
	keys := make([]listedKey, 0, len(list.Keys))
	for _, key := range list.Keys {
		one := listed(&key, store.Now(), store.Scopes())
		if owner := owners.Of(&key); owner != nil {
			one.OwnerEmail = owner.User.Email
		}
		keys = append(keys, one)
	}
	return p.printList(keys, keyRows(keys))
}

// listedKey is a key as printed. It uses the field names of the API and whole seconds.
type listedKey struct {
	ID               string           `json:"id"`
	Name             string           `json:"name"`
	Description      string           `json:"description"`
	Environment      string           `json:"environment"`
	NotifyNewCallers bool             `json:"notify_new_callers"`
	OwnerID          *string          `json:"owner_id"`    // null if the key has no owner
	OwnerEmail       string           `json:"owner_email"` // empty if the key has no owner
	KeyPrefix        string           `json:"key_prefix"`
	State            models.KeyStatus `json:"state"`
	Scopes           []string         `json:"scopes"`
	CreatedAt        time.Time        `json:"created_at"`
	LastUsedAt       *time.Time       `json:"last_used_at"`
	ExpiresAt        *time.Time       `json:"expires_at"`
	RateLimit        *int             `json:"rate_limit"` // requests per minute; null for the server's limit
	Allowlist        wire.Allowlist   `json:"allowlist"`
	PausedUntil      *time.Time       `json:"paused_until"` // even if in the past; null if the key is scheduled for deletion
	DeleteAt         *time.Time       `json:"delete_at"`    // null unless the key is scheduled for deletion
	DeletedAt        *time.Time       `json:"deleted_at"`
	// The IDs of the replaced key, of the replacement, and of the first key in the rotation history.
	RotatedFrom *string `json:"rotated_from"`
	RotatedTo   *string `json:"rotated_to"`
	RotationID  *string `json:"lineage_id"`
}

func listed(key *models.APIKey, now time.Time, scopes *scope.Catalog) listedKey {
	one := listedKey{
		ID: key.ID, Name: key.Name, Description: key.Description, Environment: key.Environment, OwnerID: key.OwnerID, NotifyNewCallers: key.NotifiesOfNewCallers(), KeyPrefix: key.KeyPrefix, State: key.StatusAt(now), Scopes: scopes.Names(key.Scopes),
		CreatedAt: *inSeconds(&key.CreatedAt), LastUsedAt: inSeconds(key.LastUsedAt), ExpiresAt: inSeconds(key.ExpiresAt),
		PausedUntil: inSeconds(key.PausedUntil), DeletedAt: inSeconds(key.DeletedAt),
		RotatedFrom: key.ReplacesID, RotatedTo: key.ReplacementID, RotationID: key.RotationID,
	}
	one.Allowlist = printedAllowlist(key.Allowlist)
	if key.RateLimit != 0 {
		one.RateLimit = &key.RateLimit
	}
	if key.IsScheduledForDeletion() {
		one.PausedUntil, one.DeleteAt = nil, inSeconds(key.DeleteAt)
	}
	return one
}

// inSeconds returns t in UTC and whole seconds, or nil if t is nil.
func inSeconds(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	whole := t.UTC().Truncate(time.Second)
	return &whole
}

func keyRows(keys []listedKey) [][]string {
	rows := [][]string{{"ID", "NAME", "PREFIX", "STATUS", "SCOPES", "CREATED", "LAST USED", "EXPIRES", "OWNER", "ENVIRONMENT", "DESCRIPTION"}}
	for _, key := range keys {
		status := string(key.State)
		if key.DeleteAt != nil {
			status += " until deletion at " + formatTime(key.DeleteAt)
		}
		rows = append(rows, []string{key.ID, visible(key.Name), key.KeyPrefix, status, cmp.Or(strings.Join(key.Scopes, ","), "-"),
			formatTime(&key.CreatedAt), formatTime(key.LastUsedAt), formatTime(key.ExpiresAt), cmp.Or(visible(key.OwnerEmail), "-"), cmp.Or(visible(key.Environment), "-"), cmp.Or(visible(key.Description), "-")})
	}
	return rows
}

func formatTime(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// visible quotes a name with unprintable characters, which could control the terminal.
func visible(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
