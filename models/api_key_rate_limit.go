package models

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/usage"
)

// MaxRateLimit is the highest rate limit that a key can have of its own, in requests per minute.
const MaxRateLimit = 1_000_000

// KeyRateLimit returns how many requests per minute a key without a limit of its own may make; 0 for any
// number.
func (s *Store) KeyRateLimit() int { return s.keyRateLimit }

// effectiveRateLimit returns the rate limit that applies to a key, given its own limit, which may be 0. It returns
// math.MaxInt if there is no limit.
func (s *Store) effectiveRateLimit(own int) int {
	switch {
	case own > 0:
		return own
	case s.keyRateLimit > 0:
		return s.keyRateLimit
	}
	return math.MaxInt
}

// inheritedRateLimit returns a rate limit, or that of the key that grants it if that is lower.
func (s *Store) inheritedRateLimit(creator *APIKey, wanted int) int {
	if creator != nil && s.effectiveRateLimit(creator.RateLimit) < s.effectiveRateLimit(wanted) {
		return creator.RateLimit
	}
	return wanted
}

func checkRateLimit(fields Fields, limit int) {
	if limit < 0 || limit > MaxRateLimit {
		fields.add("rate_limit", "must be a whole number from 1 to %d", MaxRateLimit)
	}
}

func rateLimitText(limit int) string {
	if limit == 0 {
		return "the server's limit"
	}
	return fmt.Sprintf("%d per minute", limit)
}

// RateLimitRoom is how many times the average of a key's busiest hour a suggested rate limit is. Usage is
// stored by hour, so it is unknown how the requests were spread within it.
const RateLimitRoom = 3

// BusiestHour is the hour in which most requests with a key were accepted.
type BusiestHour struct {
	StartsAt time.Time
	Requests int64
}

// PerMinute returns the average number of requests per minute, rounded up.
func (h BusiestHour) PerMinute() int64 { return (h.Requests + 59) / 60 }

// SuggestedRateLimit returns a rate limit that leaves room for bursts within the hour, or 0 if there were no
// requests.
func (h BusiestHour) SuggestedRateLimit() int {
	suggested := h.PerMinute() * RateLimitRoom
	return int(min((suggested+9)/10*10, MaxRateLimit))
}

// BusiestHourOf returns the busiest hour of a key since a time, or the zero BusiestHour if no requests were
// accepted.
func (s *Store) BusiestHourOf(ctx context.Context, workspaceID, keyID string, since time.Time) (BusiestHour, error) {
	var busiest BusiestHour
	err := s.with(ctx).Table(periodTables[usage.Hourly]).Select("starts_at, CAST(sum(requests) AS bigint) AS requests").
		Where("workspace_id = ? AND api_key_id = ? AND starts_at >= ? AND refusal = ''", workspaceID, keyID, since).
		Group("starts_at").Order("requests DESC, starts_at DESC").Take(&busiest).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return BusiestHour{}, nil
	}
	if err != nil {
		return BusiestHour{}, fmt.Errorf("find the busiest hour of an API key: %w", err)
	}
	return busiest, nil
}
