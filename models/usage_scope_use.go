package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// scopeUse is that accepted requests with a key have needed a scope.
type scopeUse struct {
	APIKeyID    string    `json:"api_key_id"`
	WorkspaceID string    `json:"workspace_id"`
	Scope       string    `json:"scope"`
	FirstUsedAt time.Time `json:"-"` // the hour
}

func (scopeUse) TableName() string { return "api_key_scope_uses" }

// scopeUseRow is a scopeUse on its way into the table.
type scopeUseRow struct {
	scopeUse
	FirstUsedAt string `json:"first_used_at"`
}

var scopeUseColumns = []column{{"api_key_id", "text"}, {"workspace_id", "text"}, {"scope", "text"}, {"first_used_at", "timestamptz"}}

// addScopeUses notes which scopes counts show to be in use. Mostly that is known already, and
// then nothing is written.
func (s *Store) addScopeUses(ctx context.Context, counts map[UsageCount]int64) error {
	first := map[scopeUse]time.Time{}
	for count := range counts {
		if count.Scope == "" || count.Refusal != Accepted {
			continue
		}
		use := scopeUse{APIKeyID: count.APIKeyID, WorkspaceID: count.WorkspaceID, Scope: count.Scope}
		if at, known := first[use]; !known || count.StartsAt.Before(at) {
			first[use] = count.StartsAt
		}
	}
	rows := make([]scopeUseRow, 0, len(first))
	for use, at := range first {
		rows = append(rows, scopeUseRow{use, s.dialect.moment(at)})
	}
	slices.SortFunc(rows, func(a, b scopeUseRow) int {
		return cmp.Or(cmp.Compare(a.APIKeyID, b.APIKeyID), cmp.Compare(a.Scope, b.Scope))
	})
	err := execRows(ctx, s, scopeUseColumns, rows, "INSERT INTO api_key_scope_uses (@columns) SELECT @columns FROM @rows WHERE true ON CONFLICT DO NOTHING")
	if err != nil {
		return fmt.Errorf("note scopes in use: %w", err)
	}
	return nil
}
