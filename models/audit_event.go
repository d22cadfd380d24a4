package models

import (
	"context"
	"fmt"
	"time"
)

// AuditEvent is one line of the audit log: who did what to what, from where and when. It is
// written in the transaction of the change that it tells of.
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
	CreatedAt   time.Time
}

// target is what an audit event is about.
type target struct{ kind, id, name string }

// audit writes an event with the actor of ctx. Call it in the transaction of the change.
func (s *Store) audit(ctx context.Context, workspaceID, action string, t target, details map[string]string) error {
	actor, err := s.actor(ctx)
	if err != nil {
		return err
	}
	if details == nil {
		details = map[string]string{}
	}
	event := AuditEvent{
		ID:          s.id("aud"),
		WorkspaceID: optional(workspaceID),
		ActorType:   actor.Type,
		ActorID:     optional(actor.ID),
		ActorName:   actor.Name,
		Action:      action,
		TargetType:  t.kind,
		TargetID:    t.id,
		TargetName:  t.name,
		Details:     details,
		Address:     actor.Address,
		UserAgent:   clip(actor.UserAgent, maxUserAgent),
		CreatedAt:   s.now(),
	}
	if err := s.with(ctx).Create(&event).Error; err != nil {
		return fmt.Errorf("write audit event %s: %w", action, err)
	}
	return nil
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
