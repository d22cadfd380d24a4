package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
)

// Finding is something about a key that an admin should look at now and then.
type Finding string

// The findings.
const (
	FindUnused   Finding = "unused"   // works for more than ReviewUnused, and was never used
	FindIdle     Finding = "idle"     // was used, but not for ReviewIdle
	FindExpiring Finding = "expiring" // expires within ExpiresSoon
	FindOld      Finding = "old"      // older than ReviewOld
	FindScopes   Finding = "scopes"   // is used, but holds scopes that it has never needed
	FindOrphaned Finding = "orphaned" // was made by somebody who is deactivated
	FindKnocking Finding = "knocking" // deleted, expired or paused, and still sent with requests
)

// Findings are all of them, in the order in which they are shown.
var Findings = []Finding{FindUnused, FindIdle, FindExpiring, FindOld, FindScopes, FindOrphaned, FindKnocking}

// What the findings go by.
const (
	ReviewUnused   = 30 * 24 * time.Hour
	ReviewIdle     = 90 * 24 * time.Hour
	ReviewOld      = 365 * 24 * time.Hour
	ReviewKnocking = 7 * 24 * time.Hour // since the last refused request
	// ReviewObserved is for how long a key must have been used, and usage recorded, before a
	// scope that it has not needed is a finding.
	ReviewObserved = 30 * 24 * time.Hour
)

const (
	livingSQL = "deleted_at IS NULL AND (expires_at IS NULL OR expires_at > @now)"
	// deadRefusals are those that say that a key was not accepted at all.
	deadRefusals = "('deleted', 'expired', 'paused')"
)

// findingSQL are the findings as conditions of a row of api_keys, with the arguments reviewArgs.
var findingSQL = map[Finding]string{
	FindUnused:   livingSQL + " AND last_used_at IS NULL AND created_at <= @unused",
	FindIdle:     livingSQL + " AND last_used_at <= @idle",
	FindExpiring: livingSQL + " AND expires_at <= @soon",
	FindOld:      livingSQL + " AND created_at <= @old",
	FindScopes:   livingSQL + " AND last_used_at IS NOT NULL AND created_at <= @observed AND (" + unneededSQL() + ")",
	FindOrphaned: livingSQL + " AND created_by_id IN " +
		"(SELECT id FROM members WHERE workspace_id = @workspace AND deactivated_at IS NOT NULL)",
	FindKnocking: "(deleted_at IS NOT NULL OR expires_at <= @now OR paused_until > @now) AND id IN " +
		"(SELECT api_key_id FROM api_key_callers WHERE workspace_id = @workspace AND last_refused_at > @knocking AND last_refusal IN " + deadRefusals + ")",
}

// unneededSQL is the condition that a key holds a scope that it has not needed. No word is a part of
// another.
func unneededSQL() string {
	var each []string
	for _, word := range scope.All.Names() {
		each = append(each, "scopes LIKE '%"+word+"%' AND needed_scopes NOT LIKE '%"+word+"%'")
	}
	return strings.Join(each, " OR ")
}

// reviewArgs are the arguments of findingSQL. Without enough recorded usage no key has been
// observed for long enough.
func reviewArgs(workspaceID string, now time.Time, recorded *time.Time) map[string]any {
	observed := now.Add(-ReviewObserved)
	if recorded == nil || recorded.After(observed) {
		observed = time.Unix(0, 0).UTC()
	}
	return map[string]any{
		"workspace": workspaceID, "now": now, "soon": now.Add(ExpiresSoon), "week": now.Add(7 * 24 * time.Hour), "day": now.Add(24 * time.Hour),
		"unused": now.Add(-ReviewUnused), "idle": now.Add(-ReviewIdle), "old": now.Add(-ReviewOld),
		"knocking": now.Add(-ReviewKnocking), "observed": observed,
	}
}

// Review is what there is to look at in a workspace.
type Review struct {
	Counts map[Finding]int64
	// WithinWeek and WithinDay are how many of the expiring keys have no longer.
	WithinWeek, WithinDay int64
	// RecordedSince is the first day of usage that is known of; nil if there is none.
	RecordedSince *time.Time
}

// Any reports whether there is anything to look at.
func (r Review) Any() bool {
	for _, n := range r.Counts {
		if n > 0 {
			return true
		}
	}
	return false
}

// ScopesObserved reports whether usage is known for long enough, at now, to tell that a scope is
// never needed.
func (r Review) ScopesObserved(now time.Time) bool {
	return r.RecordedSince != nil && !r.RecordedSince.After(now.Add(-ReviewObserved))
}

// ReviewAPIKeys counts what there is to look at among the keys of a workspace, in a fixed number
// of queries, up to the last second.
func (s *Store) ReviewAPIKeys(ctx context.Context, workspaceID string) (Review, error) {
	recorded, err := s.usageRecordedSince(ctx, workspaceID)
	if err != nil {
		return Review{}, err
	}
	review := Review{Counts: make(map[Finding]int64, len(Findings)), RecordedSince: recorded}
	columns := []string{
		"count(CASE WHEN " + findingSQL[FindExpiring] + " AND expires_at <= @week THEN 1 END)",
		"count(CASE WHEN " + findingSQL[FindExpiring] + " AND expires_at <= @day THEN 1 END)",
	}
	counts := make([]int64, len(Findings))
	into := []any{&review.WithinWeek, &review.WithinDay}
	for i, finding := range Findings {
		columns = append(columns, "count(CASE WHEN "+findingSQL[finding]+" THEN 1 END)")
		into = append(into, &counts[i])
	}
	err = s.with(ctx).Raw("SELECT "+strings.Join(columns, ", ")+" FROM api_keys WHERE workspace_id = @workspace",
		reviewArgs(workspaceID, s.now(), recorded)).Row().Scan(into...)
	if err != nil {
		return Review{}, fmt.Errorf("review API keys: %w", err)
	}
	for i, finding := range Findings {
		review.Counts[finding] = counts[i]
	}
	return review, nil
}

// findings lets keys through for which there is a finding; all of them without one, none if it is
// unknown.
func (s *Store) findings(ctx context.Context, workspaceID string, finding Finding, now time.Time) (func(*gorm.DB) *gorm.DB, error) {
	if finding == "" {
		return func(query *gorm.DB) *gorm.DB { return query }, nil
	}
	condition, known := findingSQL[finding]
	if !known {
		return func(query *gorm.DB) *gorm.DB { return query.Where("1 = 0") }, nil
	}
	var recorded *time.Time
	if finding == FindScopes {
		var err error
		if recorded, err = s.usageRecordedSince(ctx, workspaceID); err != nil {
			return nil, err
		}
	}
	return func(query *gorm.DB) *gorm.DB { return query.Where(condition, reviewArgs(workspaceID, now, recorded)) }, nil
}

// usageRecordedSince is the first day of which the usage of a workspace is known; nil if none is.
func (s *Store) usageRecordedSince(ctx context.Context, workspaceID string) (*time.Time, error) {
	var first usageDay
	err := s.with(ctx).Select("starts_at").Where("workspace_id = ?", workspaceID).Order("starts_at").Take(&first).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read since when usage is recorded: %w", err)
	}
	return &first.StartsAt, nil
}
