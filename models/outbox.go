package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// outbox is what a transaction has recorded, to write at its end: then one statement writes it all, and the locks of
// the audit log are held for as short as possible.
type outbox struct {
	events        []Event
	notifications []notification // about keys
	audited       []AuditEvent
}

// flush writes what the transaction has recorded so far: audit events, notifications, and events with a delivery for
// each subscribed endpoint. Only changes of the revocation row may follow it in the transaction.
//
// To avoid deadlocks, it locks webhook endpoints first and then the heads of chains, each in the order of their
// workspaces.
func (s *Store) flush(ctx context.Context) error {
	recorded := *s.outbox
	*s.outbox = outbox{}
	audited := map[string][]AuditEvent{}
	for _, event := range recorded.audited {
		audited[event.chain()] = append(audited[event.chain()], event)
	}
	workspaceIDs := slices.Collect(maps.Keys(audited))
	for _, event := range recorded.events {
		workspaceIDs = append(workspaceIDs, event.WorkspaceID)
	}
	endpoints, err := s.lockEndpointsIn(ctx, workspaceIDs)
	if err != nil {
		return err
	}
	heads, err := s.extendChains(ctx, audited)
	if err != nil {
		return err
	}
	events := recorded.events
	for _, head := range heads {
		streamed, err := s.streamed(ctx, endpoints[head.Chain], audited[head.Chain])
		if err != nil {
			return err
		}
		events = append(events, streamed...)
	}
	var deliveries []WebhookDelivery
	for i := range events {
		deliveries = append(deliveries, s.deliveriesTo(endpoints[events[i].WorkspaceID], &events[i])...)
	}
	if err := s.makeDue(ctx, deliveries); err != nil {
		return err
	}
	notifications := s.completed(recorded.notifications)
	writes := slices.Concat(inserts(events), inserts(deliveries), inserts(notifications))
	for _, head := range heads {
		writes = append(append(writes, inserts(audited[head.Chain])...), head.move)
	}
	if err := s.writeTogether(ctx, writes); err != nil {
		return fmt.Errorf("write events, notifications, and the audit log: %w", err)
	}
	return s.addNotificationEmails(ctx, notifications)
}

// lockEndpointsIn returns the webhook endpoints of workspaces, and locks them in the order of the workspaces. It ignores
// an empty ID, that of no workspace.
func (s *Store) lockEndpointsIn(ctx context.Context, workspaceIDs []string) (map[string][]WebhookEndpoint, error) {
	endpoints := map[string][]WebhookEndpoint{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(workspaceIDs))) {
		if id == "" {
			continue
		}
		of, err := s.lockWebhookEndpoints(ctx, id)
		if err != nil {
			return nil, err
		}
		endpoints[id] = of
	}
	return endpoints, nil
}

// write adds rows to the database, or changes some.
type write func(db *gorm.DB) *gorm.DB

// inserts returns the writes that insert rows.
func inserts[T any](rows []T) (writes []write) {
	for some := range slices.Chunk(rows, insertBatchSize) {
		writes = append(writes, func(db *gorm.DB) *gorm.DB { return db.Omit(clause.Associations).Create(some) })
	}
	return writes
}

// maxTogether limits the writes of one statement. There are more only after a change to very many rows.
const maxTogether = 8

// writeTogether does writes that don't depend on each other, on PostgreSQL in one statement.
func (s *Store) writeTogether(ctx context.Context, writes []write) error {
	if s.dialect.name != postgresql || len(writes) > maxTogether {
		for _, write := range writes {
			if err := write(s.with(ctx)).Error; err != nil {
				return err
			}
		}
		return nil
	}
	var names []string
	var statements []any
	for i, write := range writes {
		statement := write(s.with(ctx).Session(&gorm.Session{DryRun: true, Logger: logger.Discard}))
		if statement.Error != nil {
			return statement.Error
		}
		names, statements = append(names, fmt.Sprintf("write_%d AS (?)", i)), append(statements, statement)
	}
	if len(writes) == 0 {
		return nil
	}
	return s.with(ctx).Exec("WITH "+strings.Join(names, ", ")+" SELECT", statements...).Error
}
