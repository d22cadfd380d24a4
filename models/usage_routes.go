package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

// APIKeyRouteUse counts the requests with a key to a route that were accepted, or that were rejected
// for the same reason.
type APIKeyRouteUse struct {
	APIKeyID      string
	WorkspaceID   string
	Route         string          // such as "GET /me"; empty if no route matched
	Rejection     usage.Rejection `gorm:"column:refusal"`
	Scope         string          // required by the route; empty for none
	Requests      int64
	FirstAt       time.Time
	LastAt        time.Time
	LastAddress   string // of the last caller
	LastUserAgent string
}

// RouteUses lists the uses of each route by a key in a workspace, accepted and rejected, latest
// first. If further keys are given, their uses are added.
func (s *Store) RouteUses(ctx context.Context, workspaceID, keyID string, more ...string) ([]APIKeyRouteUse, error) {
	var uses []APIKeyRouteUse
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ?", workspaceID, newUsageOf(workspaceID, keyID, more).keyIDs).
		Order("last_at DESC, route, refusal").Find(&uses).Error
	if err != nil {
		return nil, fmt.Errorf("read uses of routes: %w", err)
	}
	return usesOfOneKey(uses, keyID), nil
}

// usesOfOneKey merges uses of several keys, latest first, as if all had been of one key.
func usesOfOneKey(uses []APIKeyRouteUse, keyID string) []APIKeyRouteUse {
	type use struct {
		route     string
		rejection usage.Rejection
	}
	latest, list := map[use]int{}, uses[:0]
	for _, u := range uses {
		u.APIKeyID = keyID
		i, known := latest[use{u.Route, u.Rejection}]
		if !known {
			latest[use{u.Route, u.Rejection}] = len(list)
			list = append(list, u)
			continue
		}
		list[i].Requests += u.Requests
		if u.FirstAt.Before(list[i].FirstAt) {
			list[i].FirstAt = u.FirstAt
		}
	}
	return list
}

// RequestsEver counts all requests with a key in a workspace and with further keys. As long as the
// number stays the same, so does a report about them.
func (s *Store) RequestsEver(ctx context.Context, workspaceID, keyID string, more ...string) (requests int64, err error) {
	of := newUsageOf(workspaceID, keyID, more)
	err = s.with(ctx).Model(&APIKeyRouteUse{}).Select("CAST(coalesce(sum(requests), 0) AS bigint)").
		Where(ofKeys, of.workspaceID, of.keyIDs).Scan(&requests).Error
	if err != nil {
		return 0, fmt.Errorf("count all requests: %w", err)
	}
	return requests, nil
}
