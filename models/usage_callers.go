package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxCallers is how many callers of a key are told apart. What further ones do is added up in
// one row without address and user agent.
const MaxCallers = 100

// APIKeyCaller is a caller of a key: an address with a user agent.
type APIKeyCaller struct {
	APIKeyID         string
	WorkspaceID      string
	Address          string
	UserAgent        string
	Accepted         int64
	Refused          int64
	FirstSeenAt      time.Time
	LastSeenAt       time.Time
	LastAcceptedAt   *time.Time
	FirstRefusedAt   *time.Time
	LastRefusedAt    *time.Time
	LastRefusal      Refusal
	LastRefusedRoute string
}

// IsOthers reports whether c stands for all callers that are not told apart.
func (c *APIKeyCaller) IsOthers() bool { return c.Address == "" && c.UserAgent == "" }

// callerID is what tells the callers of keys apart.
type callerID struct {
	APIKeyID  string `json:"api_key_id"`
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
}

// addCallers adds uses to those of their callers. The rows of the keys are locked, so that two
// nodes cannot both find the last free place.
func (s *Store) addCallers(ctx context.Context, uses map[callerID]callerUse) error {
	if err := s.foldBeyondLimit(ctx, uses); err != nil {
		return err
	}
	return s.upsertCallers(ctx, uses)
}

// foldBeyondLimit makes callers that are new to keys without a free place others.
func (s *Store) foldBeyondLimit(ctx context.Context, uses map[callerID]callerUse) error {
	newcomers, err := s.newCallers(ctx, uses)
	if err != nil || len(newcomers) == 0 {
		return err
	}
	places, err := s.freePlaces(ctx, newcomers)
	if err != nil {
		return err
	}
	for _, id := range newcomers {
		if places[id.APIKeyID]--; places[id.APIKeyID] >= 0 {
			continue
		}
		others, use := callerID{APIKeyID: id.APIKeyID}, uses[id]
		delete(uses, id)
		uses[others] = merge(uses[others], use)
	}
	return nil
}

// newCallers lists the callers in uses that have no row yet, in a fixed order.
func (s *Store) newCallers(ctx context.Context, uses map[callerID]callerUse) ([]callerID, error) {
	var asked []callerID
	for id := range uses {
		if id.Address != "" || id.UserAgent != "" {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	slices.SortFunc(asked, callerID.compare)
	found, err := queryRows[callerID, callerID](ctx, s, []column{{"api_key_id", "text"}, {"address", "text"}, {"user_agent", "text"}}, asked, "SELECT new.api_key_id, new.address, new.user_agent FROM @rows WHERE NOT EXISTS (SELECT 1 FROM api_key_callers AS old "+
		"WHERE old.api_key_id = new.api_key_id AND old.address = new.address AND old.user_agent = new.user_agent)")
	if err != nil {
		return nil, fmt.Errorf("look for new callers: %w", err)
	}
	slices.SortFunc(found, callerID.compare)
	return found, nil
}

func (id callerID) compare(other callerID) int {
	for _, order := range []int{
		strings.Compare(id.APIKeyID, other.APIKeyID), strings.Compare(id.Address, other.Address), strings.Compare(id.UserAgent, other.UserAgent),
	} {
		if order != 0 {
			return order
		}
	}
	return 0
}

// freePlaces is how many new callers each key has room for.
func (s *Store) freePlaces(ctx context.Context, newcomers []callerID) (map[string]int, error) {
	places := map[string]int{}
	var keys []callerID
	for _, id := range newcomers {
		if _, counted := places[id.APIKeyID]; !counted {
			places[id.APIKeyID] = MaxCallers
			keys = append(keys, callerID{APIKeyID: id.APIKeyID})
		}
	}
	type callersOf struct {
		APIKeyID string
		Callers  int
	}
	taken, err := queryRows[callerID, callersOf](ctx, s, []column{{"api_key_id", "text"}}, keys, "SELECT old.api_key_id, count(*) AS callers FROM @rows JOIN api_key_callers AS old ON old.api_key_id = new.api_key_id "+
		"WHERE NOT (old.address = '' AND old.user_agent = '') GROUP BY old.api_key_id")
	if err != nil {
		return nil, fmt.Errorf("count callers: %w", err)
	}
	for _, key := range taken {
		places[key.APIKeyID] -= key.Callers
	}
	return places, nil
}

// callerRow is a callerUse on its way into the table.
type callerRow struct {
	callerID
	WorkspaceID      string  `json:"workspace_id"`
	Accepted         int64   `json:"accepted"`
	Refused          int64   `json:"refused"`
	FirstSeenAt      string  `json:"first_seen_at"`
	LastSeenAt       string  `json:"last_seen_at"`
	LastAcceptedAt   *string `json:"last_accepted_at"`
	FirstRefusedAt   *string `json:"first_refused_at"`
	LastRefusedAt    *string `json:"last_refused_at"`
	LastRefusal      Refusal `json:"last_refusal"`
	LastRefusedRoute string  `json:"last_refused_route"`
}

func (s *Store) upsertCallers(ctx context.Context, uses map[callerID]callerUse) error {
	list := make([]callerRow, 0, len(uses))
	for id, use := range uses {
		list = append(list, callerRow{
			callerID: id, WorkspaceID: use.workspaceID, Accepted: use.accepted, Refused: use.refused,
			FirstSeenAt: s.dialect.moment(use.firstAt), LastSeenAt: s.dialect.moment(use.lastAt),
			LastAcceptedAt: s.dialect.optionalMoment(use.lastAcceptedAt),
			FirstRefusedAt: s.dialect.optionalMoment(use.firstRefusedAt), LastRefusedAt: s.dialect.optionalMoment(use.lastRefusedAt),
			LastRefusal: use.lastRefusal, LastRefusedRoute: use.lastRefusedRoute,
		})
	}
	slices.SortFunc(list, func(a, b callerRow) int { return a.compare(b.callerID) })
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"address", "text"}, {"user_agent", "text"}, {"accepted", "bigint"}, {"refused", "bigint"},
		{"first_seen_at", "timestamptz"}, {"last_seen_at", "timestamptz"}, {"last_accepted_at", "timestamptz"},
		{"first_refused_at", "timestamptz"}, {"last_refused_at", "timestamptz"}, {"last_refusal", "text"}, {"last_refused_route", "text"},
	}
	if err := execRows(ctx, s, columns, list, callerUpsert); err != nil {
		return fmt.Errorf("add to callers: %w", err)
	}
	return nil
}

// callerUpsert keeps the earliest of the first times and the latest of the last ones, with what
// belongs to them, in whatever order nodes tell of them.
const callerUpsert = `INSERT INTO api_key_callers AS old (@columns) SELECT @columns FROM @rows WHERE true
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

// CallersOf lists the callers of a key of a workspace, the last seen first, up to the last
// second. Those of further keys of its line are added to them.
func (s *Store) CallersOf(ctx context.Context, workspaceID, keyID string, line ...string) ([]APIKeyCaller, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	var callers []APIKeyCaller
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ?", workspaceID, newUsageOf(workspaceID, keyID, line).keyIDs).
		Order("last_seen_at DESC, address, user_agent").Find(&callers).Error
	if err != nil {
		return nil, fmt.Errorf("read callers: %w", err)
	}
	return callersOfOneKey(callers, keyID), nil
}

// callersOfOneKey are callers of several keys, the last seen first, as if all had used one.
func callersOfOneKey(callers []APIKeyCaller, keyID string) []APIKeyCaller {
	seen, list := map[callerID]int{}, callers[:0]
	for _, c := range callers {
		c.APIKeyID = keyID
		i, known := seen[c.id()]
		if !known {
			seen[c.id()] = len(list)
			list = append(list, c)
			continue
		}
		list[i].add(&c)
	}
	return list
}

// add adds what the same caller has done with another key, with which it was not seen later.
func (c *APIKeyCaller) add(other *APIKeyCaller) {
	c.Accepted += other.Accepted
	c.Refused += other.Refused
	if other.FirstSeenAt.Before(c.FirstSeenAt) {
		c.FirstSeenAt = other.FirstSeenAt
	}
	if isLater(other.LastAcceptedAt, c.LastAcceptedAt) {
		c.LastAcceptedAt = other.LastAcceptedAt
	}
	if c.FirstRefusedAt == nil || other.FirstRefusedAt != nil && other.FirstRefusedAt.Before(*c.FirstRefusedAt) {
		c.FirstRefusedAt = other.FirstRefusedAt
	}
	if isLater(other.LastRefusedAt, c.LastRefusedAt) {
		c.LastRefusedAt, c.LastRefusal, c.LastRefusedRoute = other.LastRefusedAt, other.LastRefusal, other.LastRefusedRoute
	}
}
