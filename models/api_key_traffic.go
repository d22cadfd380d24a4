package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

// Traffic counts the accepted requests with some keys, which would stop if the keys stopped working.
// Requests are counted by whole hours and days, so each count may start a little early, but never late.
type Traffic struct {
	HourFrom, DayFrom, MonthFrom time.Time // start of Hour, Day, and Month
	Keys                         map[string]*KeyTraffic
}

// KeyTraffic counts the accepted requests with one key.
type KeyTraffic struct {
	Hour, Day, Month int64
	Routes           []RouteTraffic // of the month, most requests first
	Callers          []APIKeyCaller // of the month, last seen first
}

// RouteTraffic counts the requests to one route within a month.
type RouteTraffic struct {
	APIKeyID string
	Route    string // such as "GET /me"
	Requests int64
}

// Of returns the traffic of one key, or no traffic.
func (t Traffic) Of(keyID string) KeyTraffic {
	if of := t.Keys[keyID]; of != nil {
		return *of
	}
	return KeyTraffic{}
}

// Total returns the traffic of all keys together. Its callers are listed by key.
func (t Traffic) Total() KeyTraffic {
	var total KeyTraffic
	for _, key := range t.Keys {
		total.Hour += key.Hour
		total.Day += key.Day
		total.Month += key.Month
		total.Routes = append(total.Routes, key.Routes...)
		total.Callers = append(total.Callers, key.Callers...)
	}
	return total
}

// TrafficOf returns the traffic of keys in a workspace, in a fixed number of queries.
func (s *Store) TrafficOf(ctx context.Context, workspaceID string, keyIDs []string) (Traffic, error) {
	now := s.now()
	traffic := Traffic{
		HourFrom:  now.Add(-time.Hour).Truncate(time.Hour),
		DayFrom:   now.Add(-24 * time.Hour).Truncate(time.Hour),
		MonthFrom: now.Add(-30 * 24 * time.Hour).Truncate(24 * time.Hour),
		Keys:      make(map[string]*KeyTraffic, len(keyIDs)),
	}
	for _, id := range keyIDs {
		traffic.Keys[id] = &KeyTraffic{}
	}
	for _, read := range []func(context.Context, string, []string, Traffic) error{s.readLatestTraffic, s.readRouteTraffic, s.readTrafficCallers} {
		if err := read(ctx, workspaceID, keyIDs, traffic); err != nil {
			return Traffic{}, err
		}
	}
	return traffic, nil
}

func (s *Store) readLatestTraffic(ctx context.Context, workspaceID string, keyIDs []string, into Traffic) error {
	var rows []struct {
		APIKeyID  string
		Hour, Day int64
	}
	err := s.with(ctx).Table(periodTables[usage.Hourly]).
		Select("api_key_id, CAST(sum(CASE WHEN starts_at >= ? THEN requests ELSE 0 END) AS bigint) AS hour, CAST(sum(requests) AS bigint) AS day", into.HourFrom).
		Where("workspace_id = ? AND api_key_id IN ? AND starts_at >= ? AND refusal = ''", workspaceID, keyIDs, into.DayFrom).
		Group("api_key_id").Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("read the traffic of a day: %w", err)
	}
	for _, row := range rows {
		into.Keys[row.APIKeyID].Hour, into.Keys[row.APIKeyID].Day = row.Hour, row.Day
	}
	return nil
}

func (s *Store) readRouteTraffic(ctx context.Context, workspaceID string, keyIDs []string, into Traffic) error {
	var rows []RouteTraffic
	err := s.with(ctx).Table(periodTables[usage.Daily]).Select("api_key_id, route, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id IN ? AND starts_at >= ? AND refusal = ''", workspaceID, keyIDs, into.MonthFrom).
		Group("api_key_id, route").Order("requests DESC, route").Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("read the traffic of a month: %w", err)
	}
	for _, row := range rows {
		key := into.Keys[row.APIKeyID]
		key.Month += row.Requests
		key.Routes = append(key.Routes, row)
	}
	return nil
}

func (s *Store) readTrafficCallers(ctx context.Context, workspaceID string, keyIDs []string, into Traffic) error {
	var callers []APIKeyCaller
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ? AND last_accepted_at >= ?", workspaceID, keyIDs, into.MonthFrom).
		Order("last_accepted_at DESC, address, user_agent").Find(&callers).Error
	if err != nil {
		return fmt.Errorf("read the callers of a month: %w", err)
	}
	for _, caller := range callers {
		key := into.Keys[caller.APIKeyID]
		key.Callers = append(key.Callers, caller)
	}
	return nil
}
