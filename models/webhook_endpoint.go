package models

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/wire"
)

// MaxWebhookEndpoints limits the endpoints of a workspace, because each adds a row for every event.
const MaxWebhookEndpoints = 50

// WebhookEndpoint is a URL that the events of a workspace are sent to.
type WebhookEndpoint struct {
	ID             string
	WorkspaceID    string
	URL            string
	Description    *string
	Events         EventList
	DisabledAt     *time.Time
	DisabledReason *DisabledReason // set if DisabledAt is set
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// DisabledReason is the reason why an endpoint is disabled.
type DisabledReason string

// The reasons.
const (
	DisabledManually        DisabledReason = "manual"            // disabled by a person or API key
	DisabledGone            DisabledReason = "gone"              // the receiver returned 410
	DisabledTooManyFailures DisabledReason = "too_many_failures" // the last attempt of a delivery failed
)

// Enabled reports whether events are sent to the endpoint.
func (e *WebhookEndpoint) Enabled() bool { return e.DisabledAt == nil }

// Host returns the host of the URL. The rest must not be shown everywhere, because it may contain
// secrets.
func (e *WebhookEndpoint) Host() string {
	if u, err := url.Parse(e.URL); err == nil {
		return u.Host
	}
	return ""
}

// Title returns the endpoint's description, or its host and path, which tell endpoints apart better
// than the host does.
func (e *WebhookEndpoint) Title() string {
	if e.Description != nil && *e.Description != "" {
		return *e.Description
	}
	if u, err := url.Parse(e.URL); err == nil {
		return u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
	}
	return e.URL
}

// Wire returns the endpoint as the API shows it.
func (e *WebhookEndpoint) Wire() wire.WebhookEndpoint {
	return wire.WebhookEndpoint{
		ID: e.ID, URL: e.URL, Description: e.Description, Enabled: e.Enabled(), Events: e.Events.Names(),
		DisabledAt: wire.OptionalTimestamp(e.DisabledAt), DisabledReason: (*string)(e.DisabledReason),
		CreatedAt: wire.Timestamp(e.CreatedAt), UpdatedAt: wire.Timestamp(e.UpdatedAt),
	}
}

func (e *WebhookEndpoint) target() target { return target{"webhook_endpoint", e.ID, e.Host()} }

// NewWebhookEndpoint is an endpoint to create.
type NewWebhookEndpoint struct {
	URL         string
	Description *string
	Events      []string
}

// CreateWebhookEndpoint creates an endpoint and returns it with its secret, which can't be retrieved
// later. It returns FailedPrecondition if the workspace already has MaxWebhookEndpoints, and Forbidden
// if an API key can't read what the events contain.
func (s *Store) CreateWebhookEndpoint(ctx context.Context, workspaceID string, n NewWebhookEndpoint) (*WebhookEndpoint, token.Secret, error) {
	if err := s.checkWebhookEndpoint(n); err != nil {
		return nil, token.Secret{}, err
	}
	var secret token.Secret
	endpoint := &WebhookEndpoint{WorkspaceID: workspaceID, URL: n.URL, Description: n.Description, Events: eventListOf(n.Events)}
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.requireReadable(ctx, endpoint.Events); err != nil {
			return err
		}
		if err := tx.requireFewerEndpoints(ctx, workspaceID); err != nil {
			return err
		}
		endpoint.ID, endpoint.CreatedAt, endpoint.UpdatedAt = tx.id("we"), tx.now(), tx.now()
		if err := tx.with(ctx).Create(endpoint).Error; err != nil {
			return fmt.Errorf("insert webhook endpoint: %w", err)
		}
		if secret, err = tx.insertWebhookSecret(ctx, endpoint.ID); err != nil {
			return err
		}
		return tx.audit(ctx, workspaceID, "webhook_endpoint.created", endpoint.target(), map[string]string{"events": endpoint.Events.String()})
	})
	if err != nil {
		return nil, token.Secret{}, err
	}
	return endpoint, secret, nil
}

func (s *Store) requireFewerEndpoints(ctx context.Context, workspaceID string) error {
	if _, err := s.lockWorkspace(ctx, workspaceID); err != nil {
		return err
	}
	var endpoints int64
	if err := s.with(ctx).Model(&WebhookEndpoint{}).Where("workspace_id = ?", workspaceID).Count(&endpoints).Error; err != nil {
		return fmt.Errorf("count webhook endpoints: %w", err)
	}
	if endpoints >= MaxWebhookEndpoints {
		return Errorf(FailedPrecondition, "You've reached the limit of %d endpoints. Delete one to add another.", MaxWebhookEndpoints)
	}
	return nil
}

// WebhookEndpoint returns an endpoint of a workspace.
func (s *Store) WebhookEndpoint(ctx context.Context, workspaceID, id string) (*WebhookEndpoint, error) {
	return takeWebhookEndpoint(s.with(ctx), workspaceID, id)
}

// lockWebhookEndpoint returns an endpoint and prevents concurrent changes until the transaction ends.
// Deliveries to it can still be added.
func (s *Store) lockWebhookEndpoint(ctx context.Context, workspaceID, id string) (*WebhookEndpoint, error) {
	return takeWebhookEndpoint(s.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}), workspaceID, id)
}

func takeWebhookEndpoint(query *gorm.DB, workspaceID, id string) (*WebhookEndpoint, error) {
	var endpoint WebhookEndpoint
	if err := query.Where("workspace_id = ? AND id = ?", workspaceID, id).Take(&endpoint).Error; err != nil {
		return nil, notFound(err, "webhook endpoint")
	}
	return &endpoint, nil
}

// WebhookEndpoints returns the endpoints of a workspace, newest first.
func (s *Store) WebhookEndpoints(ctx context.Context, workspaceID string, page Page) (Paged[WebhookEndpoint], error) {
	list := listing{"webhook_endpoints", workspaceID}
	query, err := list.after(s.with(ctx).Where("workspace_id = ?", workspaceID), "id", &page)
	if err != nil {
		return Paged[WebhookEndpoint]{}, err
	}
	var endpoints []WebhookEndpoint
	if err := query.Find(&endpoints).Error; err != nil {
		return Paged[WebhookEndpoint]{}, fmt.Errorf("read webhook endpoints: %w", err)
	}
	return paged(list, page, endpoints, func(e *WebhookEndpoint) string { return e.ID }), nil
}
