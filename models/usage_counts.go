package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// UsageCount is how many requests came with one key in one period, an hour or a day, to one
// route and were answered with one class of status.
type UsageCount struct {
	APIKeyID    string    `json:"api_key_id"`
	WorkspaceID string    `json:"workspace_id"`
	StartsAt    time.Time `json:"-"`     // of the period
	Route       string    `json:"route"` // such as "GET /me"; empty where no route answered
	Scope       string    `json:"scope"` // that the route needs; empty for none
	StatusClass int       `json:"status_class"`
	Refusal     Refusal   `json:"refusal"`
	Requests    int64     `json:"requests"`
}

// Period is what requests are counted by.
type Period struct {
	table  string
	length time.Duration
}

// The periods, both in UTC.
var (
	Hourly = Period{"api_key_usage_hours", time.Hour}
	Daily  = Period{"api_key_usage_days", 24 * time.Hour}
)

type (
	usageHour struct{ UsageCount }
	usageDay  struct{ UsageCount }
)

func (usageHour) TableName() string { return Hourly.table }
func (usageDay) TableName() string  { return Daily.table }

// of is c in the period that its time is within.
func (c UsageCount) of(period Period) UsageCount {
	c.StartsAt = c.StartsAt.UTC().Truncate(period.length)
	return c
}

// addCounts adds counts to the hours and to the days. Rows are locked in the order of their
// keys, so that nodes do not wait for each other in a circle.
func (s *Store) addCounts(ctx context.Context, counts map[UsageCount]int64) error {
	for _, period := range []Period{Hourly, Daily} {
		err := execRows(ctx, s, countColumns, s.countRows(counts, period), "INSERT INTO "+period.table+" AS old (@columns) SELECT @columns FROM @rows WHERE true"+
			" ON CONFLICT (api_key_id, starts_at, route, status_class, refusal) DO UPDATE SET requests = old.requests + excluded.requests")
		if err != nil {
			return fmt.Errorf("add to %s: %w", period.table, err)
		}
	}
	return nil
}

var countColumns = []column{
	{"api_key_id", "text"}, {"workspace_id", "text"}, {"starts_at", "timestamptz"}, {"route", "text"}, {"scope", "text"},
	{"status_class", "integer"}, {"refusal", "text"}, {"requests", "bigint"},
}

// countRow is a UsageCount on its way into a table.
type countRow struct {
	UsageCount
	StartsAt string `json:"starts_at"`
}

// countRows are the rows of counts, in the order of their keys. Counts that go into one row are
// added up: a statement cannot write a row twice.
func (s *Store) countRows(counts map[UsageCount]int64, period Period) []countRow {
	merged := make(map[UsageCount]int64, len(counts))
	for count, requests := range counts {
		merged[count.of(period)] += requests
	}
	rows := make([]countRow, 0, len(merged))
	for count, requests := range merged {
		count.Requests = requests
		rows = append(rows, countRow{count, s.dialect.moment(count.StartsAt)})
	}
	slices.SortFunc(rows, func(a, b countRow) int { return a.UsageCount.compare(b.UsageCount) })
	return rows
}

// compare orders counts as their primary key does.
func (c UsageCount) compare(other UsageCount) int {
	return cmp.Or(cmp.Compare(c.APIKeyID, other.APIKeyID), c.StartsAt.Compare(other.StartsAt),
		cmp.Compare(c.Route, other.Route), cmp.Compare(c.StatusClass, other.StatusClass), cmp.Compare(c.Refusal, other.Refusal))
}

// Usage lists what a key of a workspace was used for in the periods that start between one
// time and another, which is not included, up to the last second.
func (s *Store) Usage(ctx context.Context, workspaceID, keyID string, by Period, from, until time.Time) ([]UsageCount, error) {
	if err := s.FoldUsage(ctx); err != nil {
		return nil, err
	}
	var counts []UsageCount
	err := s.with(ctx).Table(by.table).
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND starts_at < ?", workspaceID, keyID, from, until).
		Order("starts_at, route, status_class, refusal").Find(&counts).Error
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", by.table, err)
	}
	return counts, nil
}
