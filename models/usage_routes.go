package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// APIKeyRouteUse is what a key has done on one route, all told: the accepted requests, or those
// refused for one reason.
type APIKeyRouteUse struct {
	APIKeyID      string
	WorkspaceID   string
	Route         string // such as "GET /me"; empty where no route answered
	Refusal       Refusal
	Scope         string // that the route needs; empty for none
	Requests      int64
	FirstAt       time.Time
	LastAt        time.Time
	LastAddress   string // of who asked last
	LastUserAgent string
}

// routeID is what tells the uses of routes apart.
type routeID struct {
	APIKeyID string  `json:"api_key_id"`
	Route    string  `json:"route"`
	Refusal  Refusal `json:"refusal"`
}

// routeUse is what has happened under a routeID.
type routeUse struct {
	workspaceID, scope string
	requests           int64
	firstAt, lastAt    time.Time
	lastCaller         UsageCaller
}

// mergeRoutes is the use of one route that was told of in two parts, of which a may be none.
func mergeRoutes(a, b routeUse) routeUse {
	if a.workspaceID == "" {
		return b
	}
	if b.lastAt.Before(a.lastAt) {
		a, b = b, a
	}
	b.requests += a.requests
	if a.firstAt.Before(b.firstAt) {
		b.firstAt = a.firstAt
	}
	return b
}

// routeRow is a routeUse on its way into the table.
type routeRow struct {
	routeID
	WorkspaceID   string `json:"workspace_id"`
	Scope         string `json:"scope"`
	Requests      int64  `json:"requests"`
	FirstAt       string `json:"first_at"`
	LastAt        string `json:"last_at"`
	LastAddress   string `json:"last_address"`
	LastUserAgent string `json:"last_user_agent"`
}

// addRoutes adds uses to those of their routes. Rows are locked in the order of their keys.
func (s *Store) addRoutes(ctx context.Context, uses map[routeID]routeUse) error {
	rows := make([]routeRow, 0, len(uses))
	for id, use := range uses {
		rows = append(rows, routeRow{
			routeID: id, WorkspaceID: use.workspaceID, Scope: use.scope, Requests: use.requests,
			FirstAt: s.dialect.moment(use.firstAt), LastAt: s.dialect.moment(use.lastAt),
			LastAddress: use.lastCaller.Address, LastUserAgent: use.lastCaller.UserAgent,
		})
	}
	slices.SortFunc(rows, func(a, b routeRow) int {
		return cmp.Or(cmp.Compare(a.APIKeyID, b.APIKeyID), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Refusal, b.Refusal))
	})
	columns := []column{
		{"api_key_id", "text"}, {"workspace_id", "text"}, {"route", "text"}, {"refusal", "text"}, {"scope", "text"}, {"requests", "bigint"},
		{"first_at", "timestamptz"}, {"last_at", "timestamptz"}, {"last_address", "text"}, {"last_user_agent", "text"},
	}
	if err := execRows(ctx, s, columns, rows, routeUpsert); err != nil {
		return fmt.Errorf("add to routes: %w", err)
	}
	return nil
}

// routeUpsert keeps the earliest first time and the latest last one, with what belongs to it, in
// whatever order nodes tell of them.
const routeUpsert = `INSERT INTO api_key_route_uses AS old (@columns) SELECT @columns FROM @rows WHERE true
ON CONFLICT (api_key_id, route, refusal) DO UPDATE SET
	requests = old.requests + excluded.requests,
	first_at = CASE WHEN excluded.first_at < old.first_at THEN excluded.first_at ELSE old.first_at END,
	scope = CASE WHEN excluded.last_at > old.last_at THEN excluded.scope ELSE old.scope END,
	last_address = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_address ELSE old.last_address END,
	last_user_agent = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_user_agent ELSE old.last_user_agent END,
	last_at = CASE WHEN excluded.last_at > old.last_at THEN excluded.last_at ELSE old.last_at END`

// RouteUses lists what a key of a workspace has done on each route, accepted and refused, the
// latest first, up to the last second. What further keys of its line have done is added to it.
func (s *Store) RouteUses(ctx context.Context, workspaceID, keyID string, line ...string) ([]APIKeyRouteUse, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	var uses []APIKeyRouteUse
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ?", workspaceID, newUsageOf(workspaceID, keyID, line).keyIDs).
		Order("last_at DESC, route, refusal").Find(&uses).Error
	if err != nil {
		return nil, fmt.Errorf("read uses of routes: %w", err)
	}
	return ofOneKey(uses, keyID), nil
}

// ofOneKey are uses with several keys, the latest first, as if all had been with one.
func ofOneKey(uses []APIKeyRouteUse, keyID string) []APIKeyRouteUse {
	latest, list := map[routeID]int{}, uses[:0]
	for _, use := range uses {
		use.APIKeyID = keyID
		i, known := latest[routeID{keyID, use.Route, use.Refusal}]
		if !known {
			latest[routeID{keyID, use.Route, use.Refusal}] = len(list)
			list = append(list, use)
			continue
		}
		list[i].Requests += use.Requests
		if use.FirstAt.Before(list[i].FirstAt) {
			list[i].FirstAt = use.FirstAt
		}
	}
	return list
}
