package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

// UsageTotals counts the requests with keys in a workspace since a time, by key, in one query. It
// counts from the start of the hour or, where hours are no longer kept (UsageHoursKept), of the day
// of UTC. A key without requests has no total.
func (s *Store) UsageTotals(ctx context.Context, workspaceID string, keyIDs []string, since time.Time) (map[string]usage.Total, error) {
	_, since = s.countedFrom(since)
	rows, err := s.usageByDay(ctx, workspaceID, keyIDs, since)
	if err != nil {
		return nil, err
	}
	const day = time.Duration(usage.Daily)
	totals := make(map[string]usage.Total, len(keyIDs))
	first := usage.Daily.Start(since)
	days := 1 + int(s.now().Sub(first)/day)
	for _, row := range rows {
		total := totals[row.APIKeyID]
		if total.Days == nil {
			total.Days = make([]int64, days)
		}
		total.Requests += row.Requests
		total.Rejected += row.Rejected
		// A node whose clock is ahead may have counted for tomorrow.
		i := int(row.StartsAt.Sub(first) / day)
		total.Days[min(i, days-1)] += row.Requests
		totals[row.APIKeyID] = total
	}
	return totals, nil
}

// usageOfDay is part of the requests with a key on one day.
type usageOfDay struct {
	APIKeyID           string
	StartsAt           time.Time
	Requests, Rejected int64
}

// usageByDay adds up the days that start at since or later, and the hours between since and the
// first of these days.
func (s *Store) usageByDay(ctx context.Context, workspaceID string, keyIDs []string, since time.Time) ([]usageOfDay, error) {
	firstDay := usage.Daily.Start(since.Add(time.Duration(usage.Daily) - 1))
	sums := func(by usage.Period) string {
		return "SELECT api_key_id, starts_at, CAST(sum(requests) AS bigint) AS requests, " +
			"CAST(sum(CASE WHEN refusal = '' THEN 0 ELSE requests END) AS bigint) AS rejected FROM " + periodTables[by] +
			" WHERE " + ofKeys + " AND starts_at >= ?"
	}
	const byKey = " GROUP BY api_key_id, starts_at"
	var rows []usageOfDay
	err := s.with(ctx).Raw(sums(usage.Daily)+byKey+" UNION ALL "+sums(usage.Hourly)+" AND starts_at < ?"+byKey,
		workspaceID, keyIDs, firstDay, workspaceID, keyIDs, since, firstDay).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count requests by key: %w", err)
	}
	return rows, nil
}
