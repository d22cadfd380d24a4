package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skipup/keys/models/token"
)

const (
	// WebhookSecretOverlap is how long deliveries are signed with the secret before the present
	// one too, so that a receiver can change over without refusing any.
	WebhookSecretOverlap = 24 * time.Hour
	// maxWebhookSecrets bounds the signatures on a delivery.
	maxWebhookSecrets = 5
)

// webhookSecret is what deliveries to an endpoint are signed with.
type webhookSecret struct {
	ID         string
	EndpointID string
	Sealed     []byte
	ExpiresAt  *time.Time // nil for the present one
	CreatedAt  time.Time
}

// insertWebhookSecret gives an endpoint its present secret.
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

// RotateWebhookSecret gives an endpoint a new secret, whose text is in the answer and nowhere
// else. For WebhookSecretOverlap deliveries are signed with the one before too. Too many
// rotations within that time are Refused.
func (s *Store) RotateWebhookSecret(ctx context.Context, workspaceID, id string) (*WebhookEndpoint, token.Secret, error) {
	var (
		endpoint *WebhookEndpoint
		secret   token.Secret
	)
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if endpoint, err = tx.lockWebhookEndpoint(ctx, workspaceID, id); err != nil {
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
	return endpoint, secret, nil
}

// retireWebhookSecret has the present secret of an endpoint expire.
func (s *Store) retireWebhookSecret(ctx context.Context, endpointID string) error {
	var living int64
	of := s.with(ctx).Model(&webhookSecret{}).Where("endpoint_id = ?", endpointID)
	if err := of.Where("expires_at IS NULL OR expires_at > ?", s.now()).Count(&living).Error; err != nil {
		return fmt.Errorf("count webhook secrets: %w", err)
	}
	if living >= maxWebhookSecrets {
		return Errorf(FailedPrecondition, "The secret was rotated %d times within %d hours. Wait until the oldest has expired.",
			maxWebhookSecrets-1, int(WebhookSecretOverlap.Hours()))
	}
	err := s.with(ctx).Model(&webhookSecret{}).Where("endpoint_id = ? AND expires_at IS NULL", endpointID).
		UpdateColumn("expires_at", s.now().Add(WebhookSecretOverlap)).Error
	if err != nil {
		return fmt.Errorf("retire webhook secret: %w", err)
	}
	return nil
}

// webhookSecretsOf are the living secrets of endpoints, the present one first. An endpoint whose
// secrets do not open is left out, and the error says why.
func (s *Store) webhookSecretsOf(ctx context.Context, endpointIDs []string) (map[string][]token.Secret, error) {
	var rows []webhookSecret
	err := s.with(ctx).Where("endpoint_id IN ? AND (expires_at IS NULL OR expires_at > ?)", endpointIDs, s.now()).
		Order("id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read webhook secrets: %w", err)
	}
	secrets, closed := map[string][]token.Secret{}, map[string]error{}
	for _, row := range rows {
		text, err := s.sealer.open(row.Sealed, row.ID)
		if err != nil {
			closed[row.EndpointID] = err
			continue
		}
		secrets[row.EndpointID] = append(secrets[row.EndpointID], token.SecretOf(text))
	}
	for id, why := range closed {
		delete(secrets, id)
		err = fmt.Errorf("read the secrets of webhook endpoint %s: %w", id, why)
	}
	return secrets, err
}

// ResealWebhookSecrets encrypts the secrets anew that were encrypted with another key than the
// present one, which can then be taken out of the configuration. It returns how many. Those that
// it cannot read it leaves as they are, and the error says which.
func (s *Store) ResealWebhookSecrets(ctx context.Context) (int, error) {
	var rows []webhookSecret
	if err := s.with(ctx).Order("id").Find(&rows).Error; err != nil {
		return 0, fmt.Errorf("read webhook secrets: %w", err)
	}
	resealed, unread := 0, []error{}
	for _, row := range rows {
		if !s.sealer.needsResealing(row.Sealed) {
			continue
		}
		text, err := s.sealer.open(row.Sealed, row.ID)
		if err != nil {
			unread = append(unread, fmt.Errorf("read the secret of webhook endpoint %s: %w", row.EndpointID, err))
			continue
		}
		sealed, err := s.sealer.seal(text, row.ID)
		if err != nil {
			return resealed, err
		}
		if err := s.with(ctx).Model(&webhookSecret{}).Where("id = ?", row.ID).UpdateColumn("sealed", sealed).Error; err != nil {
			return resealed, fmt.Errorf("write webhook secret: %w", err)
		}
		resealed++
	}
	return resealed, errors.Join(unread...)
}
