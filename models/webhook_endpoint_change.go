package models

import (
	"context"
	"fmt"
	"time"
)

// WebhookEndpointEdit lists changes to an endpoint.
type WebhookEndpointEdit struct {
	URL         Change[string]
	Description Change[*string]
	Events      Change[[]string]
	Enabled     Change[bool]
}

// EditWebhookEndpoint changes an endpoint. Pending deliveries to a disabled endpoint are sent once it
// is enabled again. Events that occur in between are not. It returns Forbidden if an API key that can't
// read what the endpoint's events contain changes its URL or events, or enables it.
func (s *Store) EditWebhookEndpoint(ctx context.Context, workspaceID, id string, edit WebhookEndpointEdit) (*WebhookEndpoint, error) {
	var endpoint *WebhookEndpoint
	err := s.Tx(ctx, func(tx *Store) (err error) {
		if endpoint, err = tx.lockWebhookEndpoint(ctx, workspaceID, id); err != nil {
			return err
		}
		if err := tx.applyWebhookEdit(endpoint, edit); err != nil {
			return err
		}
		if edit.sendsEvents() {
			if err := tx.requireReadable(ctx, endpoint.Events); err != nil {
				return err
			}
		}
		action := endpoint.enable(edit.Enabled, tx.now())
		if err := tx.saveWebhookEndpoint(ctx, endpoint); err != nil {
			return err
		}
		return tx.auditWebhookEdit(ctx, endpoint, edit, action)
	})
	if err != nil {
		return nil, err
	}
	s.wakeWebhooks()
	return endpoint, nil
}

// sendsEvents reports whether the edit can cause events to be sent that were not sent before, or
// elsewhere.
func (e WebhookEndpointEdit) sendsEvents() bool {
	return e.URL.Given || e.Events.Given || e.Enabled.Given && e.Enabled.Value
}

func (s *Store) applyWebhookEdit(endpoint *WebhookEndpoint, edit WebhookEndpointEdit) error {
	fields := Fields{}
	if edit.URL.Given {
		s.checkWebhookURL(fields, edit.URL.Value)
	}
	if edit.Description.Given {
		checkWebhookDescription(fields, edit.Description.Value)
	}
	if edit.Events.Given {
		checkWebhookEvents(fields, edit.Events.Value)
	}
	if err := fields.err(); err != nil {
		return err
	}
	edit.URL.apply(&endpoint.URL)
	edit.Description.apply(&endpoint.Description)
	if edit.Events.Given {
		endpoint.Events = eventListOf(edit.Events.Value)
	}
	return nil
}

// enable enables or disables the endpoint and returns the action for the audit log, or "" if nothing
// changes.
func (e *WebhookEndpoint) enable(wanted Change[bool], now time.Time) (action string) {
	switch {
	case !wanted.Given || wanted.Value == e.Enabled():
		return ""
	case wanted.Value:
		e.DisabledAt, e.DisabledReason = nil, nil
		return "webhook_endpoint.enabled"
	}
	reason := DisabledManually
	e.DisabledAt, e.DisabledReason = &now, &reason
	return "webhook_endpoint.disabled"
}

func (s *Store) auditWebhookEdit(ctx context.Context, endpoint *WebhookEndpoint, edit WebhookEndpointEdit, action string) error {
	if edit.URL.Given || edit.Description.Given || edit.Events.Given {
		err := s.audit(ctx, endpoint.WorkspaceID, "webhook_endpoint.updated", endpoint.target(), map[string]string{"events": endpoint.Events.String()})
		if err != nil {
			return err
		}
	}
	if action == "" {
		return nil
	}
	var details map[string]string
	if endpoint.DisabledReason != nil {
		details = map[string]string{"reason": string(*endpoint.DisabledReason)}
	}
	return s.audit(ctx, endpoint.WorkspaceID, action, endpoint.target(), details)
}

// saveWebhookEndpoint saves a locked endpoint.
func (s *Store) saveWebhookEndpoint(ctx context.Context, endpoint *WebhookEndpoint) error {
	endpoint.UpdatedAt = s.now()
	if err := s.with(ctx).Save(endpoint).Error; err != nil {
		return fmt.Errorf("update webhook endpoint: %w", err)
	}
	return nil
}

// DeletionChallenge returns what must be entered to delete the endpoint, whose health is h: its host,
// if it is enabled and deliveries arrive or are pending.
func (e *WebhookEndpoint) DeletionChallenge(h WebhookHealth, now time.Time) Challenge {
	arrive := h.Succeeded > 0 && h.LastAttemptedAt != nil && now.Sub(*h.LastAttemptedAt) < inUse
	return challengeIf(e.Enabled() && (arrive || h.Pending > 0), Challenge{Name: e.Host()})
}

// DeleteWebhookEndpoint deletes an endpoint with its secrets and deliveries. Requests in flight may
// still arrive. It returns Invalid unless c answers the endpoint's DeletionChallenge.
func (s *Store) DeleteWebhookEndpoint(ctx context.Context, workspaceID, id string, c Confirmation) error {
	return s.Tx(ctx, func(tx *Store) error {
		endpoint, err := tx.WebhookEndpoint(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		health, err := tx.WebhookHealth(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		if err := endpoint.DeletionChallenge(health, tx.now()).check(c); err != nil {
			return err
		}
		// The audit event locks the other endpoints. Without this lock, two deletions would wait for each other.
		if _, err := tx.lockWorkspace(ctx, workspaceID); err != nil {
			return err
		}
		deleted := tx.with(ctx).Where("id = ?", id).Delete(&WebhookEndpoint{})
		if deleted.Error != nil {
			return fmt.Errorf("delete webhook endpoint: %w", deleted.Error)
		}
		if deleted.RowsAffected == 0 {
			return notFound(orMissing(nil), "webhook endpoint")
		}
		return tx.audit(ctx, workspaceID, "webhook_endpoint.deleted", endpoint.target(), nil)
	})
}

// disableWebhookEndpoint disables an endpoint because of failures, unless it is already disabled or
// deleted.
func (s *Store) disableWebhookEndpoint(ctx context.Context, workspaceID, id string, reason DisabledReason) error {
	disabled := s.with(ctx).Model(&WebhookEndpoint{}).Where("workspace_id = ? AND id = ? AND disabled_at IS NULL", workspaceID, id).
		UpdateColumns(map[string]any{"disabled_at": s.now(), "disabled_reason": reason, "updated_at": s.now()})
	if disabled.Error != nil {
		return fmt.Errorf("disable webhook endpoint: %w", disabled.Error)
	}
	if disabled.RowsAffected == 0 {
		return nil
	}
	endpoint, err := s.WebhookEndpoint(ctx, workspaceID, id)
	if err != nil {
		return err
	}
	ctx = asSystem(ctx)
	return s.audit(ctx, workspaceID, "webhook_endpoint.disabled", endpoint.target(), map[string]string{"reason": string(reason)})
}
