package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// keyRow is a key in a recordset.
type keyRow struct {
	APIKeyID string `json:"api_key_id"`
}

// lockKeys locks the rows of keys, in the order of their ids. On SQLite the transaction has all
// of the database already.
func (s *Store) lockKeys(ctx context.Context, keys map[string]bool) error {
	if s.dialect.name == sqlite {
		return nil
	}
	list := make([]keyRow, 0, len(keys))
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, keyRow{id})
	}
	err := execRows(ctx, s, []column{{"api_key_id", "text"}}, list, "SELECT 1 FROM api_keys WHERE id IN (SELECT api_key_id FROM @rows) ORDER BY id FOR NO KEY UPDATE")
	if err != nil {
		return fmt.Errorf("lock API keys: %w", err)
	}
	return nil
}

// lastUseRow is a lastUse on its way into the table.
type lastUseRow struct {
	keyRow
	At        string `json:"at"`
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
	Route     string `json:"route"`
}

// moveLastUses moves the last use of keys forward, never back, and lists those keys among them
// that were used after their deletion was in force.
func (s *Store) moveLastUses(ctx context.Context, uses map[string]lastUse) (usedAfterDeletion []string, err error) {
	list := make([]lastUseRow, 0, len(uses))
	for id, use := range uses {
		list = append(list, lastUseRow{keyRow{id}, s.dialect.moment(use.at), use.caller.Address, use.caller.UserAgent, use.route})
	}
	columns := []column{{"api_key_id", "text"}, {"at", "timestamptz"}, {"address", "text"}, {"user_agent", "text"}, {"route", "text"}}
	err = execRows(ctx, s, columns, list, `UPDATE api_keys SET last_used_at = new.at, last_used_address = new.address, last_used_user_agent = new.user_agent,
		last_used_route = new.route FROM @rows WHERE api_keys.id = new.api_key_id AND (last_used_at IS NULL OR last_used_at < new.at)`)
	if err != nil {
		return nil, fmt.Errorf("move last uses: %w", err)
	}
	usedAfterDeletion, err = queryRows[lastUseRow, string](ctx, s, columns, list,
		"SELECT api_keys.id FROM @rows JOIN api_keys ON api_keys.id = new.api_key_id WHERE new.at > deletion_in_force_at")
	if err != nil {
		return nil, fmt.Errorf("look for uses after deletion: %w", err)
	}
	return usedAfterDeletion, nil
}
