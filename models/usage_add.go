package models

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
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
	var learned memories
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
		learned = memories{}
		if err := tx.addToCallers(ctx, rows, learned); err != nil {
			return err
		}
		if err := tx.addNeededScopes(ctx, rows, learned); err != nil {
			return err
		}
		if err := tx.publishRejectedAfterDeletion(ctx, rows, learned); err != nil {
			return err
		}
		var err error
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
	caller.Address, caller.UserAgent = clip(caller.Address, maxUserAgent), clip(caller.UserAgent, maxUserAgent)
	return caller
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
		rows[i] = []any{c.APIKeyID, c.WorkspaceID, period.Start(c.StartsAt), c.Route, c.Scope, c.StatusClass, string(c.Rejection), c.Requests, c.Outside}
	}
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"starts_at", "timestamptz"}, {"route", "text"}, {"scope", "text"},
		{"status_class", "integer"}, {"refusal", "text"}, {"requests", "bigint"}, {"outside", "bigint"},
	}
	err := s.execRows(ctx, columns, rows, "INSERT INTO "+periodTables[period]+" AS old (@columns) SELECT @columns FROM new WHERE true"+
		" ON CONFLICT (api_key_id, starts_at, route, status_class, refusal) DO UPDATE SET requests = old.requests + excluded.requests, outside = old.outside + excluded.outside")
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

// addNeededScopes adds the scopes that accepted requests required to keys whose rows are locked, and
// adds to learned what the Store may remember as stored.
func (s *Store) addNeededScopes(ctx context.Context, counts []usage.Count, learned memories) error {
	needed := map[string]scope.Set{}
	for i := range counts {
		c := &counts[i]
		if c.Rejection != usage.Accepted {
			continue
		}
		for _, name := range usage.Scopes(c.Scope) {
			// Unknown scopes come from a later version, whose nodes will store them.
			required, known := s.Scopes().Parse(name)
			if !known {
				continue
			}
			id := s.stored.id(c.APIKeyID, name, "scope")
			if _, known := s.stored.recall(id); !known {
				needed[c.APIKeyID] = needed[c.APIKeyID].With(scope.Of(required))
				learned[id] = ownSlot
			}
		}
	}
	for id, scopes := range needed {
		if err := s.addScopesOfKey(ctx, id, scopes); err != nil {
			return fmt.Errorf("add needed scopes: %w", err)
		}
	}
	return nil
}

func (s *Store) addScopesOfKey(ctx context.Context, id string, scopes scope.Set) error {
	var stored []string
	if err := s.with(ctx).Model(&APIKey{}).Where("id = ?", id).Pluck("needed_scopes", &stored).Error; err != nil || len(stored) == 0 {
		return err
	}
	var before scope.Set
	if before.Scan(stored[0]) != nil || before.String() != stored[0] || before.Contains(scopes) {
		return nil // scopes of a later version must not be lost
	}
	return s.with(ctx).Model(&APIKey{}).Where("id = ?", id).UpdateColumn("needed_scopes", before.With(scopes)).Error
}

// moveLastUses moves the last uses of keys forward, never back. It returns the keys that the node of this
// process accepted after it had applied their deletion.
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
	for some := range slices.Chunk(uses, maxIDs) {
		used, err := s.usedAfterDeletion(ctx, some)
		if err != nil {
			return nil, err
		}
		usedAfterDeletion = append(usedAfterDeletion, used...)
	}
	return usedAfterDeletion, nil
}

// usedAfterDeletion returns the keys that the node of this process accepted after it had applied their
// deletion, given their last uses, and marks them.
func (s *Store) usedAfterDeletion(ctx context.Context, uses []usage.Count) (ids []string, err error) {
	lastUses := make(map[string]time.Time, len(uses))
	for _, use := range uses {
		lastUses[use.APIKeyID] = use.Last
	}
	var deleted []APIKey
	err = s.with(ctx).Select("id, changed_epoch").Where("id IN ? AND deleted_at IS NOT NULL", keyIDs(uses)).Find(&deleted).Error
	if err != nil {
		return nil, fmt.Errorf("look for uses after deletion: %w", err)
	}
	for _, key := range deleted {
		if at, applied := s.applied.by(key.ChangedEpoch); applied && lastUses[key.ID].After(at) {
			ids = append(ids, key.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := s.with(ctx).Model(&APIKey{}).Where("id IN ?", ids).UpdateColumn("accepted_after_deletion", true).Error; err != nil {
		return nil, fmt.Errorf("mark uses after deletion: %w", err)
	}
	return ids, nil
}

// maxIDs limits the IDs in a condition of one query.
const maxIDs = 2000

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

// storedMemory remembers scopes of keys that the database is known to have, and which row counts a
// caller, so that adding counts doesn't look them up each time. It forgets everything when it is full.
type storedMemory struct {
	mu   sync.Mutex
	seed maphash.Seed
	ids  memories
}

// memories are what a storedMemory remembers.
type memories map[uint64]slot

const maxStoredMemory = 1 << 17

func newStoredMemory() *storedMemory { return &storedMemory{seed: maphash.MakeSeed()} }

func (m *storedMemory) id(key, a, b string) uint64 {
	return maphash.Comparable(m.seed, [3]string{key, a, b})
}

func (m *storedMemory) recall(id uint64) (s slot, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known = m.ids[id]
	return s, known
}

func (m *storedMemory) add(learned memories) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil || len(m.ids)+len(learned) > maxStoredMemory {
		m.ids = memories{}
	}
	maps.Copy(m.ids, learned)
}
