package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// personDetails are the details of audit events that may name a person.
var personDetails = []string{"by", "from", "to", "previous_name", "previous_email", "scheduled_by"}

// replacements returns what takes the place of the person's names, emails, and addresses in an audit event.
func (e *erasure) replacements(event *AuditEvent) map[string]string {
	replaced := map[string]string{}
	isActor := event.ActorID != nil && slices.Contains(e.memberIDs, *event.ActorID)
	if event.ActorType == ActorMember && (isActor || event.ActorID == nil && slices.Contains(e.names, event.ActorName)) {
		replaced["actor_name"] = e.pseudonym
		for name, text := range map[string]string{"address": event.Address, "user_agent": event.UserAgent} {
			if text != "" {
				replaced[name] = ""
			}
		}
	}
	isPerson := slices.Contains([]string{"member", "seat", "user"}, event.TargetType)
	if e.isTarget(event) || e.hasEmail(event.TargetName) || isPerson && slices.Contains(e.names, event.TargetName) {
		replaced["target_name"] = e.pseudonym
	}
	for name, value := range event.Details {
		if e.hasEmail(value) || slices.Contains(personDetails, name) && slices.Contains(e.names, value) {
			replaced[detailPrefix+name] = e.pseudonym
		}
	}
	return replaced
}

func (e *erasure) hasEmail(text string) bool {
	return slices.ContainsFunc(e.emails, func(email string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(email)) })
}

// eraseAudit replaces the person's texts in the audit logs, and records that in each of them.
func (s *Store) eraseAudit(ctx context.Context, e *erasure) error {
	chains := slices.Concat([]string{""}, e.workspace)
	if _, err := s.lockEndpointsIn(ctx, chains); err != nil { // before the chains, as flush does
		return err
	}
	condition, args := e.isAbout()
	for _, text := range slices.Concat(e.emails, e.names) {
		query := s.with(ctx)
		condition += " OR ? OR ?"
		args = append(args, contains(query, quoted(text), "details"), contains(query, text, "actor_name", "target_name"))
	}
	for _, name := range chains {
		chain, err := s.lockAuditChain(ctx, name)
		if err != nil {
			return err
		}
		erased, err := s.eraseAuditOf(ctx, e, chain.Chain, condition, args)
		if err != nil {
			return err
		}
		if name == "" && !erased {
			continue
		}
		if err := s.recordErasure(ctx, e, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) eraseAuditOf(ctx context.Context, e *erasure, chain, condition string, args []any) (erased bool, err error) {
	var events []AuditEvent
	if err := s.with(ctx).Where("coalesce(workspace_id, '') = ? AND seq > 0", chain).Where("("+condition+")", args...).Order("seq").Find(&events).Error; err != nil {
		return false, fmt.Errorf("read audit events: %w", err)
	}
	for i := range events {
		event := &events[i]
		replacements := e.replacements(event)
		if len(replacements) == 0 {
			continue
		}
		event.replace(replacements)
		update := s.with(ctx).Model(event).Select("actor_name", "target_name", "address", "user_agent", "details", "proof").Updates(event)
		if update.Error != nil {
			return false, fmt.Errorf("erase from audit event: %w", update.Error)
		}
		erased = true
	}
	return erased, nil
}

// recordErasure records the erasure in a chain. Without this event, VerifyAudit would report the erased texts.
func (s *Store) recordErasure(ctx context.Context, e *erasure, workspaceID string) error {
	details := map[string]string{}
	var (
		earlier  erasedEarlier
		previous []byte
	)
	err := s.eachChained(ctx, workspaceID, func(event *AuditEvent) error {
		earlier.add(event, previous)
		previous = event.Hash
		return nil
	})
	if err != nil {
		return fmt.Errorf("read audit events: %w", err)
	}
	if digest := earlier.digest(); digest != "" {
		details[earlierDetail] = digest
	}
	return s.audit(e.actor(ctx), workspaceID, userErased, target{"user", e.user.ID, e.pseudonym}, details)
}

// actor returns ctx with an actor who isn't the erased person.
func (e *erasure) actor(ctx context.Context) context.Context {
	actor := ActorOf(ctx)
	if actor.Type == ActorMember {
		actor = Actor{Type: ActorMember, Name: e.pseudonym}
	}
	return WithActor(ctx, actor)
}

// erasedEarlier computes the digest of what is left of the events of earlier versions in a chain whose texts were
// erased, in the order of the chain.
type erasedEarlier struct {
	first int64 // the position of the first such event
	hash  hash.Hash
}

func (d *erasedEarlier) add(event *AuditEvent, previous []byte) {
	if event.Proof == nil || !event.Proof.Earlier {
		return
	}
	if d.hash == nil {
		d.first, d.hash = event.Seq, sha256.New()
	}
	d.hash.Write(event.hashAfter(previous)) // so that the events before it can't be changed either
	d.hash.Write(event.Hash)
}

// digest returns the digest in hexadecimal, or "" if there is no such event.
func (d *erasedEarlier) digest() string {
	if d.hash == nil {
		return ""
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}
