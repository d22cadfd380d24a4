package models

import (
	"context"
	"fmt"
	"time"
)

// AuditEvent is one line of the audit log: who did what to what, from where and when. It is
// written in the transaction of the change that it tells of, and never changed or deleted: the
// database refuses that, and the hash of the event after it would show it (see VerifyAudit).
type AuditEvent struct {
	ID          string
	WorkspaceID *string // nil for a failed sign-in to an account that does not exist
	ActorType   ActorType
	ActorID     *string
	ActorName   string
	Action      string // such as "api_key.created"
	TargetType  string
	TargetID    string
	TargetName  string
	Details     map[string]string `gorm:"serializer:json"`
	Address     string
	UserAgent   string
	CreatedAt   time.Time // the time that the id begins with, so that both sort alike
	Seq         int64     // place in the chain of the workspace, from 1
	Hash        []byte    // SHA-256 over this event and the Hash of the one before it
}

// target is what an audit event is about.
type target struct{ kind, id, name string }

// audit writes an event with the actor of ctx, at the end of the transaction of the change. It
// is a transaction of its own outside of one.
func (s *Store) audit(ctx context.Context, workspaceID, action string, t target, details map[string]string) error {
	if !s.inTx() {
		return s.Tx(ctx, func(tx *Store) error { return tx.audit(ctx, workspaceID, action, t, details) })
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return err
	}
	id, at := s.timedID("aud")
	*s.audited = append(*s.audited, AuditEvent{
		ID:          id,
		WorkspaceID: optional(workspaceID),
		ActorType:   actor.Type,
		ActorID:     optional(actor.ID),
		ActorName:   storable(actor.Name),
		Action:      action,
		TargetType:  t.kind,
		TargetID:    t.id,
		TargetName:  storable(t.name),
		Details:     storableDetails(details),
		Address:     storable(actor.Address),
		UserAgent:   clip(actor.UserAgent, maxUserAgent),
		CreatedAt:   at,
	})
	return nil
}

// storableDetails is details as both databases give them back, for they are hashed.
func storableDetails(details map[string]string) map[string]string {
	stored := make(map[string]string, len(details))
	for name, value := range details {
		stored[name] = storable(value)
	}
	return stored
}

// AuditEventsOf lists what happened to one thing of a workspace, the newest first, at most
// limit events.
func (s *Store) AuditEventsOf(ctx context.Context, workspaceID, targetID string, limit int) ([]AuditEvent, error) {
	var events []AuditEvent
	err := s.with(ctx).
		Where("workspace_id = ? AND target_id = ?", workspaceID, targetID).
		Order("id DESC").Limit(limit).
		Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	return events, nil
}
