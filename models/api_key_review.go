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

// Finding is a reason to review a key.
type Finding string

// The findings.
const (
	FindLifetime  Finding = "lifetime"   // expires later than the policy allows
	FindUnused    Finding = "unused"     // created more than KeyPolicy.ReviewUnusedDays ago and never used
	FindIdle      Finding = "idle"       // not used for KeyPolicy.ReviewIdleDays
	FindExpiring  Finding = "expiring"   // expires within ExpiresSoon
	FindOld       Finding = "old"        // older than KeyPolicy.ReviewOldDays
	FindScopes    Finding = "scopes"     // used, but never for some of its scopes
	FindRetired   Finding = "retired"    // holds a retired scope
	FindOwnerLeft Finding = "owner_left" // owned by a member who is deactivated
	FindOrphaned  Finding = "orphaned"   // created by a key that is deleted
	FindStillUsed Finding = "still_used" // deleted, expired, or paused, but clients still send it
)

// Findings are all findings in the order of the pages.
var Findings = []Finding{FindLifetime, FindUnused, FindIdle, FindExpiring, FindOld, FindScopes, FindRetired, FindOwnerLeft, FindOrphaned, FindStillUsed}

// The thresholds of the findings that don't depend on the policy.
const (
	ReviewStillUsed = 7 * 24 * time.Hour // since the last rejected request
	// ReviewObserved is how long a key must exist, and usage must have been recorded, before an
	// unused scope is a finding.
	ReviewObserved = 30 * 24 * time.Hour
)

const (
	notExpiredSQL = "deleted_at IS NULL AND (expires_at IS NULL OR expires_at > @now)"
	// inactiveRejections are the rejections of keys that are not accepted at all.
	inactiveRejections = "('deleted', 'expired', 'paused')"
)

// findingSQL has the conditions of the findings on a row of api_keys that don't depend on the scopes, with
// the arguments reviewArgs.
var findingSQL = map[Finding]string{
	FindUnused:   notExpiredSQL + " AND last_used_at IS NULL AND created_at <= @unused",
	FindIdle:     notExpiredSQL + " AND last_used_at <= @idle",
	FindExpiring: notExpiredSQL + " AND expires_at <= @soon",
	FindOld:      notExpiredSQL + " AND created_at <= @old",
	FindOwnerLeft: notExpiredSQL + " AND owner_id IN " +
		"(SELECT id FROM members WHERE workspace_id = @workspace AND deactivated_at IS NOT NULL)",
	// A key that replaces its creator takes its place.
	FindOrphaned: notExpiredSQL + " AND created_by_type = 'api_key' AND (predecessor_id IS NULL OR predecessor_id <> created_by_id) AND created_by_id IN " +
		"(SELECT id FROM api_keys WHERE workspace_id = @workspace AND deleted_at IS NOT NULL)",
	FindStillUsed: "(deleted_at IS NOT NULL OR expires_at <= @now OR paused_until > @now) AND id IN " +
		"(SELECT api_key_id FROM api_key_callers WHERE workspace_id = @workspace AND last_refused_at > @stillused AND last_refusal IN " + inactiveRejections + ")",
}

// findingSQL returns the condition of a finding on a row of api_keys, with the arguments reviewArgs. It
// returns false for an unknown finding.
func (s *Store) findingSQL(finding Finding) (condition string, known bool) {
	switch finding {
	case FindLifetime: // as in KeyPolicy.Shortened
		lifetime := s.dialect.epoch("expires_at") + " - " + s.dialect.epoch("created_at")
		return notExpiredSQL + " AND (@expiryrequired AND expires_at IS NULL" +
			" OR @maxlifetime > 0 AND " + lifetime + " > @maxlifetime AND expires_at > @latest AND expires_at > @earliest)", true
	case FindScopes:
		return notExpiredSQL + " AND last_used_at IS NOT NULL AND created_at <= @observed AND (" + unneededSQL(s.Scopes().Known()) + ")", true
	case FindRetired: // also of expired keys, which keep the scope from being removed
		return "deleted_at IS NULL AND workspace_id = @workspace AND (" + anyScopeSQL(s.Scopes().Retired()) + ")", true
	}
	condition, known = findingSQL[finding]
	return condition, known
}

// anyScopeSQL returns the condition that a key has a scope of a set.
func anyScopeSQL(set scope.Set) string {
	each := []string{"1 = 0"}
	for _, s := range set.Scopes() {
		each = append(each, hasScopeSQL("scopes", s))
	}
	return strings.Join(each, " OR ")
}

// unneededSQL returns the condition that a key has an unused scope of a set.
func unneededSQL(set scope.Set) string {
	var each []string
	for _, s := range set.Scopes() {
		each = append(each, hasScopeSQL("scopes", s)+" AND NOT "+hasScopeSQL("needed_scopes", s))
	}
	return strings.Join(each, " OR ")
}

// reviewArgs returns the arguments of findingSQL. Until usage has been recorded for long enough, no
// key counts as observed.
func reviewArgs(workspace *Workspace, now time.Time, recorded *time.Time) map[string]any {
	policy := workspace.KeyPolicy
	observed := now.Add(-ReviewObserved)
	if recorded == nil || recorded.After(observed) {
		observed = time.Unix(0, 0).UTC()
	}
	return map[string]any{
		"workspace": workspace.ID, "now": now, "soon": now.Add(ExpiresSoon), "week": now.Add(7 * 24 * time.Hour), "day": now.Add(24 * time.Hour),
		"unused": now.Add(-days(policy.ReviewUnusedDays)), "idle": now.Add(-days(policy.ReviewIdleDays)), "old": now.Add(-days(policy.ReviewOldDays)),
		"expiryrequired": policy.ExpiryRequired, "maxlifetime": int64(policy.longest() / time.Second),
		"latest": policy.since().Add(policy.longest()), "earliest": now.Add(ShorteningNotice),
		"stillused": now.Add(-ReviewStillUsed), "observed": observed,
	}
}

// Review counts the findings in a workspace.
type Review struct {
	Counts map[Finding]int64
	// WithinWeek and WithinDay count the expiring keys that expire that soon.
	WithinWeek, WithinDay int64
	// RecordedSince is the first day with recorded usage, or nil.
	RecordedSince *time.Time
}

// Any reports whether there are findings.
func (r Review) Any() bool {
	for _, n := range r.Counts {
		if n > 0 {
			return true
		}
	}
	return false
}

// ScopesObserved reports whether usage has been recorded for long enough to find unused scopes.
func (r Review) ScopesObserved(now time.Time) bool {
	return r.RecordedSince != nil && !r.RecordedSince.After(now.Add(-ReviewObserved))
}

// ReviewAPIKeys counts the findings about the keys in a workspace, in a fixed number of queries.
func (s *Store) ReviewAPIKeys(ctx context.Context, workspaceID string) (Review, error) {
	workspace, err := s.Workspace(ctx, workspaceID)
	if err != nil {
		return Review{}, err
	}
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
		condition, _ := s.findingSQL(finding)
		columns = append(columns, "count(CASE WHEN "+condition+" THEN 1 END)")
		into = append(into, &counts[i])
	}
	err = s.with(ctx).Raw("SELECT "+strings.Join(columns, ", ")+" FROM api_keys WHERE workspace_id = @workspace",
		reviewArgs(workspace, s.now(), recorded)).Row().Scan(into...)
	if err != nil {
		return Review{}, fmt.Errorf("review API keys: %w", err)
	}
	for i, finding := range Findings {
		review.Counts[finding] = counts[i]
	}
	return review, nil
}

// findings returns a condition for keys with a finding. An empty finding matches all keys, an unknown
// one none.
func (s *Store) findings(ctx context.Context, workspaceID string, finding Finding, now time.Time) (func(*gorm.DB) *gorm.DB, error) {
	if finding == "" {
		return func(query *gorm.DB) *gorm.DB { return query }, nil
	}
	condition, known := s.findingSQL(finding)
	if !known {
		return func(query *gorm.DB) *gorm.DB { return query.Where("1 = 0") }, nil
	}
	workspace, err := s.Workspace(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	var recorded *time.Time
	if finding == FindScopes {
		if recorded, err = s.usageRecordedSince(ctx, workspaceID); err != nil {
			return nil, err
		}
	}
	return func(query *gorm.DB) *gorm.DB { return query.Where(condition, reviewArgs(workspace, now, recorded)) }, nil
}

// usageRecordedSince returns the first day with recorded usage in a workspace, or nil.
func (s *Store) usageRecordedSince(ctx context.Context, workspaceID string) (*time.Time, error) {
	var first usageDay
	err := s.with(ctx).Select("starts_at").Where("workspace_id = ?", workspaceID).Order("starts_at").Take(&first).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read start of recorded usage: %w", err)
	}
	return &first.StartsAt, nil
}
