package models

import (
	"context"
	"fmt"
	"time"
)

const (
	// DefaultMaxAPIKeys is the default limit of the keys in a workspace. It is high enough for a key per
	// customer or machine, and low enough that a leaked key can't fill the list with keys of its own.
	DefaultMaxAPIKeys = 1000
	// DefaultKeyCreations is the default limit of the keys that API keys create in an hour.
	DefaultKeyCreations = 30
	// creationWindow is the time that Options.KeyCreations counts keys in.
	creationWindow = time.Hour
)

// lockForCreation prevents concurrent transactions from creating keys in a workspace and from changing
// the given keys. It returns the workspace, and the key that creates a key, or nil if a person does. It
// returns Forbidden if that key was deleted, so that the deletion of a key with its descendants misses none.
func (s *Store) lockForCreation(ctx context.Context, workspaceID string, ids ...string) (workspace *Workspace, creator *APIKey, err error) {
	if workspace, err = s.lockWorkspace(ctx, workspaceID); err != nil {
		return nil, nil, err
	}
	if actor := ActorOf(ctx); actor.Type == ActorAPIKey {
		ids = append(ids, actor.ID)
	}
	if err := s.lockKeys(ctx, storableAll(ids)); err != nil {
		return nil, nil, err
	}
	creator, err = s.actingKey(ctx)
	if err == nil && creator != nil && creator.DeletedAt != nil {
		err = Errorf(Forbidden, "This API key was just deleted, so it can't create keys.")
	}
	return workspace, creator, err
}

// requireBudget returns an error if a key that was just inserted exceeds a limit. The keys that API keys
// create count for the key at the top, so that a key can't create more through its descendants.
func (s *Store) requireBudget(ctx context.Context, key *APIKey) error {
	if err := s.requireRoom(ctx, key.WorkspaceID); err != nil {
		return err
	}
	if key.CreatedByType != ActorAPIKey || s.keyCreations < 0 {
		return nil
	}
	var recent []time.Time
	err := s.with(ctx).Raw(`WITH RECURSIVE above (id, created_by_type, created_by_id) AS (
			SELECT id, created_by_type, created_by_id FROM api_keys WHERE workspace_id = @workspace AND id = @id
			UNION
			SELECT k.id, k.created_by_type, k.created_by_id FROM api_keys k JOIN above ON k.id = above.created_by_id
				WHERE above.created_by_type = 'api_key' AND k.workspace_id = @workspace
		), family (id, created_at) AS (
			SELECT k.id, k.created_at FROM api_keys k JOIN above ON k.created_by_id = above.id
				WHERE above.created_by_type <> 'api_key' AND k.created_by_type = 'api_key' AND k.workspace_id = @workspace
			UNION
			SELECT k.id, k.created_at FROM api_keys k JOIN family ON k.created_by_id = family.id
				WHERE k.created_by_type = 'api_key' AND k.workspace_id = @workspace
		)
		SELECT created_at FROM family WHERE created_at > @since ORDER BY created_at DESC LIMIT @limit`,
		map[string]any{
			"workspace": key.WorkspaceID, "id": key.ID, "since": s.now().Add(-creationWindow), "limit": s.keyCreations + 1,
		}).Scan(&recent).Error
	if err != nil {
		return fmt.Errorf("count keys created by API keys: %w", err)
	}
	if len(recent) <= s.keyCreations {
		return nil
	}
	return &Error{
		Kind: RateLimited, RetryAfter: recent[s.keyCreations].Add(creationWindow).Sub(s.now()),
		Message: fmt.Sprintf("This API key and the keys it comes from can create %d keys per hour. Try again later.", s.keyCreations),
	}
}

// requireRoom returns FailedPrecondition if a workspace has more keys than it may have. Deleted and
// expired keys don't count.
func (s *Store) requireRoom(ctx context.Context, workspaceID string) error {
	if s.maxAPIKeys < 0 {
		return nil
	}
	var keys int64
	err := s.with(ctx).Model(&APIKey{}).Where(notExpiredSQL+" AND workspace_id = @workspace", map[string]any{"workspace": workspaceID, "now": s.now()}).
		Count(&keys).Error
	if err != nil {
		return fmt.Errorf("count API keys: %w", err)
	}
	if keys > int64(s.maxAPIKeys) {
		return Errorf(FailedPrecondition, "This workspace has reached its limit of %d API keys. Delete keys that you don't need.", s.maxAPIKeys)
	}
	return nil
}

// Descendants returns, for each of the given keys, the keys that it created, directly or through other
// keys, and that can still be used, including paused ones, oldest first.
func (s *Store) Descendants(ctx context.Context, workspaceID string, ids []string) (map[string][]APIKey, error) {
	var rows []struct {
		Root string
		APIKey
	}
	err := s.with(ctx).Raw(`WITH RECURSIVE family (root, id) AS (
			SELECT created_by_id, id FROM api_keys WHERE workspace_id = @workspace AND created_by_type = 'api_key' AND created_by_id IN @ids
			UNION
			SELECT family.root, k.id FROM api_keys k JOIN family ON k.created_by_id = family.id
				WHERE k.workspace_id = @workspace AND k.created_by_type = 'api_key'
		)
		SELECT family.root, `+apiKeyColumns()+` FROM family JOIN api_keys USING (id) WHERE `+notExpiredSQL+` ORDER BY id`,
		map[string]any{"workspace": workspaceID, "ids": storableAll(ids), "now": s.now()}).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read descendants of API keys: %w", err)
	}
	descendants := map[string][]APIKey{}
	for _, row := range rows {
		descendants[row.Root] = append(descendants[row.Root], row.APIKey)
	}
	return descendants, nil
}
