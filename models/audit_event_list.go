package models

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// AuditFilter selects audit events. The zero value selects all.
type AuditFilter struct {
	Actor  string     // the ID of a member or key, the ActorType of an actor without an ID, or part of a name, case-insensitive
	Action string     // such as "api_key.created"
	Target string     // the ID of the target, part of its name, case-insensitive, or the beginning of a key
	From   *time.Time // inclusive
	Before *time.Time // exclusive
}

// AuditEvents returns a page of the audit events that match filter, newest first.
func (s *Store) AuditEvents(ctx context.Context, workspaceID string, filter AuditFilter, page Page) (Paged[AuditEvent], error) {
	list := filter.listing(workspaceID)
	query, err := list.after(filter.where(s.with(ctx), workspaceID), "id", &page)
	if err != nil {
		return Paged[AuditEvent]{}, err
	}
	var events []AuditEvent
	if err := query.Find(&events).Error; err != nil {
		return Paged[AuditEvent]{}, fmt.Errorf("read audit events: %w", err)
	}
	return paged(list, page, events, func(e *AuditEvent) string { return e.ID }), nil
}

// EachAuditEvent calls fn for each audit event that matches filter, newest first, until fn returns
// an error. It reads the events in batches, without a transaction.
func (s *Store) EachAuditEvent(ctx context.Context, workspaceID string, filter AuditFilter, fn func(*AuditEvent) error) error {
	query := filter.where(s.with(ctx), workspaceID).Order("id DESC").Limit(auditBatchSize).Session(&gorm.Session{})
	for batch := query; ; {
		var events []AuditEvent
		if err := batch.Find(&events).Error; err != nil {
			return fmt.Errorf("read audit events: %w", err)
		}
		for i := range events {
			if err := fn(&events[i]); err != nil {
				return err
			}
		}
		if len(events) < auditBatchSize {
			return nil
		}
		batch = query.Where("id < ?", events[len(events)-1].ID)
	}
}

// auditBatchSize is the number of events that EachAuditEvent reads at a time.
const auditBatchSize = 1000

// identifier matches the ID of a row.
var identifier = regexp.MustCompile(`^[a-z]+_[0-9A-HJKMNP-TV-Z]{26}$`)

// IsID reports whether text has the form of the ID of a row.
func IsID(text string) bool { return identifier.MatchString(text) }

// actorID matches the ID of a member or a key.
var actorID = regexp.MustCompile(`^(mem|key)_\w+$`)

func (f AuditFilter) where(query *gorm.DB, workspaceID string) *gorm.DB {
	query = query.Where("workspace_id = ?", workspaceID).Where(chained)
	switch actorType := ActorType(strings.ToLower(f.Actor)); {
	case f.Actor == "":
	case actorID.MatchString(f.Actor):
		query = query.Where("coalesce(actor_id, actor_type) = ?", f.Actor)
	case actorType == ActorOperator, actorType == ActorSystem, actorType == ActorAnonymous:
		query = query.Where("coalesce(actor_id, actor_type) = ?", actorType)
	default:
		// A member may have had another name then.
		query = query.Where(`(? OR actor_id IN (SELECT members.id FROM members JOIN users AS "User" ON "User".id = members.user_id
			WHERE members.workspace_id = ? AND ?))`, contains(query, f.Actor, "actor_name"), workspaceID, isPerson(query, f.Actor))
	}
	if f.Action != "" {
		query = query.Where("action = ?", storable(f.Action))
	}
	if IsID(f.Target) {
		query = query.Where("target_id = ?", f.Target)
	} else if f.Target != "" {
		query = query.Where("(? OR target_id IN (SELECT id FROM api_keys WHERE workspace_id = ? AND key_prefix = ?))",
			contains(query, f.Target, "target_name"), workspaceID, storedPrefix(f.Target))
	}
	// The ID starts with created_at and orders the list, so the index on it serves both.
	if f.From != nil {
		query = query.Where("id >= ?", firstID("aud", *f.From))
	}
	if f.Before != nil {
		query = query.Where("id < ?", firstID("aud", *f.Before))
	}
	return query
}

func (f AuditFilter) listing(workspaceID string) listing {
	return listing{"audit_events", workspaceID, f.Actor, f.Action, f.Target, millisecondsOf(f.From), millisecondsOf(f.Before)}
}

// millisecondsOf returns a time as milliseconds since 1970, or "" for nil.
func millisecondsOf(at *time.Time) string {
	if at == nil {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// AuditHead returns the number of chained audit events of a workspace, and the hash of the last one
// in hexadecimal.
func (s *Store) AuditHead(ctx context.Context, workspaceID string) (events int64, head string, err error) {
	var chain auditChain
	found := s.with(ctx).Where("chain = ?", workspaceID).Limit(1).Find(&chain)
	if found.Error != nil {
		return 0, "", fmt.Errorf("read audit chain: %w", found.Error)
	}
	return chain.Seq, hex.EncodeToString(chain.Hash), nil
}
