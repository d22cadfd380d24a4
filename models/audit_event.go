package models

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/skipup/keys/models/wire"
)

// AuditEvent is an entry of the audit log. It is written in the transaction of the change that it
// records. Only EraseUser changes it, and it is deleted only with its workspace: the database rejects anything
// else, and VerifyAudit would detect it.
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
	CreatedAt   time.Time // the time in the ID, so that both sort in the same order
	Seq         int64     // position in the chain of the workspace, from 1
	Hash        []byte    // SHA-256 of this event and the Hash of the previous one
	// Proof proves the texts. It is nil for events of earlier versions, whose Hash covers the texts themselves.
	Proof *auditProof `gorm:"serializer:json"`
}

// Wire returns the event as the API and webhooks show it.
func (e *AuditEvent) Wire() wire.AuditEvent {
	return wire.AuditEvent{
		ID: e.ID, CreatedAt: wire.Timestamp(e.CreatedAt), ActorType: string(e.ActorType), ActorID: e.ActorID, Actor: e.ActorName,
		Action: e.Action, TargetType: e.TargetType, TargetID: e.TargetID, Target: e.TargetName, Details: e.Details,
		Address: optional(e.Address), UserAgent: optional(e.UserAgent), Seq: e.Seq, Hash: hex.EncodeToString(e.Hash),
	}
}

// target is the object of an audit event.
type target struct{ kind, id, name string }

// audit records an event with the actor of ctx. The event is written at the end of the current
// transaction, or in one of its own.
func (s *Store) audit(ctx context.Context, workspaceID, action string, t target, details map[string]string) error {
	if !s.inTx() {
		return s.Tx(ctx, func(tx *Store) error { return tx.audit(ctx, workspaceID, action, t, details) })
	}
	actor, err := s.actor(ctx)
	if err != nil {
		return err
	}
	id, at := s.timedID("aud")
	s.outbox.audited = append(s.outbox.audited, AuditEvent{
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
		Proof:       newAuditProof(),
	})
	return nil
}

// auditUser records an event about a user in each workspace that the user is active in. A person who acts
// is named by their membership in each of these workspaces. A user without a workspace has an event that
// belongs to none.
func (s *Store) auditUser(ctx context.Context, user *User, action string, details map[string]string) error {
	members, err := s.MembershipsOf(ctx, user.ID)
	if err != nil {
		return err
	}
	about := target{"user", user.ID, user.Name}
	if len(members) == 0 {
		return s.audit(ctx, "", action, about, details)
	}
	actor := ActorOf(ctx)
	acting, err := s.membershipsOfActor(ctx, actor, members)
	if err != nil {
		return err
	}
	for _, member := range members {
		for _, one := range acting {
			if one.WorkspaceID == member.WorkspaceID {
				actor.ID = one.ID
			}
		}
		if err := s.audit(WithActor(ctx, actor), member.WorkspaceID, action, about, details); err != nil {
			return err
		}
	}
	return nil
}

// membershipsOfActor returns the memberships of the person who acts, or none if it is no person. These are
// the given ones, of one user, if that user acts.
func (s *Store) membershipsOfActor(ctx context.Context, actor Actor, members []Member) ([]Member, error) {
	if slices.ContainsFunc(members, func(m Member) bool { return m.ID == actor.ID }) {
		return members, nil
	}
	if actor.Type != ActorMember {
		return nil, nil
	}
	var member Member
	if err := s.with(ctx).Where("id = ?", actor.ID).Take(&member).Error; err != nil {
		return nil, fmt.Errorf("read acting member: %w", err)
	}
	return s.MembershipsOf(ctx, member.UserID)
}

// storableDetails returns details as both databases return them, because they are hashed.
func storableDetails(details map[string]string) map[string]string {
	stored := make(map[string]string, len(details))
	for name, value := range details {
		stored[name] = storable(value)
	}
	return stored
}

// chained is the condition for the events of a chain. No other event is shown, because nothing proves
// that it happened.
const chained = "seq > 0"

// AuditEventsOf returns up to limit events about one target, newest first.
func (s *Store) AuditEventsOf(ctx context.Context, workspaceID, targetID string, limit int) ([]AuditEvent, error) {
	var events []AuditEvent
	err := s.with(ctx).Where(chained).
		Where("workspace_id = ? AND target_id = ?", workspaceID, targetID).
		Order("id DESC").Limit(limit).
		Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	return events, nil
}
