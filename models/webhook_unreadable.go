package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// A secret is unreadable if it was encrypted with a key that this node doesn't have, such as one from
// a lost key file, or if its row is damaged. Nothing can be sent to an endpoint with an active secret
// that is unreadable.

// UnreadableSecrets are what has secrets that can't be decrypted, in all workspaces.
type UnreadableSecrets struct {
	Endpoints []string // IDs of the webhook endpoints, sorted
	Users     []string // IDs of the users whose codes can't be checked, sorted
	LostKey   bool     // whether a secret was encrypted with a key that isn't configured
}

// String returns what can't be decrypted, or "" if there is nothing.
func (u UnreadableSecrets) String() string {
	var parts []string
	if n := len(u.Endpoints); n > 0 {
		parts = append(parts, "the secrets of "+counted(n, "webhook endpoint", "webhook endpoints"))
	}
	if n := len(u.Users); n > 0 {
		parts = append(parts, "the second factors of "+counted(n, "person", "people"))
	}
	return strings.Join(parts, " and ")
}

func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// UnreadableSecrets returns the endpoints to which this node can't send anything, and the users who can
// sign in only with a recovery code.
func (s *Store) UnreadableSecrets(ctx context.Context) (UnreadableSecrets, error) {
	found, err := s.unreadableSecrets(s.with(ctx).Model(&webhookSecret{}))
	if err != nil {
		return found, err
	}
	var factors []secondFactor
	if err := s.with(ctx).Order("user_id").Find(&factors).Error; err != nil {
		return found, fmt.Errorf("read second factors: %w", err)
	}
	for _, factor := range factors {
		if _, err := s.sealer.open(factor.Sealed, factor.ID); err != nil {
			found.Users = append(found.Users, factor.UserID)
			found.LostKey = found.LostKey || errors.Is(err, errUnknownKey)
		}
	}
	return found, nil
}

func (s *Store) unreadableSecrets(query *gorm.DB) (UnreadableSecrets, error) {
	var (
		rows  []webhookSecret
		found UnreadableSecrets
	)
	if err := query.Where("expires_at IS NULL OR expires_at > ?", s.now()).Find(&rows).Error; err != nil {
		return found, fmt.Errorf("read webhook secrets: %w", err)
	}
	endpoints := map[string]bool{}
	for _, row := range rows {
		if _, err := s.sealer.open(row.Sealed, row.ID); err != nil {
			endpoints[row.EndpointID] = true
			found.LostKey = found.LostKey || errors.Is(err, errUnknownKey)
		}
	}
	found.Endpoints = slices.Sorted(maps.Keys(endpoints))
	return found, nil
}

// discardUnreadableSecrets deletes the secrets of an endpoint that can't be decrypted. Without this,
// they would keep a rotation from taking effect until they expire.
func (s *Store) discardUnreadableSecrets(ctx context.Context, endpointID string) error {
	var rows []webhookSecret
	if err := s.with(ctx).Where("endpoint_id = ?", endpointID).Find(&rows).Error; err != nil {
		return fmt.Errorf("read webhook secrets: %w", err)
	}
	for _, row := range rows {
		if _, err := s.sealer.open(row.Sealed, row.ID); err == nil {
			continue
		}
		if err := s.with(ctx).Where("id = ?", row.ID).Delete(&webhookSecret{}).Error; err != nil {
			return fmt.Errorf("delete webhook secret: %w", err)
		}
	}
	return nil
}
