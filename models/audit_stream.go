package models

import (
	"context"
	"fmt"
	"slices"
)

// auditSubscribers returns, for each workspace that events belong to, the endpoints that subscribe to the
// audit log. It locks them before the chains of the workspaces are locked, because a transaction that deletes
// an endpoint locks them in this order.
func (s *Store) auditSubscribers(ctx context.Context, workspaceIDs []string) (map[string][]WebhookEndpoint, error) {
	subscribers := map[string][]WebhookEndpoint{}
	for _, id := range workspaceIDs {
		if id == "" { // events that belong to no workspace
			continue
		}
		endpoints, err := s.lockWebhookEndpoints(ctx, id)
		if err != nil {
			return nil, err
		}
		subscribers[id] = slices.DeleteFunc(endpoints, func(e WebhookEndpoint) bool { return !slices.Contains(e.Events, AuditLogEvent) })
	}
	return subscribers, nil
}

// streamAudit writes an event for each audit event of a workspace, and its deliveries to subscribers. It
// writes the event also if all of them are disabled, so that it can be replayed, but not if there are none:
// the audit log has the same data.
func (s *Store) streamAudit(ctx context.Context, subscribers []WebhookEndpoint, audited []AuditEvent) error {
	if len(subscribers) == 0 {
		return nil
	}
	var deliveries []WebhookDelivery
	events := make([]Event, len(audited))
	for i := range events {
		event := &events[i]
		event.WorkspaceID, event.Type = audited[i].chain(), AuditLogEvent
		if err := s.complete(ctx, event, audited[i].Wire()); err != nil {
			return err
		}
		deliveries = append(deliveries, s.deliveriesTo(subscribers, event)...)
	}
	if err := s.with(ctx).CreateInBatches(events, insertBatchSize).Error; err != nil {
		return fmt.Errorf("stream audit log: %w", err)
	}
	return s.insertDeliveries(ctx, deliveries)
}
