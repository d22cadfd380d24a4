package models

import (
	"context"
	"slices"
)

// streamed returns an event for each audit event of a workspace. There are none without a subscriber among its
// endpoints, because the audit log has the same data. A disabled one counts, so that the events can be replayed.
func (s *Store) streamed(ctx context.Context, endpoints []WebhookEndpoint, audited []AuditEvent) ([]Event, error) {
	subscribes := func(e WebhookEndpoint) bool { return slices.Contains(e.Events, AuditLogEvent) }
	if !slices.ContainsFunc(endpoints, subscribes) {
		return nil, nil
	}
	events := make([]Event, len(audited))
	for i := range events {
		events[i] = Event{WorkspaceID: audited[i].chain(), Type: AuditLogEvent}
		if err := s.complete(ctx, &events[i], audited[i].Wire()); err != nil {
			return nil, err
		}
	}
	return events, nil
}
