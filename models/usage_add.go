package models

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

// usageFlush is the ID of Counts that have been stored.
type usageFlush struct {
	ID        string
	CreatedAt time.Time
}

// AddUsage adds counts to the usage of their keys. Counts that are already stored, as after a
// lost response, are not added again. Several nodes may add counts at once.
func (s *Store) AddUsage(ctx context.Context, counts usage.Counts) error {
	rows := storableCounts(counts.Rows)
	var usedAfterDeletion []string
	var learned []uint64
	err := s.Tx(ctx, func(tx *Store) error {
		flush := usageFlush{ID: counts.ID, CreatedAt: tx.now()}
		created := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&flush)
		if created.Error != nil || created.RowsAffected == 0 {
			return created.Error
		}
		for _, period := range []usage.Period{usage.Hourly, usage.Daily} {
			if err := tx.addToPeriods(ctx, rows, period); err != nil {
				return err
			}
		}
		if err := tx.addToRoutes(ctx, rows); err != nil {
			return err
		}
		// Deletions wait for the rows of keys, so these are locked last.
		keys := usage.Group(rows, usage.ByKey)
		if err := tx.lockKeys(ctx, keyIDs(keys)); err != nil {
			return err
		}
		callers, err := tx.addToCallers(ctx, rows)
		if err != nil {
			return err
		}
		scopes, err := tx.addNeededScopes(ctx, rows)
		if err != nil {
			return err
		}
		learned = append(callers, scopes...)
		usedAfterDeletion, err = tx.moveLastUses(ctx, rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("add usage: %w", err)
	}
	s.stored.add(learned)
	if len(usedAfterDeletion) > 0 {
		s.acceptedAfterDeletion(usedAfterDeletion)
	}
	return nil
}

// storableCounts returns counts whose callers can be stored.
func storableCounts(counts []usage.Count) []usage.Count {
	counts = slices.Clone(counts)
	storable := map[usage.Caller]usage.Caller{}
	for i := range counts {
		caller, known := storable[counts[i].Caller]
		if !known {
			caller = StorableCaller(counts[i].Caller)
			storable[counts[i].Caller] = caller
		}
		counts[i].Caller = caller
	}
	return counts
}

// StorableCaller returns caller as it can be stored. Both of its parts come from outside and may
// be too long, invalid UTF-8, or contain an API key.
func StorableCaller(caller usage.Caller) usage.Caller {
	return usage.Caller{Address: clip(caller.Address, maxUserAgent), UserAgent: clip(caller.UserAgent, maxUserAgent)}
}

func keyIDs(counts []usage.Count) []string {
	ids := make([]string, len(counts))
	for i := range counts {
		ids[i] = counts[i].APIKeyID
	}
	return ids
}

// accepted returns the counts of accepted requests.
func accepted(counts []usage.Count) []usage.Count {
	return slices.DeleteFunc(slices.Clone(counts), func(c usage.Count) bool { return c.Rejection != usage.Accepted })
}

// RejectionOf returns the rejection of requests with a key that has a status in which none is accepted.
func RejectionOf(status KeyStatus) usage.Rejection {
	switch status {
	case KeyDeleted:
		return usage.RejectedDeleted
	case KeyPaused:
		return usage.RejectedPaused
	}
	return usage.RejectedExpired
}

var periodTables = map[usage.Period]string{usage.Hourly: "api_key_usage_hours", usage.Daily: "api_key_usage_days"}

func (s *Store) addToPeriods(ctx context.Context, counts []usage.Count, period usage.Period) error {
	sums := usage.Group(counts, usage.By(period))
	rows := make([][]any, len(sums))
	for i, c := range sums {
		rows[i] = []any{c.APIKeyID, c.WorkspaceID, period.Start(c.StartsAt), c.Route, c.Scope, c.StatusClass, string(c.Rejection), c.Requests}
	}
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"starts_at", "timestamptz"}, {"route", "text"}, {"scope", "text"},
		{"status_class", "integer"}, {"refusal", "text"}, {"requests", "bigint"},
	}
	err := s.execRows(ctx, columns, rows, "INSERT INTO "+periodTables[period]+" AS old (@columns) SELECT @columns FROM new WHERE true"+
		" ON CONFLICT (api_key_id, starts_at, route, status_class, refusal) DO UPDATE SET requests = old.requests + excluded.requests")
	if err != nil {
		return fmt.Errorf("add to %s: %w", periodTables[period], err)
	}
	return nil
}

// routeUpsert keeps the earliest first time and the latest last time with its caller, because nodes
// don't flush in the order of the requests.
const routeUpsert = `INSERT INTO api_key_route_uses AS old (@columns) SELECT @columns FROM new WHERE true
ON CONFLICT (api_key_id, route, refusal) DO UPDATE SET
	requests = old.requests + excluded.requests,
	first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END,
	scope = CASE WHEN excluded.last_at > old.last_at THEN excluded.scope ELSE old.scope END,
	last_address = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_address ELSE old.last_address END,
	last_user_agent = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_user_agent ELSE old.last_user_agent END,
	last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END`

func (s *Store) addToRoutes(ctx context.Context, counts []usage.Count) error {
	sums := usage.Group(counts, usage.ByRoute)
	rows := make([][]any, len(sums))
	for i, c := range sums {
		rows[i] = []any{c.APIKeyID, c.WorkspaceID, c.Route, string(c.Rejection), c.Scope, c.Requests, c.First, c.Last, c.Caller.Address, c.Caller.UserAgent}
	}
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"route", "text"}, {"refusal", "text"}, {"scope", "text"}, {"requests", "bigint"},
		{"first_at", "timestamptz"}, {"last_at", "timestamptz"}, {"last_address", "text"}, {"last_user_agent", "text"},
	}
	if err := s.execRows(ctx, columns, rows, routeUpsert); err != nil {
		return fmt.Errorf("add to routes: %w", err)
	}
	return nil
}

// callerUpsert keeps the earliest of the first times and the latest of the last times with what
// belongs to them, because nodes don't flush in the order of the requests.
const callerUpsert = `INSERT INTO api_key_callers AS old (@columns) SELECT @columns FROM new WHERE true
ON CONFLICT (api_key_id, address, user_agent) DO UPDATE SET
	accepted = old.accepted + excluded.accepted,
	refused = old.refused + excluded.refused,
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

// addToCallers adds counts to the callers of keys whose rows are locked, and returns what the Store
// may remember as stored.
func (s *Store) addToCallers(ctx context.Context, counts []usage.Count) (learned []uint64, err error) {
	sums := usage.Group(counts, usage.ByCaller)
	learned, err = s.limitCallers(ctx, sums)
	if err != nil {
		return nil, err
	}
	if len(learned) > 0 {
		sums = usage.Group(sums, usage.ByCaller)
	}
	// A statement cannot write a row twice, so accepted and rejected requests have one each.
	var acceptedRows, rejectedRows [][]any
	for _, c := range sums {
		id := []any{c.APIKeyID, c.WorkspaceID, c.Caller.Address, c.Caller.UserAgent}
		if c.Rejection == usage.Accepted {
			acceptedRows = append(acceptedRows, append(id, c.Requests, 0, c.First, c.Last, c.Last, nil, nil, "", ""))
		} else {
			rejectedRows = append(rejectedRows, append(id, 0, c.Requests, c.First, c.Last, nil, c.First, c.Last, string(c.Rejection), c.Route))
		}
	}
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"address", "text"}, {"user_agent", "text"}, {"accepted", "bigint"}, {"refused", "bigint"},
		{"first_seen_at", "timestamptz"}, {"last_seen_at", "timestamptz"}, {"last_accepted_at", "timestamptz"},
		{"first_refused_at", "timestamptz"}, {"last_refused_at", "timestamptz"}, {"last_refusal", "text"}, {"last_refused_route", "text"},
	}
	for _, rows := range [][][]any{acceptedRows, rejectedRows} {
		if err := s.execRows(ctx, columns, rows, callerUpsert); err != nil {
			return nil, fmt.Errorf("add to callers: %w", err)
		}
	}
	return learned, nil
}

// limitCallers turns callers beyond MaxCallers of a key into others. It returns those of the
// callers in counts that the Store did not remember.
func (s *Store) limitCallers(ctx context.Context, counts []usage.Count) (learned []uint64, err error) {
	var unknown []usage.Count
	for i := range counts {
		if c := &counts[i]; !c.Caller.IsOthers() {
			if id := s.stored.id(c.APIKeyID, c.Caller.Address, c.Caller.UserAgent); !s.stored.has(id) {
				unknown, learned = append(unknown, *c), append(learned, id)
			}
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	known, err := s.callersOf(ctx, keyIDs(usage.Group(unknown, usage.ByKey)))
	if err != nil {
		return nil, err
	}
	for i := range counts {
		c := &counts[i]
		callers, checked := known[c.APIKeyID]
		switch {
		case !checked || c.Caller.IsOthers() || callers[c.Caller]:
		case len(callers) < MaxCallers:
			callers[c.Caller] = true
		default:
			c.Caller = usage.Caller{}
		}
	}
	return learned, nil
}

// maxIDs limits the IDs in a condition of one query.
const maxIDs = 2000

// callersOf returns the stored callers of keys.
func (s *Store) callersOf(ctx context.Context, ids []string) (map[string]map[usage.Caller]bool, error) {
	callers := make(map[string]map[usage.Caller]bool, len(ids))
	for some := range slices.Chunk(ids, maxIDs) {
		var rows []APIKeyCaller
		err := s.with(ctx).Select("api_key_id, address, user_agent").Where("api_key_id IN ? AND (address <> '' OR user_agent <> '')", some).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read callers: %w", err)
		}
		for _, id := range some {
			callers[id] = map[usage.Caller]bool{}
		}
		for _, row := range rows {
			callers[row.APIKeyID][row.Caller()] = true
		}
	}
	return callers, nil
}

// addNeededScopes adds the scopes that accepted requests required to keys whose rows are locked. It
// returns what the Store may remember as stored.
func (s *Store) addNeededScopes(ctx context.Context, counts []usage.Count) (learned []uint64, err error) {
	needed := map[string]scope.Set{}
	for i := range counts {
		// Unknown scopes come from a later version, whose nodes will store them.
		c := &counts[i]
		required, known := scope.Parse(c.Scope)
		if !known || c.Rejection != usage.Accepted {
			continue
		}
		if id := s.stored.id(c.APIKeyID, c.Scope, "scope"); !s.stored.has(id) {
			needed[c.APIKeyID] |= scope.Of(required)
			learned = append(learned, id)
		}
	}
	for id, scopes := range needed {
		if err := s.addScopesOfKey(ctx, id, scopes); err != nil {
			return nil, fmt.Errorf("add needed scopes: %w", err)
		}
	}
	return learned, nil
}

func (s *Store) addScopesOfKey(ctx context.Context, id string, scopes scope.Set) error {
	var stored []string
	if err := s.with(ctx).Model(&APIKey{}).Where("id = ?", id).Pluck("needed_scopes", &stored).Error; err != nil || len(stored) == 0 {
		return err
	}
	var before scope.Set
	if before.Scan(stored[0]) != nil || before|scopes == before {
		return nil // Scan fails for the scopes of a later version
	}
	return s.with(ctx).Model(&APIKey{}).Where("id = ?", id).UpdateColumn("needed_scopes", before|scopes).Error
}

// moveLastUses moves the last uses of keys forward, never back. It returns the keys that were used
// after their deletion had taken effect.
func (s *Store) moveLastUses(ctx context.Context, counts []usage.Count) (usedAfterDeletion []string, err error) {
	uses := usage.Group(accepted(counts), usage.ByKey)
	rows := make([][]any, len(uses))
	for i, c := range uses {
		rows[i] = []any{c.APIKeyID, c.Last, c.Caller.Address, c.Caller.UserAgent, c.Route}
	}
	columns := []column{{"api_key_id", "text"}, {"at", "timestamptz"}, {"address", "text"}, {"user_agent", "text"}, {"route", "text"}}
	err = s.execRows(ctx, columns, rows, `UPDATE api_keys SET last_used_at = new.at, last_used_address = new.address, last_used_user_agent = new.user_agent,
		last_used_route = new.route FROM new WHERE api_keys.id = new.api_key_id AND (last_used_at IS NULL OR last_used_at < new.at)`)
	if err != nil {
		return nil, fmt.Errorf("move last uses: %w", err)
	}
	for some := range slices.Chunk(keyIDs(uses), maxIDs) {
		var used []string
		err := s.with(ctx).Model(&APIKey{}).Where("id IN ? AND deletion_in_force_at IS NOT NULL AND last_used_at > deletion_in_force_at", some).Pluck("id", &used).Error
		if err != nil {
			return nil, fmt.Errorf("look for uses after deletion: %w", err)
		}
		usedAfterDeletion = append(usedAfterDeletion, used...)
	}
	return usedAfterDeletion, nil
}

// lockKeys locks the rows of keys in the order of their IDs. SQLite has locked everything already.
func (s *Store) lockKeys(ctx context.Context, ids []string) error {
	if s.dialect.name == sqlite {
		return nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("encode IDs: %w", err)
	}
	err = s.with(ctx).Exec("SELECT 1 FROM api_keys WHERE id IN (SELECT jsonb_array_elements_text(CAST(? AS jsonb))) ORDER BY id FOR NO KEY UPDATE", string(text)).Error
	if err != nil {
		return fmt.Errorf("lock API keys: %w", err)
	}
	return nil
}

// storedMemory remembers callers and scopes of keys that the database is known to have, so that
// adding counts doesn't look them up each time. It forgets everything when it is full.
type storedMemory struct {
	mu   sync.Mutex
	seed maphash.Seed
	ids  map[uint64]struct{}
}

const maxStoredMemory = 1 << 17

func newStoredMemory() *storedMemory { return &storedMemory{seed: maphash.MakeSeed()} }

func (m *storedMemory) id(key, a, b string) uint64 {
	return maphash.Comparable(m.seed, [3]string{key, a, b})
}

func (m *storedMemory) has(id uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.ids[id]
	return known
}

func (m *storedMemory) add(ids []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil || len(m.ids)+len(ids) > maxStoredMemory {
		m.ids = map[uint64]struct{}{}
	}
	for _, id := range ids {
		m.ids[id] = struct{}{}
	}
}
