package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/scope"
)

// ScopeUses is what the scopes of a key were needed for.
type ScopeUses struct {
	Accepted int64      // requests that were accepted, whatever they needed
	Scopes   []ScopeUse // one for each scope that the key holds, in the order in which scopes are shown
}

// ScopeUse is how often a scope was needed.
type ScopeUse struct {
	Scope      scope.Scope
	Requests   int64      // accepted ones that needed it
	LastUsedAt *time.Time // when it was last needed, also before those counted; nil for never
}

// ScopeUses returns what the scopes of a key of a workspace were needed for since a time, up to
// the last second, or NotFound. It counts from the hour that the time is in; where the hours are
// not kept any more (UsageHoursKept), from the day of UTC.
func (s *Store) ScopeUses(ctx context.Context, workspaceID, keyID string, since time.Time) (ScopeUses, error) {
	routes, err := s.RouteUses(ctx, workspaceID, keyID)
	if err != nil {
		return ScopeUses{}, err
	}
	key, err := s.APIKey(ctx, workspaceID, keyID)
	if err != nil {
		return ScopeUses{}, err
	}
	counts, err := s.countByScope(ctx, key, since)
	if err != nil {
		return ScopeUses{}, err
	}
	uses := ScopeUses{Scopes: make([]ScopeUse, 0, key.Scopes.Len())}
	for _, requests := range counts {
		uses.Accepted += requests
	}
	lastUses := lastUseByScope(routes)
	for _, held := range key.Scopes.Scopes() {
		uses.Scopes = append(uses.Scopes, ScopeUse{held, counts[held.String()], lastUses[held.String()]})
	}
	return uses, nil
}

// countedFrom is the start of the hour that since is in and Hourly, or where the hours are not
// kept any more, the start of its day and Daily.
func (s *Store) countedFrom(since time.Time) (Period, time.Time) {
	by := Hourly
	if !since.Truncate(Hourly.length).After(s.now().Add(-UsageHoursKept)) {
		by = Daily
	}
	return by, since.UTC().Truncate(by.length)
}

// countByScope counts the accepted requests of a key by the word of the scope that they needed.
func (s *Store) countByScope(ctx context.Context, key *APIKey, since time.Time) (map[string]int64, error) {
	by, since := s.countedFrom(since)
	var rows []struct {
		Scope    string
		Requests int64
	}
	err := s.with(ctx).Table(by.table).Select("scope, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND refusal = ?", key.WorkspaceID, key.ID, since, Accepted).
		Group("scope").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count requests by scope: %w", err)
	}
	counts := make(map[string]int64, len(rows))
	for _, row := range rows {
		counts[row.Scope] = row.Requests
	}
	return counts, nil
}

// lastUseByScope is when a scope was last needed by an accepted request, by its word.
func lastUseByScope(routes []APIKeyRouteUse) map[string]*time.Time {
	last := map[string]*time.Time{}
	for i := range routes {
		if use := &routes[i]; use.Refusal == Accepted && isLater(&use.LastAt, last[use.Scope]) {
			last[use.Scope] = &use.LastAt
		}
	}
	return last
}

// neededScopes are the scopes that accepted requests have needed, by key. A word that this program
// does not know is of a later version, whose nodes will note it.
func (s *usageSums) neededScopes() map[string]scope.Set {
	needed := map[string]scope.Set{}
	for id, use := range s.routes {
		if word, known := scope.Parse(use.scope); known && id.Refusal == Accepted {
			needed[id.APIKeyID] |= scope.Of(word)
		}
	}
	return needed
}

// neededRow is what a key has needed on its way into the table, or out of it.
type neededRow struct {
	APIKeyID     string `json:"api_key_id"`
	NeededScopes string `json:"needed_scopes"`
}

var neededColumns = []column{{"api_key_id", "text"}, {"needed_scopes", "text"}}

// addNeededScopes adds scopes to those that keys, whose rows are locked, have needed before. There
// is next to never one to add.
func (s *Store) addNeededScopes(ctx context.Context, needed map[string]scope.Set) error {
	rows := make([]neededRow, 0, len(needed))
	for id := range needed {
		rows = append(rows, neededRow{APIKeyID: id})
	}
	before, err := queryRows[neededRow, neededRow](ctx, s, neededColumns, rows,
		"SELECT api_keys.id AS api_key_id, api_keys.needed_scopes FROM @rows JOIN api_keys ON api_keys.id = new.api_key_id")
	if err != nil {
		return fmt.Errorf("read needed scopes: %w", err)
	}
	rows = rows[:0]
	for _, key := range before {
		var known scope.Set
		if known.Scan(key.NeededScopes) != nil {
			continue // as above; the usage of all other keys does not wait for it
		}
		if now := known | needed[key.APIKeyID]; now != known {
			rows = append(rows, neededRow{key.APIKeyID, now.String()})
		}
	}
	err = execRows(ctx, s, neededColumns, rows, "UPDATE api_keys SET needed_scopes = new.needed_scopes FROM @rows WHERE api_keys.id = new.api_key_id")
	if err != nil {
		return fmt.Errorf("add needed scopes: %w", err)
	}
	return nil
}
