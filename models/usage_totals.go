package models

import (
	"context"
	"fmt"
	"time"
)

// UsageTotal is how many requests came with one key.
type UsageTotal struct {
	Requests int64   // all, the refused ones too
	Refused  int64   // of them
	Days     []int64 // all by day of UTC, from the one that the totals begin in to that of now
}

// UsageTotals counts the requests with keys of a workspace since a time, up to the last second,
// by the ids of the keys, in one query however many there are. It counts from the hour
// that the time is in; where the hours are not kept any more (UsageHoursKept), from the day of
// UTC. A key without requests has no total.
func (s *Store) UsageTotals(ctx context.Context, workspaceID string, keyIDs []string, since time.Time) (map[string]UsageTotal, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	_, since = s.countedFrom(since)
	rows, err := s.usageByDay(ctx, workspaceID, keyIDs, since)
	if err != nil {
		return nil, err
	}
	totals := make(map[string]UsageTotal, len(keyIDs))
	first := since.Truncate(Daily.length)
	days := 1 + int(s.now().Sub(first)/Daily.length)
	for _, row := range rows {
		total := totals[row.APIKeyID]
		if total.Days == nil {
			total.Days = make([]int64, days)
		}
		total.Requests += row.Requests
		total.Refused += row.Refused
		// A node whose clock is ahead may have counted for tomorrow already.
		day := int(row.StartsAt.Sub(first) / Daily.length)
		total.Days[min(day, len(total.Days)-1)] += row.Requests
		totals[row.APIKeyID] = total
	}
	return totals, nil
}

// usageOfDay is a part of what came with a key on one day.
type usageOfDay struct {
	APIKeyID          string
	StartsAt          time.Time
	Requests, Refused int64
}

// usageByDay adds up the days that begin at a time or later, and the hours between that time
// and the first of those days.
func (s *Store) usageByDay(ctx context.Context, workspaceID string, keyIDs []string, since time.Time) ([]usageOfDay, error) {
	firstDay := since.Add(Daily.length - 1).Truncate(Daily.length)
	sums := func(by Period) string {
		return "SELECT api_key_id, starts_at, CAST(sum(requests) AS bigint) AS requests, " +
			"CAST(sum(CASE WHEN refusal = '' THEN 0 ELSE requests END) AS bigint) AS refused FROM " + by.table +
			" WHERE " + ofKeys + " AND starts_at >= ?"
	}
	const byKey = " GROUP BY api_key_id, starts_at"
	var rows []usageOfDay
	err := s.with(ctx).Raw(sums(Daily)+byKey+" UNION ALL "+sums(Hourly)+" AND starts_at < ?"+byKey,
		workspaceID, keyIDs, firstDay, workspaceID, keyIDs, since, firstDay).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count requests by key: %w", err)
	}
	return rows, nil
}
