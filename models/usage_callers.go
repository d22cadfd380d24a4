package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/usage"
)

const (
	// MaxAddresses limits how many addresses of callers of a key are recorded separately. Callers from
	// further addresses share one row without an address and a user agent.
	MaxAddresses = 500
	// MaxCallers is the number of callers of a key from which on each address has only its first user
	// agent recorded separately. Its further user agents share one row without a user agent.
	MaxCallers = 100
)

// APIKeyCaller is a caller of a key, or several that are counted together.
type APIKeyCaller struct {
	APIKeyID          string
	WorkspaceID       string
	Address           string
	UserAgent         string
	Others            usage.CallerSet // the callers, if several are counted together
	Accepted          int64
	Rejected          int64 `gorm:"column:refused"`
	FirstSeenAt       time.Time
	LastSeenAt        time.Time
	LastAcceptedAt    *time.Time
	FirstRejectedAt   *time.Time      `gorm:"column:first_refused_at"`
	LastRejectedAt    *time.Time      `gorm:"column:last_refused_at"`
	LastRejection     usage.Rejection `gorm:"column:last_refusal"`
	LastRejectedRoute string          `gorm:"column:last_refused_route"`
}

// Caller returns the address and the user agent of c.
func (c *APIKeyCaller) Caller() usage.Caller {
	return usage.Caller{Address: c.Address, UserAgent: c.UserAgent}
}

// IsOthers reports whether c stands for all callers from addresses that are not recorded separately.
func (c *APIKeyCaller) IsOthers() bool { return c.Caller().IsOthers() }

// IsSeveral reports whether c stands for several callers: Others, or other user agents of an address.
func (c *APIKeyCaller) IsSeveral() bool { return c.IsOthers() || len(c.Others) > 0 }

// callersIn returns the callers that a row counts.
func callersIn(row usage.Caller, others usage.CallerSet) usage.CallerSet {
	switch {
	case len(others) > 0:
		return others
	case row.IsOthers():
		return usage.UnknownCallers() // counted by an earlier version
	}
	return usage.CallersIn(row)
}

// CallersOf lists the callers of a key in a workspace, last seen first. If further keys are given,
// their callers are added.
func (s *Store) CallersOf(ctx context.Context, workspaceID, keyID string, more ...string) ([]APIKeyCaller, error) {
	var callers []APIKeyCaller
	err := s.with(ctx).Where("workspace_id = ? AND api_key_id IN ?", workspaceID, newUsageOf(workspaceID, keyID, more).keyIDs).
		Order("last_seen_at DESC, address, user_agent").Find(&callers).Error
	if err != nil {
		return nil, fmt.Errorf("read callers: %w", err)
	}
	return callersOfOneKey(callers, keyID), nil
}

// callersOfOneKey merges callers of several keys, last seen first, as if all had used one key.
func callersOfOneKey(callers []APIKeyCaller, keyID string) []APIKeyCaller {
	seen, list := map[usage.Caller]int{}, callers[:0]
	for _, c := range callers {
		c.APIKeyID = keyID
		i, known := seen[c.Caller()]
		if !known {
			seen[c.Caller()] = len(list)
			list = append(list, c)
			continue
		}
		list[i].add(&c)
	}
	return list
}

// add adds the requests of the same caller with another key, with which it was not seen later.
func (c *APIKeyCaller) add(other *APIKeyCaller) {
	if c.IsSeveral() || other.IsSeveral() {
		c.Others = callersIn(c.Caller(), c.Others).Union(callersIn(other.Caller(), other.Others))
	}
	c.Accepted += other.Accepted
	c.Rejected += other.Rejected
	if other.FirstSeenAt.Before(c.FirstSeenAt) {
		c.FirstSeenAt = other.FirstSeenAt
	}
	if isLater(other.LastAcceptedAt, c.LastAcceptedAt) {
		c.LastAcceptedAt = other.LastAcceptedAt
	}
	if c.FirstRejectedAt == nil || other.FirstRejectedAt != nil && other.FirstRejectedAt.Before(*c.FirstRejectedAt) {
		c.FirstRejectedAt = other.FirstRejectedAt
	}
	if isLater(other.LastRejectedAt, c.LastRejectedAt) {
		c.LastRejectedAt, c.LastRejection, c.LastRejectedRoute = other.LastRejectedAt, other.LastRejection, other.LastRejectedRoute
	}
}

// isLater reports whether a is later than b, where nil is earlier than any time.
func isLater(a, b *time.Time) bool { return a != nil && (b == nil || a.After(*b)) }
