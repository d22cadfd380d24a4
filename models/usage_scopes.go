package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

// ScopeUses returns the uses of the scopes of a key in a workspace since a time, or NotFound. It
// counts from the start of the hour or, where hours are no longer kept (UsageHoursKept), of the day
// of UTC.
func (s *Store) ScopeUses(ctx context.Context, workspaceID, keyID string, since time.Time) (usage.ScopeUses, error) {
	key, err := s.APIKey(ctx, workspaceID, keyID)
	if err != nil {
		return usage.ScopeUses{}, err
	}
	routes, err := s.RouteUses(ctx, workspaceID, keyID)
	if err != nil {
		return usage.ScopeUses{}, err
	}
	counts, accepted, err := s.countByScope(ctx, key, since)
	if err != nil {
		return usage.ScopeUses{}, err
	}
	uses := usage.ScopeUses{Accepted: accepted, Scopes: make([]usage.ScopeUse, 0, key.Scopes.Len())}
	lastUses := lastUseByScope(routes)
	for _, held := range s.Scopes().Definitions(key.Scopes) {
		uses.Scopes = append(uses.Scopes, usage.ScopeUse{Definition: held, Requests: counts[held.Name], LastUsedAt: lastUses[held.Name]})
	}
	return uses, nil
}

// countedFrom returns the counts to read to count requests since a time, and the time they start at.
func (s *Store) countedFrom(since time.Time) (usage.Period, time.Time) {
	if hour := usage.Hourly.Start(since); hour.After(s.now().Add(-UsageHoursKept)) {
		return usage.Hourly, hour
	}
	return usage.Daily, usage.Daily.Start(since)
}

// countByScope counts the accepted requests with a key, in all and by the scope they required.
func (s *Store) countByScope(ctx context.Context, key *APIKey, since time.Time) (counts map[string]int64, accepted int64, err error) {
	by, since := s.countedFrom(since)
	var rows []struct {
		Scope    string
		Requests int64
	}
	err = s.with(ctx).Table(periodTables[by]).Select("scope, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND refusal = ?", key.WorkspaceID, key.ID, since, usage.Accepted).
		Group("scope").Scan(&rows).Error
	if err != nil {
		return nil, 0, fmt.Errorf("count requests by scope: %w", err)
	}
	counts = make(map[string]int64, len(rows))
	for _, row := range rows {
		accepted += row.Requests
		for _, name := range usage.Scopes(row.Scope) {
			counts[name] += row.Requests
		}
	}
	return counts, accepted, nil
}

// lastUseByScope returns when each scope was last required by an accepted request.
func lastUseByScope(routes []APIKeyRouteUse) map[string]*time.Time {
	last := map[string]*time.Time{}
	for i := range routes {
		use := &routes[i]
		if use.Rejection != usage.Accepted {
			continue
		}
		for _, name := range usage.Scopes(use.Scope) {
			if isLater(&use.LastAt, last[name]) {
				last[name] = &use.LastAt
			}
		}
	}
	return last
}
