package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// Evidence explains a Finding about a key, in addition to its row.
type Evidence struct {
	UnusedScopes  scope.Set    // with FindScopes
	ObservedSince time.Time    // with FindScopes: start of the recorded usage
	GoneAt        *time.Time   // when the key's owner was deactivated (FindOwnerLeft), or the key that created it was deleted (FindOrphaned)
	Descendants   int          // keys that the key created and that can still be used
	RejectedUses  RejectedUses // with FindStillUsed
}

// RejectedUses are the requests with a key that is deleted, expired, or paused.
type RejectedUses struct {
	Requests    int64 // in the last 30 days
	Since, Last time.Time
	Callers     []APIKeyCaller // of the last ReviewStillUsed, last seen first
}

// EvidenceOf returns the evidence for a finding about keys in a workspace, by key ID, in a fixed number
// of queries.
func (s *Store) EvidenceOf(ctx context.Context, workspaceID string, finding Finding, keys []APIKey) (map[string]Evidence, error) {
	evidence, err := s.evidenceOf(ctx, workspaceID, finding, keys)
	if err != nil || finding == "" {
		return evidence, err
	}
	descendants, err := s.Descendants(ctx, workspaceID, APIKeyIDs(keys))
	if err != nil {
		return nil, err
	}
	if evidence == nil {
		evidence = map[string]Evidence{}
	}
	for id, of := range descendants {
		e := evidence[id]
		e.Descendants = len(of)
		evidence[id] = e
	}
	return evidence, nil
}

func (s *Store) evidenceOf(ctx context.Context, workspaceID string, finding Finding, keys []APIKey) (map[string]Evidence, error) {
	switch finding {
	case FindScopes:
		return s.scopeEvidence(ctx, workspaceID, keys)
	case FindOwnerLeft:
		return s.ownerEvidence(ctx, workspaceID, keys)
	case FindOrphaned:
		return s.orphanEvidence(ctx, workspaceID, keys)
	case FindStillUsed:
		return s.rejectedUseEvidence(ctx, workspaceID, keys)
	}
	return nil, nil // the row is enough
}

func (s *Store) scopeEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	recorded, err := s.usageRecordedSince(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	evidence := make(map[string]Evidence, len(keys))
	for _, key := range keys {
		of := Evidence{UnusedScopes: key.Scopes.Without(key.NeededScopes), ObservedSince: key.CreatedAt}
		if recorded != nil && recorded.After(key.CreatedAt) {
			of.ObservedSince = *recorded
		}
		evidence[key.ID] = of
	}
	return evidence, nil
}

// ownerEvidence says when the owners of keys were deactivated.
func (s *Store) ownerEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	owners, err := s.OwnersOf(ctx, workspaceID, keys)
	if err != nil {
		return nil, err
	}
	evidence := make(map[string]Evidence, len(keys))
	for i := range keys {
		if owner := owners.Of(&keys[i]); owner != nil {
			evidence[keys[i].ID] = Evidence{GoneAt: owner.DeactivatedAt}
		}
	}
	return evidence, nil
}

// orphanEvidence says when the keys that created keys were deleted.
func (s *Store) orphanEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	var ids []string
	for _, key := range keys {
		if key.CreatedByID != nil {
			ids = append(ids, *key.CreatedByID)
		}
	}
	creators, err := s.keysByID(ctx, workspaceID, ids)
	if err != nil {
		return nil, err
	}
	at := map[string]*time.Time{}
	for _, key := range creators {
		at[key.ID] = key.DeletedAt
	}
	evidence := make(map[string]Evidence, len(keys))
	for _, key := range keys {
		if key.CreatedByID != nil {
			evidence[key.ID] = Evidence{GoneAt: at[*key.CreatedByID]}
		}
	}
	return evidence, nil
}

func (s *Store) rejectedUseEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	now := s.now()
	var callers []APIKeyCaller
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ? AND last_refused_at > ? AND last_refusal IN "+inactiveRejections,
		workspaceID, APIKeyIDs(keys), now.Add(-ReviewStillUsed)).Order("last_refused_at DESC, address, user_agent").Find(&callers).Error
	if err != nil {
		return nil, fmt.Errorf("read callers of rejected requests: %w", err)
	}
	var rejected []struct {
		APIKeyID string
		Requests int64
	}
	err = s.with(ctx).Table(periodTables[usage.Daily]).Select("api_key_id, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id IN ? AND starts_at >= ? AND refusal IN "+inactiveRejections,
			workspaceID, APIKeyIDs(keys), now.Add(-30*24*time.Hour).Truncate(24*time.Hour)).
		Group("api_key_id").Scan(&rejected).Error
	if err != nil {
		return nil, fmt.Errorf("count rejected requests: %w", err)
	}
	uses := map[string]RejectedUses{}
	for _, row := range rejected {
		uses[row.APIKeyID] = RejectedUses{Requests: row.Requests}
	}
	for _, caller := range callers {
		of := uses[caller.APIKeyID]
		uses[caller.APIKeyID] = of.with(caller)
	}
	evidence := make(map[string]Evidence, len(keys))
	for i := range keys {
		of := uses[keys[i].ID]
		if since := keys[i].inactiveSince(now); of.Since.Before(since) {
			of.Since = since // earlier requests were rejected for another reason
		}
		evidence[keys[i].ID] = Evidence{RejectedUses: of}
	}
	return evidence, nil
}

// with returns k with another caller.
func (k RejectedUses) with(caller APIKeyCaller) RejectedUses {
	k.Callers = append(k.Callers, caller)
	if first := caller.FirstRejectedAt; first != nil && (k.Since.IsZero() || first.Before(k.Since)) {
		k.Since = *first
	}
	if last := caller.LastRejectedAt; last != nil && last.After(k.Last) {
		k.Last = *last
	}
	return k
}

// inactiveSince returns the earliest time up to now at which k may have stopped being accepted.
func (k *APIKey) inactiveSince(now time.Time) time.Time {
	first := now
	for _, at := range []*time.Time{k.DeletedAt, k.ExpiresAt, k.PausedAt} {
		if at != nil && at.Before(first) {
			first = *at
		}
	}
	return first
}
