package models

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models/token"
)

const (
	// WebhookSecretOverlap is how long deliveries are signed with both the new and the old secret
	// after a rotation, so that receivers can switch without rejecting deliveries.
	WebhookSecretOverlap = 24 * time.Hour
	// maxWebhookSecrets limits the signatures on a delivery.
	maxWebhookSecrets = 5
)

// webhookSecret is a secret that deliveries to an endpoint are signed with.
type webhookSecret struct {
	ID         string
	EndpointID string
	Sealed     []byte
	ExpiresAt  *time.Time // nil for the current one
	CreatedAt  time.Time
}

// insertWebhookSecret creates the current secret of an endpoint.
func (s *Store) insertWebhookSecret(ctx context.Context, endpointID string) (token.Secret, error) {
	secret := token.NewWebhookSecret()
	row := webhookSecret{ID: s.id("whs"), EndpointID: endpointID, CreatedAt: s.now()}
	var err error
	if row.Sealed, err = s.sealer.seal(secret.Reveal(), row.ID); err != nil {
		return token.Secret{}, err
	}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return token.Secret{}, fmt.Errorf("insert webhook secret: %w", err)
	}
	return secret, nil
}

// RotateWebhookSecret creates a new secret for an endpoint and returns it. It can't be retrieved
// later. For WebhookSecretOverlap, deliveries are signed with the old secret too, unless it can't be
// decrypted: then it is discarded. It returns FailedPrecondition after too many rotations within that
// time.
func (s *Store) RotateWebhookSecret(ctx context.Context, workspaceID, id string) (*WebhookEndpoint, token.Secret, error) {
	var (
		endpoint *WebhookEndpoint
		secret   token.Secret
	)
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if endpoint, err = tx.lockWebhookEndpoint(ctx, workspaceID, id); err != nil {
			return err
		}
		if err := tx.discardUnreadableSecrets(ctx, id); err != nil {
			return err
		}
		if err := tx.retireWebhookSecret(ctx, id); err != nil {
			return err
		}
		if secret, err = tx.insertWebhookSecret(ctx, id); err != nil {
			return err
		}
		if err := tx.saveWebhookEndpoint(ctx, endpoint); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "webhook_endpoint.secret_rotated", endpoint.target(), nil)
	})
	if err != nil {
		return nil, token.Secret{}, err
	}
	s.wakeWebhooks() // for deliveries that had to wait for a secret
	return endpoint, secret, nil
}

// retireWebhookSecret sets the expiry of the current secret of an endpoint.
func (s *Store) retireWebhookSecret(ctx context.Context, endpointID string) error {
	var active int64
	of := s.with(ctx).Model(&webhookSecret{}).Where("endpoint_id = ?", endpointID)
	if err := of.Where("expires_at IS NULL OR expires_at > ?", s.now()).Count(&active).Error; err != nil {
		return fmt.Errorf("count webhook secrets: %w", err)
	}
	if active >= maxWebhookSecrets {
		return Errorf(FailedPrecondition, "The secret was rotated %d times within %d hours. Wait until the oldest secret expires.",
			maxWebhookSecrets-1, int(WebhookSecretOverlap.Hours()))
	}
	err := s.with(ctx).Model(&webhookSecret{}).Where("endpoint_id = ? AND expires_at IS NULL", endpointID).
		UpdateColumn("expires_at", s.now().Add(WebhookSecretOverlap)).Error
	if err != nil {
		return fmt.Errorf("retire webhook secret: %w", err)
	}
	return nil
}

// webhookSecretsOf returns the active secrets of endpoints, the current one first. It omits endpoints
// whose secrets can't be decrypted, and returns an error in addition.
func (s *Store) webhookSecretsOf(ctx context.Context, endpointIDs []string) (map[string][]token.Secret, error) {
	var rows []webhookSecret
	err := s.with(ctx).Where("endpoint_id IN ? AND (expires_at IS NULL OR expires_at > ?)", endpointIDs, s.now()).
		Order("id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read webhook secrets: %w", err)
	}
	secrets, unreadable := map[string][]token.Secret{}, map[string]error{}
	for _, row := range rows {
		text, err := s.sealer.open(row.Sealed, row.ID)
		if err != nil {
			unreadable[row.EndpointID] = err
			continue
		}
		secrets[row.EndpointID] = append(secrets[row.EndpointID], token.SecretOf(text))
	}
	for id, cause := range unreadable {
		delete(secrets, id)
		err = fmt.Errorf("decrypt secrets of webhook endpoint %s: %w", id, cause)
	}
	return secrets, err
}
