package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/usage"
)

// KeyError is the last response to a request with a key that had a status of 400 or higher.
type KeyError struct {
	Route       string // such as "GET /me"; empty if no route matched
	StatusClass int    // 4 or 5
	Rejection   usage.Rejection
	Scope       string    // required by the route; empty for none
	StartsAt    time.Time // start of the hour
}

// LastError returns the last error of a key in a workspace since a time, or nil. Requests are counted by
// whole hours. Within an hour, it prefers server errors, then rejected requests.
func (s *Store) LastError(ctx context.Context, workspaceID, keyID string, since time.Time) (*KeyError, error) {
	var last usageHour
	err := s.with(ctx).Where(ofKeys, workspaceID, []string{keyID}).Where("starts_at >= ? AND status_class >= 4", usage.Hourly.Start(since)).
		Order("starts_at DESC, status_class DESC, refusal DESC, route").Take(&last).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last error: %w", err)
	}
	return &KeyError{last.Route, last.StatusClass, last.Rejection, last.Scope, last.StartsAt}, nil
}
