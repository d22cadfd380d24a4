package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
)

type (
	usageHour struct{ usage.Count }
	usageDay  struct{ usage.Count }
)

func (usageHour) TableName() string { return periodTables[usage.Hourly] }
func (usageDay) TableName() string  { return periodTables[usage.Daily] }

// UsageReport is the usage of a key in a window.
type UsageReport struct {
	Key *APIKey
	*usage.Report
	Uses []APIKeyRouteUse // of each route, in and outside of the window, latest first
}

// ScopeUsage is a scope with the requests in a window that required it.
type ScopeUsage struct {
	usage.Part
	Held   bool       // by the key
	LastAt *time.Time // of the last accepted request, which may be outside of the window; nil for never
}

// ScopeUsages lists the scopes that requests in the window required, then the other scopes of the key.
func (r *UsageReport) ScopeUsages(catalog *scope.Catalog) []ScopeUsage {
	lastUses, unused := lastUseByScope(r.Uses), r.Key.Scopes
	usages := make([]ScopeUsage, 0, len(r.Scopes))
	for _, part := range r.Scopes {
		required, known := catalog.Parse(part.Name)
		if known {
			unused = unused.Without(scope.Of(required))
		}
		usages = append(usages, ScopeUsage{part, known && r.Key.Scopes.Has(required), lastUses[part.Name]})
	}
	for _, name := range catalog.Names(unused) {
		usages = append(usages, ScopeUsage{usage.Part{Name: name}, true, lastUses[name]})
	}
	return usages
}

// Ever returns the number of all requests with the key.
func (r *UsageReport) Ever() (requests int64) {
	for i := range r.Uses {
		requests += r.Uses[i].Requests
	}
	return requests
}

// UsageReport reports the usage of a key in a workspace, or returns NotFound. If further keys are
// given, their usage is added. The number of queries doesn't depend on the usage.
func (s *Store) UsageReport(ctx context.Context, workspaceID, keyID string, window usage.Window, more ...string) (*UsageReport, error) {
	key, err := s.APIKey(ctx, workspaceID, keyID)
	if err != nil {
		return nil, err
	}
	uses, err := s.RouteUses(ctx, workspaceID, keyID, more...)
	if err != nil {
		return nil, err
	}
	reporter := usage.NewReporter(window)
	err = s.eachCount(ctx, newUsageOf(workspaceID, keyID, more), window, reporter.Add)
	return &UsageReport{Key: key, Report: reporter.Report(), Uses: uses}, err
}

// UsageCounts lists the counts of a key in a workspace by the periods of a window, earliest first,
// or returns NotFound. If further keys are given, their counts are added.
func (s *Store) UsageCounts(ctx context.Context, workspaceID, keyID string, window usage.Window, more ...string) ([]usage.Count, error) {
	if _, err := s.APIKey(ctx, workspaceID, keyID); err != nil {
		return nil, err
	}
	var counts []usage.Count
	err := s.eachCount(ctx, newUsageOf(workspaceID, keyID, more), window, func(period int, count usage.Count) {
		count.StartsAt = window.Starts[period]
		counts = append(counts, count)
	})
	if err != nil {
		return nil, err
	}
	byScope := func(a, b *usage.Count) int {
		return cmp.Or(usage.By(usage.Hourly)(a, b), cmp.Compare(a.Scope, b.Scope))
	}
	counts = usage.Group(counts, byScope)
	return slices.DeleteFunc(counts, func(c usage.Count) bool { return c.Requests == 0 }), nil
}

// Usage lists the counts of a key in a workspace for the periods that start at from or later and
// before until.
func (s *Store) Usage(ctx context.Context, workspaceID, keyID string, by usage.Period, from, until time.Time) ([]usage.Count, error) {
	var counts []usage.Count
	err := s.with(ctx).Table(periodTables[by]).
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND starts_at < ?", workspaceID, keyID, from, until).
		Order("starts_at, route, status_class, refusal").Find(&counts).Error
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", periodTables[by], err)
	}
	return counts, nil
}

// EachDailyCount calls do for each daily count of at most maxIDs keys of a workspace since a time, in the order of the keys'
// IDs. It reads them with one query, and keeps only one in memory.
func (s *Store) EachDailyCount(ctx context.Context, workspaceID string, keyIDs []string, from time.Time, do func(usage.Count) error) error {
	rows, err := s.with(ctx).Table(periodTables[usage.Daily]).Where(ofKeys, workspaceID, keyIDs).Where("starts_at >= ?", from).
		Order("api_key_id, starts_at, route, status_class, refusal").Rows()
	if err != nil {
		return fmt.Errorf("read daily usage: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var count usage.Count
		if err := s.with(ctx).ScanRows(rows, &count); err != nil {
			return fmt.Errorf("read daily usage: %w", err)
		}
		if err := do(count); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read daily usage: %w", err)
	}
	return nil
}

// ofKeys matches the rows of keys in a workspace. The expression keeps SQLite from using the index by
// workspace, which has the rows of all keys of the workspace.
const ofKeys = "workspace_id || '' = ? AND api_key_id IN ?"

// usageOf names the keys of a workspace whose usage is read as if all of it were of the first.
type usageOf struct {
	workspaceID string
	keyIDs      []string
}

func newUsageOf(workspaceID, keyID string, more []string) usageOf {
	keys := append([]string{keyID}, more...)
	slices.Sort(keys[1:])
	return usageOf{workspaceID, slices.Compact(keys)}
}

// eachCount calls do for every count of keys in a window, with the index of its period.
func (s *Store) eachCount(ctx context.Context, of usageOf, window usage.Window, do func(period int, count usage.Count)) error {
	if len(window.Starts) == 0 {
		return nil
	}
	if window.Location != nil {
		return s.eachCountOfDates(ctx, of, window, do)
	}
	query := "SELECT " + s.dialect.epoch("starts_at") + ", route, scope, status_class, refusal, requests, outside, -1 AS shift FROM " + periodTables[window.By] +
		" WHERE " + ofKeys + " AND starts_at >= ? AND starts_at < ?"
	return s.scanCounts(ctx, of, query, []any{of.workspaceID, of.keyIDs, window.Starts[0], window.Until}, func(at time.Time, _ int, count usage.Count) {
		do(window.Period(at), count)
	})
}

// eachCountOfDates does what eachCount does, for a window of days outside UTC. Counts that are shifted out of a
// period are negative there. The database adds up the hours of each shift, which is much faster than
// reading them.
func (s *Store) eachCountOfDates(ctx context.Context, of usageOf, window usage.Window, do func(period int, count usage.Count)) error {
	first, end := window.Dates()
	shifts := window.Shifts()
	// One statement, because counts may be added between two.
	query := "SELECT " + s.dialect.epoch("starts_at") + ", route, scope, status_class, refusal, requests, outside, -1 AS shift FROM " + periodTables[usage.Daily] +
		" WHERE " + ofKeys + " AND starts_at >= ? AND starts_at < ?"
	args := []any{of.workspaceID, of.keyIDs, first, end}
	if len(shifts) > 0 {
		rows := make([][]any, len(shifts))
		for i, shift := range shifts {
			rows[i] = []any{i, s.dialect.timeText(shift.Start), s.dialect.timeText(shift.End)}
		}
		text, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("encode shifts: %w", err)
		}
		from, hours := "SELECT value->>0 AS shift, value->>1 AS start, value->>2 AS until FROM jsonb_each(?)",
			periodTables[usage.Hourly]+" AS hours WHERE "+ofKeys+" AND hours.starts_at >= shifts.start AND hours.starts_at < shifts.until"
		if s.dialect.name == postgresql {
			from = "SELECT CAST(value->>0 AS integer) AS shift, CAST(value->>1 AS timestamptz) AS start, CAST(value->>2 AS timestamptz) AS until FROM jsonb_array_elements(CAST(? AS jsonb))"
			hours = "LATERAL (SELECT route, scope, status_class, refusal, requests, outside FROM " + hours + " OFFSET 0) AS shifted" // OFFSET 0 prevents comparing every hour with every shift
		}
		query += " UNION ALL SELECT 0, route, scope, status_class, refusal, CAST(sum(requests) AS bigint), CAST(sum(outside) AS bigint), shift FROM (" + from + ") AS shifts CROSS JOIN " + hours +
			" GROUP BY shift, route, scope, status_class, refusal"
		args = append(args, string(text), of.workspaceID, of.keyIDs)
	}
	within := func(period int) bool { return period >= 0 && period < len(window.Starts) }
	return s.scanCounts(ctx, of, query, args, func(at time.Time, shift int, count usage.Count) {
		if shift < 0 {
			do(window.PeriodOfDate(at), count)
			return
		}
		if to := shifts[shift].To; within(to) {
			do(to, count)
		}
		if from := shifts[shift].From; within(from) {
			count.Requests, count.Outside = -count.Requests, -count.Outside
			do(from, count)
		}
	})
}

// scanCounts calls do for every row of a query. GORM is too slow for thousands of rows.
func (s *Store) scanCounts(ctx context.Context, of usageOf, query string, args []any, do func(at time.Time, shift int, count usage.Count)) error {
	rows, err := s.with(ctx).Raw(query, args...).Rows()
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var startsAt int64
		var shift int
		count := usage.Count{APIKeyID: of.keyIDs[0], WorkspaceID: of.workspaceID}
		if err := rows.Scan(&startsAt, &count.Route, &count.Scope, &count.StatusClass, &count.Rejection, &count.Requests, &count.Outside, &shift); err != nil {
			return fmt.Errorf("read counts: %w", err)
		}
		do(time.Unix(startsAt, 0).UTC(), shift, count)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	return nil
}
