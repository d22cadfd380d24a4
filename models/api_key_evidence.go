package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// Evidence is what a Finding about a key is based on, beside the key's row.
type Evidence struct {
	UnusedScopes  scope.Set  // with FindScopes
	ObservedSince time.Time  // with FindScopes: usage before is not known
	DeactivatedAt *time.Time // with FindOrphaned: who made the key
	Knocks        Knocks     // with FindKnocking
}

// Knocks are the requests that were sent with a key which was not accepted any more.
type Knocks struct {
	Requests    int64 // in 30 days
	Since, Last time.Time
	Callers     []APIKeyCaller // of the last ReviewKnocking, the last seen first
}

// EvidenceOf is the evidence for a finding about keys of a workspace, by their ids, in a fixed
// number of queries.
func (s *Store) EvidenceOf(ctx context.Context, workspaceID string, finding Finding, keys []APIKey) (map[string]Evidence, error) {
	switch finding {
	case FindScopes:
		return s.scopeEvidence(ctx, workspaceID, keys)
	case FindOrphaned:
		return s.orphanEvidence(ctx, workspaceID, keys)
	case FindKnocking:
		return s.knockEvidence(ctx, workspaceID, keys)
	}
	return nil, nil // the row says it all
}

func apiKeyIDs(keys []APIKey) []string {
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	return ids
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

func (s *Store) orphanEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	var ids []string
	for _, key := range keys {
		if key.CreatedByID != nil {
			ids = append(ids, *key.CreatedByID)
		}
	}
	var makers []Member
	if err := s.with(ctx).Where("workspace_id = ? AND id IN ?", workspaceID, ids).Find(&makers).Error; err != nil {
		return nil, fmt.Errorf("read who made API keys: %w", err)
	}
	at := map[string]*time.Time{}
	for _, member := range makers {
		at[member.ID] = member.DeactivatedAt
	}
	evidence := make(map[string]Evidence, len(keys))
	for _, key := range keys {
		if key.CreatedByID != nil {
			evidence[key.ID] = Evidence{DeactivatedAt: at[*key.CreatedByID]}
		}
	}
	return evidence, nil
}

func (s *Store) knockEvidence(ctx context.Context, workspaceID string, keys []APIKey) (map[string]Evidence, error) {
	now := s.now()
	var callers []APIKeyCaller
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ? AND last_refused_at > ? AND last_refusal IN "+deadRefusals,
		workspaceID, apiKeyIDs(keys), now.Add(-ReviewKnocking)).Order("last_refused_at DESC, address, user_agent").Find(&callers).Error
	if err != nil {
		return nil, fmt.Errorf("read who knocks: %w", err)
	}
	var refused []struct {
		APIKeyID string
		Requests int64
	}
	err = s.with(ctx).Table(periodTables[usage.Daily]).Select("api_key_id, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id IN ? AND starts_at >= ? AND refusal IN "+deadRefusals,
			workspaceID, apiKeyIDs(keys), now.Add(-30*24*time.Hour).Truncate(24*time.Hour)).
		Group("api_key_id").Scan(&refused).Error
	if err != nil {
		return nil, fmt.Errorf("count who knocks: %w", err)
	}
	knocks := map[string]Knocks{}
	for _, row := range refused {
		knocks[row.APIKeyID] = Knocks{Requests: row.Requests}
	}
	for _, caller := range callers {
		of := knocks[caller.APIKeyID]
		knocks[caller.APIKeyID] = of.with(caller)
	}
	evidence := make(map[string]Evidence, len(keys))
	for i := range keys {
		of := knocks[keys[i].ID]
		if dead := keys[i].deadSince(now); of.Since.Before(dead) {
			of.Since = dead // what was refused before was refused for another reason
		}
		evidence[keys[i].ID] = Evidence{Knocks: of}
	}
	return evidence, nil
}

// with is k with a caller more.
func (k Knocks) with(caller APIKeyCaller) Knocks {
	k.Callers = append(k.Callers, caller)
	if first := caller.FirstRejectedAt; first != nil && (k.Since.IsZero() || first.Before(k.Since)) {
		k.Since = *first
	}
	if last := caller.LastRejectedAt; last != nil && last.After(k.Last) {
		k.Last = *last
	}
	return k
}

// deadSince is the first moment up to now after which k may not have been accepted any more.
func (k *APIKey) deadSince(now time.Time) time.Time {
	first := now
	for _, at := range []*time.Time{k.DeletedAt, k.ExpiresAt, k.PausedAt} {
		if at != nil && at.Before(first) {
			first = *at
		}
	}
	return first
}
