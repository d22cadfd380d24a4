package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/skipup/keys/models/usage"
)

// callerUpsert keeps the earliest of the first times and the latest of the last times with what
// belongs to them, because nodes don't flush in the order of the requests.
const callerUpsert = `INSERT INTO api_key_callers AS old (@columns) SELECT @columns FROM new WHERE true
ON CONFLICT (api_key_id, address, user_agent) DO UPDATE SET
	accepted = old.accepted + excluded.accepted,
	refused = old.refused + excluded.refused,
	others = CASE WHEN length(excluded.others) = 0 THEN old.others ELSE excluded.others END,
	first_seen_at = CASE WHEN excluded.first_seen_at < old.first_seen_at THEN excluded.first_seen_at ELSE old.first_seen_at END,
	last_seen_at = CASE WHEN excluded.last_seen_at > old.last_seen_at THEN excluded.last_seen_at ELSE old.last_seen_at END,
	last_accepted_at = CASE WHEN old.last_accepted_at IS NULL OR excluded.last_accepted_at > old.last_accepted_at
		THEN excluded.last_accepted_at ELSE old.last_accepted_at END,
	first_refused_at = CASE WHEN old.first_refused_at IS NULL OR excluded.first_refused_at < old.first_refused_at
		THEN excluded.first_refused_at ELSE old.first_refused_at END,
	last_refusal = CASE WHEN old.last_refused_at IS NULL OR excluded.last_refused_at > old.last_refused_at
		THEN excluded.last_refusal ELSE old.last_refusal END,
	last_refused_route = CASE WHEN old.last_refused_at IS NULL OR excluded.last_refused_at > old.last_refused_at
		THEN excluded.last_refused_route ELSE old.last_refused_route END,
	last_refused_at = CASE WHEN old.last_refused_at IS NULL OR excluded.last_refused_at > old.last_refused_at
		THEN excluded.last_refused_at ELSE old.last_refused_at END`

// addToCallers adds counts to the callers of keys whose rows are locked, and adds to learned which row
// counts a caller.
func (s *Store) addToCallers(ctx context.Context, counts []usage.Count, learned memories) error {
	sums := usage.Group(counts, usage.ByCaller)
	together, found, err := s.limitCallers(ctx, sums, learned)
	if err != nil {
		return err
	}
	if err := s.recordNewCallers(ctx, found); err != nil {
		return err
	}
	// A statement cannot write a row twice, so accepted and rejected requests have one each.
	var acceptedRows, rejectedRows [][]any
	for _, c := range usage.Group(sums, usage.ByCaller) {
		others, err := together[callerRow{c.APIKeyID, c.Caller.Address, c.Caller.UserAgent}].Value()
		if err != nil {
			return err
		}
		id := []any{c.APIKeyID, c.WorkspaceID, c.Caller.Address, c.Caller.UserAgent, others}
		if c.Rejection == usage.Accepted {
			acceptedRows = append(acceptedRows, append(id, c.Requests, 0, c.First, c.Last, c.Last, nil, nil, "", ""))
		} else {
			rejectedRows = append(rejectedRows, append(id, 0, c.Requests, c.First, c.Last, nil, c.First, c.Last, string(c.Rejection), c.Route))
		}
	}
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"address", "text"}, {"user_agent", "text"}, {"others", "bytea"}, {"accepted", "bigint"},
		{"refused", "bigint"}, {"first_seen_at", "timestamptz"}, {"last_seen_at", "timestamptz"}, {"last_accepted_at", "timestamptz"},
		{"first_refused_at", "timestamptz"}, {"last_refused_at", "timestamptz"}, {"last_refusal", "text"}, {"last_refused_route", "text"},
	}
	for _, rows := range [][][]any{acceptedRows, rejectedRows} {
		if err := s.execRows(ctx, columns, rows, callerUpsert); err != nil {
			return fmt.Errorf("add to callers: %w", err)
		}
	}
	return nil
}

// slot says which row counts a caller.
type slot uint8

const (
	ownSlot     slot = iota
	addressSlot      // the row of the other user agents of its address
	othersSlot       // the row of all other addresses
)

// callerRow identifies a row of api_key_callers.
type callerRow struct{ keyID, address, userAgent string }

// limitCallers gives the callers in counts to the rows that count them, and adds to learned those that
// the Store did not remember. It returns the callers of rows that now count more callers together, and the networks
// that no caller was in before.
func (s *Store) limitCallers(ctx context.Context, counts []usage.Count, learned memories) (together map[callerRow]usage.CallerSet, found []newCaller, err error) {
	ids := make([]uint64, len(counts))
	var unknown []int
	var of []usage.Count
	for i := range counts {
		c := &counts[i]
		ids[i] = s.stored.id(c.APIKeyID, c.Caller.Address, c.Caller.UserAgent)
		if c.Caller.Rest {
			ids[i] = s.stored.id(c.APIKeyID, c.Caller.Address, "\x00") // no user agent has this
		}
		if in, known := s.stored.recall(ids[i]); known {
			c.Caller = in.of(c.Caller)
		} else {
			unknown, of = append(unknown, i), append(of, *c)
		}
	}
	if len(unknown) == 0 {
		return nil, nil, nil
	}
	keys, err := s.callersOf(ctx, keyIDs(usage.Group(of, usage.ByKey)))
	if err != nil {
		return nil, nil, err
	}
	together = map[callerRow]usage.CallerSet{}
	for _, i := range unknown {
		c := &counts[i]
		key := keys[c.APIKeyID]
		if network, isNew := key.addNetwork(c.Caller); isNew && c.Rejection != usage.RejectedDeleted {
			found = append(found, newCaller{c.APIKeyID, network, c.First})
		}
		in := key.place(c.Caller)
		learned[ids[i]] = in
		row := in.of(c.Caller)
		if set, changed := key.add(row, c.Caller); changed {
			together[callerRow{c.APIKeyID, row.Address, row.UserAgent}] = set
		}
		c.Caller = row
	}
	return together, found, nil
}

// of returns the address and the user agent of the row in which a caller is counted.
func (s slot) of(c usage.Caller) usage.Caller {
	switch s {
	case addressSlot:
		return usage.Caller{Address: c.Address}
	case othersSlot:
		return usage.Caller{}
	}
	return c
}

// keyCallers are the rows of the callers of a key.
type keyCallers struct {
	rows      map[usage.Caller]usage.CallerSet
	addresses map[string]bool
	networks  map[string]bool // of the addresses, once needed
}

// place returns the row for a caller. Each address has a row for its first user agent, until there are
// MaxAddresses. Further user agents have rows while the key has fewer than MaxCallers.
func (k *keyCallers) place(c usage.Caller) slot {
	_, hasRow := k.rows[c]
	switch {
	case c.IsOthers():
		return othersSlot
	case hasRow:
		return ownSlot
	case !k.addresses[c.Address]:
		if len(k.addresses) >= MaxAddresses {
			return othersSlot
		}
		k.addresses[c.Address] = true
		if c.Rest {
			return addressSlot
		}
		return ownSlot
	case c.Rest || len(k.rows) >= MaxCallers:
		return addressSlot
	}
	return ownSlot
}

// add adds a caller to the row that counts it. It reports whether the row then counts more callers
// together, and returns them.
func (k *keyCallers) add(row, c usage.Caller) (set usage.CallerSet, changed bool) {
	before, exists := k.rows[row]
	together := len(before) > 0 || row != c || row.IsOthers()
	if !together {
		k.rows[row] = nil
		return nil, false
	}
	if exists {
		set = callersIn(row, before)
	}
	if c.Rest || c.IsOthers() {
		set = set.Union(usage.UnknownCallers())
	} else {
		set = set.Union(usage.CallersIn(c))
	}
	k.rows[row] = set
	return set, !slices.Equal(before, set)
}

// callersOf returns the stored callers of keys.
func (s *Store) callersOf(ctx context.Context, ids []string) (map[string]*keyCallers, error) {
	keys := make(map[string]*keyCallers, len(ids))
	for some := range slices.Chunk(ids, maxIDs) {
		var rows []APIKeyCaller
		err := s.with(ctx).Select("api_key_id, address, user_agent, others").Where("api_key_id IN ?", some).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read callers: %w", err)
		}
		for _, id := range some {
			keys[id] = &keyCallers{rows: map[usage.Caller]usage.CallerSet{}, addresses: map[string]bool{}}
		}
		for i := range rows {
			key := keys[rows[i].APIKeyID]
			key.rows[rows[i].Caller()] = rows[i].Others
			if !rows[i].IsOthers() {
				key.addresses[rows[i].Address] = true
			}
		}
	}
	return keys, nil
}
