package models

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// UsageSum is a number of requests.
type UsageSum struct {
	Requests int64    // all
	Refused  int64    // of them
	Classes  [6]int64 // of all, by the first digit of the status
}

func (s *UsageSum) add(count UsageCount) {
	s.Requests += count.Requests
	if count.Refusal != Accepted {
		s.Refused += count.Requests
	}
	if count.StatusClass >= 0 && count.StatusClass < len(s.Classes) {
		s.Classes[count.StatusClass] += count.Requests
	}
}

func (s *UsageSum) addAll(other UsageSum) {
	s.Requests += other.Requests
	s.Refused += other.Refused
	for class, requests := range other.Classes {
		s.Classes[class] += requests
	}
}

// UsagePart is the requests that have something in common.
type UsagePart struct {
	Name  string // of a route, the word of a scope, or a Refusal; empty for none
	Scope string // with a route: what it needs
	UsageSum
}

// UsageReport is what a key was used for in a window. Each list of it adds up to the total.
type UsageReport struct {
	Key      *APIKey
	Window   UsageWindow
	Total    UsageSum
	Periods  []UsageSum  // one for each period of the window
	Routes   []UsagePart // most requests first, and below
	Scopes   []UsagePart
	Refusals []UsagePart // Accepted is one of them

	Uses []APIKeyRouteUse // the last use of each route, not only in the window
}

// LastUses is when each scope was last needed by an accepted request, by its word.
func (r *UsageReport) LastUses() map[string]*time.Time { return lastUseByScope(r.Uses) }

// UsageReport reports what a key of a workspace was used for, up to the last second, or
// NotFound. It takes the same few queries however much that was. What further keys of its line
// were used for is added to it.
func (s *Store) UsageReport(ctx context.Context, workspaceID, keyID string, window UsageWindow, line ...string) (*UsageReport, error) {
	uses, err := s.RouteUses(ctx, workspaceID, keyID, line...)
	if err != nil {
		return nil, err
	}
	key, err := s.APIKey(ctx, workspaceID, keyID)
	if err != nil {
		return nil, err
	}
	report := &UsageReport{Key: key, Window: window, Periods: make([]UsageSum, len(window.Starts)), Uses: uses}
	if len(window.Starts) == 0 {
		return report, nil
	}
	return report, s.countInto(ctx, report, newUsageOf(workspaceID, keyID, line))
}

// ofKeys finds the rows of keys of a workspace by the keys: the workspace must be right, but its
// own index, which SQLite would rather take, leads through the rows of all its keys.
const ofKeys = "workspace_id || '' = ? AND api_key_id IN ?"

// usageOf says whose usage is read: that of keys of a workspace, as if the first had been used for
// all of it.
type usageOf struct {
	workspaceID string
	keyIDs      []string
}

func newUsageOf(workspaceID, keyID string, line []string) usageOf {
	keys := append([]string{keyID}, line...)
	slices.Sort(keys[1:])
	return usageOf{workspaceID, slices.Compact(keys)}
}

// countInto adds the counts of a report's window to it.
func (s *Store) countInto(ctx context.Context, report *UsageReport, of usageOf) error {
	routes, scopes, refusals := parts{}, parts{}, parts{}
	err := s.eachCount(ctx, of, report.Window, func(period int, count UsageCount) {
		report.Periods[period].add(count)
		routes.add(partID{count.Route, count.Scope}, count)
		scopes.add(partID{name: count.Scope}, count)
		refusals.add(partID{name: string(count.Refusal)}, count)
	})
	if err != nil {
		return err
	}
	for _, sum := range report.Periods {
		report.Total.addAll(sum)
	}
	report.Routes, report.Scopes, report.Refusals = routes.sorted(), scopes.sorted(), refusals.sorted()
	return nil
}

// eachCount calls do for every count of keys in a window that has periods, with the index of its
// period.
func (s *Store) eachCount(ctx context.Context, of usageOf, window UsageWindow, do func(period int, count UsageCount)) error {
	if window.location != nil {
		return s.eachCountOfDates(ctx, of, window, do)
	}
	query := "SELECT " + s.dialect.epoch("starts_at") + ", route, scope, status_class, refusal, requests, -1 AS boundary FROM " + window.by.table +
		" WHERE " + ofKeys + " AND starts_at >= ? AND starts_at < ?"
	return s.scanCounts(ctx, of, query, []any{of.workspaceID, of.keyIDs, window.Starts[0], window.Until}, func(at time.Time, _ int, count UsageCount) {
		do(window.period(at), count)
	})
}

// scanCounts calls do for every row of a query: there may be thousands, too many for the comfort of
// GORM.
func (s *Store) scanCounts(ctx context.Context, of usageOf, query string, args []any, do func(at time.Time, boundary int, count UsageCount)) error {
	rows, err := s.with(ctx).Raw(query, args...).Rows()
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var startsAt int64
		var boundary int
		count := UsageCount{APIKeyID: of.keyIDs[0], WorkspaceID: of.workspaceID}
		if err := rows.Scan(&startsAt, &count.Route, &count.Scope, &count.StatusClass, &count.Refusal, &count.Requests, &boundary); err != nil {
			return fmt.Errorf("read counts: %w", err)
		}
		do(time.Unix(startsAt, 0).UTC(), boundary, count)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	return nil
}

// UsageCounts lists what a key of a workspace was used for by the periods of a window, the earliest
// first, up to the last second, or NotFound. What further keys of its line were used for is added.
func (s *Store) UsageCounts(ctx context.Context, workspaceID, keyID string, window UsageWindow, line ...string) ([]UsageCount, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	_, err := s.APIKey(ctx, workspaceID, keyID)
	if err != nil || len(window.Starts) == 0 {
		return nil, err
	}
	sums := map[UsageCount]int64{}
	err = s.eachCount(ctx, newUsageOf(workspaceID, keyID, line), window, func(period int, count UsageCount) {
		requests := count.Requests
		count.StartsAt, count.Requests = window.Starts[period], 0
		sums[count] += requests
	})
	if err != nil {
		return nil, err
	}
	counts := make([]UsageCount, 0, len(sums))
	for count, requests := range sums {
		if count.Requests = requests; requests != 0 {
			counts = append(counts, count)
		}
	}
	slices.SortFunc(counts, UsageCount.compare)
	return counts, nil
}

// parts are UsageParts by what their requests have in common.
type parts map[partID]*UsagePart

type partID struct{ name, scope string }

func (p parts) add(id partID, count UsageCount) {
	part := p[id]
	if part == nil {
		part = &UsagePart{Name: id.name, Scope: id.scope}
		p[id] = part
	}
	part.add(count)
}

// sorted are the parts with the most requests first.
func (p parts) sorted() []UsagePart {
	list := make([]UsagePart, 0, len(p))
	for part := range maps.Values(p) {
		if part.Requests != 0 {
			list = append(list, *part)
		}
	}
	slices.SortFunc(list, func(a, b UsagePart) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	return list
}

// Ever is the number of all requests that came with the key.
func (r *UsageReport) Ever() (requests int64) {
	for i := range r.Uses {
		requests += r.Uses[i].Requests
	}
	return requests
}

// RequestsEver counts all requests that came with a key of a workspace and further ones of its
// line, up to the last second: another number means that a report of them is another one.
func (s *Store) RequestsEver(ctx context.Context, workspaceID, keyID string, line ...string) (requests int64, err error) {
	if err := s.FoldUsage(ctx); err != nil {
		return 0, err
	}
	of := newUsageOf(workspaceID, keyID, line)
	err = s.with(ctx).Model(&APIKeyRouteUse{}).Select("CAST(coalesce(sum(requests), 0) AS bigint)").
		Where(ofKeys, of.workspaceID, of.keyIDs).Scan(&requests).Error
	if err != nil {
		return 0, fmt.Errorf("count all requests: %w", err)
	}
	return requests, nil
}
