package models

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// userErased is the action of the event that records an erasure. Its target is the person, by pseudonym.
const userErased = "user.erased"

// earlierDetail is the detail of a userErased event that attests what is left of the events of earlier versions.
const earlierDetail = "earlier_events"

// erasedDomain is the domain of the emails of erased people. It never exists (RFC 2606 §2).
const erasedDomain = "@erased.invalid"

var pseudonymPattern = regexp.MustCompile(`^Erased person [0-9A-Z]{8}$`)

func isPseudonym(text string) bool { return pseudonymPattern.MatchString(text) }

// IsErased reports whether the person was erased.
func (u *User) IsErased() bool { return strings.HasSuffix(u.Email, erasedDomain) }

// erasure is the erasure of a person from all tables.
type erasure struct {
	user                 *User
	members              []Member
	memberIDs, workspace []string
	names, emails        []string // that the person has or had
	pseudonym, email     string   // in their place
}

// EraseUser erases a person: their account, and their names and emails in all tables. The audit log keeps their
// events with a pseudonym. Their memberships end; API keys that they own keep working. Texts that others
// entered, such as the name of a key, stay. It returns FailedPrecondition if they are the last admin of a workspace.
func (s *Store) EraseUser(ctx context.Context, userID string) (pseudonym string, err error) {
	err = s.Tx(ctx, func(tx *Store) error {
		e, err := tx.newErasure(ctx, userID)
		if err != nil {
			return err
		}
		pseudonym = e.pseudonym
		for _, step := range []func(context.Context, *erasure) error{tx.endMemberships, tx.eraseAccount, tx.eraseNames, tx.eraseEvents, tx.eraseAudit} {
			if err := step(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return pseudonym, err
}

// ErasureChallenge returns what a person must enter to erase themselves.
func (u *User) ErasureChallenge() Challenge { return Challenge{Name: u.Email} }

// EraseAccount erases a person at their own request, as EraseUser does. It returns Invalid unless c answers the
// ErasureChallenge.
func (s *Store) EraseAccount(ctx context.Context, user *User, c Confirmation) error {
	if err := user.ErasureChallenge().check(c); err != nil {
		return err
	}
	_, err := s.EraseUser(ctx, user.ID)
	return err
}

// EraseUserAsOperator erases the person with an email, as EraseUser does.
func (s *Store) EraseUserAsOperator(ctx context.Context, email string) (pseudonym string, err error) {
	user, err := s.userByEmail(ctx, email)
	if err != nil {
		return "", notFound(err, "account")
	}
	return s.EraseUser(ctx, user.ID)
}

// newErasure reads what the person is and was called.
func (s *Store) newErasure(ctx context.Context, userID string) (*erasure, error) {
	user, err := s.User(ctx, userID)
	switch {
	case err != nil:
		return nil, err
	case user.IsErased():
		return nil, Errorf(FailedPrecondition, "This person was already erased.")
	}
	suffix := user.ID[max(0, len(user.ID)-8):]
	e := &erasure{user: user, pseudonym: "Erased person " + suffix, email: "erased-" + strings.ToLower(suffix) + erasedDomain}
	if err := s.with(ctx).Joins("Workspace").Where("members.user_id = ?", userID).Order("members.workspace_id").Find(&e.members).Error; err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	e.addName(user.Name)
	e.addEmail(user.Email)
	for _, m := range e.members {
		e.memberIDs, e.workspace = append(e.memberIDs, m.ID), append(e.workspace, m.WorkspaceID)
		e.addName(m.InvitedName)
	}
	var events []AuditEvent
	condition, args := e.isAbout()
	if err := s.with(ctx).Where(condition, args...).Order("id").Find(&events).Error; err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	for i := range events {
		e.addNamesIn(&events[i])
	}
	return e, nil
}

func (e *erasure) addName(name string) {
	if name != "" && !slices.Contains(e.names, name) && !slices.Contains(e.emails, name) {
		e.names = append(e.names, name)
	}
}

func (e *erasure) addEmail(email string) {
	if !slices.Contains(e.emails, email) && strings.Contains(email, "@") {
		e.emails = append(e.emails, email)
	}
}

// addNamesIn adds the names and emails that the person had according to an event.
func (e *erasure) addNamesIn(event *AuditEvent) {
	texts := []string{}
	if event.ActorID != nil && slices.Contains(e.memberIDs, *event.ActorID) {
		texts = append(texts, event.ActorName)
	}
	if e.isTarget(event) {
		texts = append(texts, event.TargetName, event.Details["previous_name"], event.Details["previous_email"])
		if event.Action == "user.renamed" || event.Action == "user.email_changed" {
			texts = append(texts, event.Details["from"], event.Details["to"])
		}
	}
	for _, text := range texts {
		if strings.Contains(text, "@") {
			e.addEmail(text)
		} else if !isPseudonym(text) {
			e.addName(text)
		}
	}
}

func (e *erasure) isTarget(event *AuditEvent) bool {
	return event.TargetID == e.user.ID || slices.Contains(e.memberIDs, event.TargetID)
}

// isAbout returns the condition for the audit events that the person caused or that are about them.
func (e *erasure) isAbout() (string, []any) {
	return "(actor_id IN ? OR target_id IN ?)", []any{slices.Concat(e.memberIDs, []string{""}), slices.Concat(e.memberIDs, []string{e.user.ID})}
}

// endMemberships deactivates the person's memberships, and checks that someone else administers their workspaces.
func (s *Store) endMemberships(ctx context.Context, e *erasure) error {
	for i := range e.members {
		member := &e.members[i]
		if member.DeactivatedAt != nil || member.Workspace.DeletedAt != nil {
			continue
		}
		if _, err := s.lockWorkspace(ctx, member.WorkspaceID); err != nil {
			return err
		}
		member.User = User{ID: e.user.ID, Email: e.email, Name: e.pseudonym}
		member.InvitedName = e.pseudonym // shown if they are pending
		if err := s.removeAccess(ctx, member); err != nil {
			return err
		}
		now := s.now()
		member.DeactivatedAt = &now
		if err := s.updateMember(ctx, member); err != nil {
			return err
		}
		if member.Role == Admin && !member.Pending {
			if err := s.requireAdmin(ctx, member.WorkspaceID); err != nil {
				return Errorf(FailedPrecondition, "%s is the last admin of %s. Make someone else an admin, or delete the workspace, first.", e.user.Email, member.Workspace.Name)
			}
		}
		if err := s.publish(ctx, member.WorkspaceID, MemberDeactivatedEvent, member.Wire()); err != nil {
			return err
		}
	}
	return nil
}

// userTables lists the tables with rows of a person, in the order in which they can be deleted.
var userTables = []string{
	"sessions", "known_devices", "pending_sign_ins", "user_identities", "second_factors", "passkeys", "passkey_challenges", "recovery_codes", "account_links", "account_emails", "failed_sign_ins", "notifications",
}

// eraseAccount deletes what lets the person sign in, and keeps the row that others refer to under a pseudonym.
func (s *Store) eraseAccount(ctx context.Context, e *erasure) error {
	for _, table := range userTables {
		if err := s.with(ctx).Exec("DELETE FROM "+table+" WHERE user_id = ?", e.user.ID).Error; err != nil {
			return fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	of := map[string]any{"user": e.user.ID, "members": slices.Concat(e.memberIDs, []string{""}), "emails": e.emails, "email": e.email, "name": e.pseudonym, "now": s.now()}
	return s.execAll(ctx, of,
		"DELETE FROM account_emails WHERE recipient IN @emails OR new_email IN @emails",
		"DELETE FROM account_links WHERE email IN @emails",
		"DELETE FROM invitations WHERE member_id IN @members",
		"DELETE FROM expiry_mails WHERE member_id IN @members",
		"DELETE FROM notification_emails WHERE member_id IN @members",
		"UPDATE members SET invited_name = '' WHERE user_id = @user",
		"UPDATE users SET email = @email, name = @name, password_hash = '', verified_at = NULL, updated_at = @now WHERE id = @user",
	)
}

// eraseNames replaces the person's names and emails where other rows repeat them.
func (s *Store) eraseNames(ctx context.Context, e *erasure) error {
	if len(e.members) == 0 {
		return nil
	}
	of := map[string]any{"workspaces": e.workspace, "members": e.memberIDs, "emails": e.emails, "names": slices.Concat(e.names, []string{""}), "email": e.email, "name": e.pseudonym}
	statements := []string{
		"UPDATE api_keys SET created_by_name = @name WHERE workspace_id IN @workspaces AND created_by_id IN @members",
		"UPDATE meeting_requests SET organizer_email = @email, organizer_name = @name WHERE workspace_id IN @workspaces AND (organizer_id IN @members OR organizer_email IN @emails)",
		"UPDATE meeting_request_participants SET email = @email, name = @name WHERE workspace_id IN @workspaces AND email IN @emails",
	}
	for _, column := range []string{"deleted_by_name", "paused_by_name", "delete_at_by_name"} {
		statements = append(statements, "UPDATE api_keys SET "+column+" = @name WHERE workspace_id IN @workspaces AND "+column+" <> '' AND ("+column+" IN @names OR "+column+" IN @emails)")
	}
	if err := s.execAll(ctx, of, statements...); err != nil {
		return err
	}
	for _, email := range e.emails {
		where := "position(convert_to(?, 'UTF8') in body) > 0"
		if s.dialect.name == sqlite {
			where = "instr(body, CAST(? AS blob)) > 0"
		}
		err := s.with(ctx).Where("api_key_id IN (SELECT id FROM api_keys WHERE workspace_id IN ?)", e.workspace).Where(where, email).Delete(&idempotentResponse{}).Error
		if err != nil {
			return fmt.Errorf("delete stored responses: %w", err)
		}
		query := s.with(ctx).Model(&WebhookDelivery{}).Where("workspace_id IN ?", e.workspace)
		if err := query.Where(contains(query, email, "response_excerpt")).Update("response_excerpt", "").Error; err != nil {
			return fmt.Errorf("erase webhook responses: %w", err)
		}
	}
	return nil
}

func (s *Store) execAll(ctx context.Context, args map[string]any, statements ...string) error {
	for _, statement := range statements {
		if err := s.with(ctx).Exec(statement, args).Error; err != nil {
			return fmt.Errorf("%.40s…: %w", statement, err)
		}
	}
	return nil
}

// eraseEvents replaces the person's names and emails in the events for webhooks and the API.
func (s *Store) eraseEvents(ctx context.Context, e *erasure) error {
	for _, text := range slices.Concat(e.emails, e.names) {
		var events []Event
		query := s.with(ctx).Where("workspace_id IN ?", slices.Concat(e.workspace, []string{""}))
		if err := query.Where(contains(query, quoted(text), "data")).Find(&events).Error; err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		for i := range events {
			if err := s.with(ctx).Model(&events[i]).Update("data", e.inJSON(events[i].Data)).Error; err != nil {
				return fmt.Errorf("erase event: %w", err)
			}
		}
	}
	return nil
}

// quoted returns text as it is in a JSON document, without the quotes.
func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(encoded[1 : len(encoded)-1])
}

// inJSON replaces the person's emails anywhere in a JSON document, and their names where they are a whole string.
func (e *erasure) inJSON(document string) string {
	for _, email := range e.emails {
		document = strings.ReplaceAll(document, quoted(email), e.email)
	}
	for _, name := range e.names {
		document = strings.ReplaceAll(document, `"`+quoted(name)+`"`, `"`+e.pseudonym+`"`)
	}
	return document
}
