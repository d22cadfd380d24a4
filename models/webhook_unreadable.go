package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
)

// A secret is unreadable if it was encrypted with a key that this node doesn't have, such as one from
// a lost key file, or if its row is damaged. Nothing can be sent to an endpoint with an active secret
// that is unreadable.

// UnreadableSecrets are the endpoints of all workspaces with active secrets that can't be decrypted.
type UnreadableSecrets struct {
	Endpoints []string // their IDs, sorted
	LostKey   bool     // whether a secret was encrypted with a key that isn't configured
}

// UnreadableSecrets returns the endpoints to which this node can't send anything.
func (s *Store) UnreadableSecrets(ctx context.Context) (UnreadableSecrets, error) {
	return s.unreadableSecrets(s.with(ctx).Model(&webhookSecret{}))
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
