package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// FailedSignIn counts the failed attempts to sign in to an account from a network within an hour. It is
// no AuditEvent, because anyone can cause any number of attempts, and audit events can't be deleted.
type FailedSignIn struct {
	ID        string
	UserID    string // empty for the attempts to sign in to unknown accounts, from any network
	Network   string
	StartsAt  time.Time // of the hour
	Attempts  int64
	LastAt    time.Time
	Address   string // of the last attempt, like UserAgent
	UserAgent string

	Member *Member `gorm:"-"` // the account's membership in the workspace
}

// addFailedSignIn counts a failed attempt by the actor of ctx to sign in as a user, who has no ID if the
// account is unknown. It runs the same statement for both.
func (s *Store) addFailedSignIn(ctx context.Context, user *User) error {
	actor, now := ActorOf(ctx), s.now()
	row := FailedSignIn{
		ID: s.id("fsi"), UserID: user.ID, StartsAt: now.Truncate(time.Hour), Attempts: 1, LastAt: now,
	}
	if user.ID != "" {
		row.Network, row.Address = storable(networkOf(actor.Address)), storable(actor.Address)
		row.UserAgent = clip(actor.UserAgent, maxUserAgent)
	}
	err := s.with(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "user_id"}, {Name: "network"}, {Name: "starts_at"}},
		DoUpdates: append(clause.AssignmentColumns([]string{"last_at", "address", "user_agent"}),
			clause.Assignment{Column: clause.Column{Name: "attempts"}, Value: gorm.Expr("failed_sign_ins.attempts + 1")}),
	}).Create(&row).Error
	if err != nil {
		return fmt.Errorf("count failed sign-in: %w", err)
	}
	return nil
}

// FailedSignIns returns a page of the failed sign-ins to the accounts of the active members of a
// workspace, newest first.
func (s *Store) FailedSignIns(ctx context.Context, workspaceID string, page Page) (Paged[FailedSignIn], error) {
	list := listing{"failed_sign_ins", workspaceID}
	members := s.with(ctx).Model(&Member{}).Select("user_id").Where("workspace_id = ? AND deactivated_at IS NULL AND NOT pending", workspaceID)
	query, err := list.after(s.with(ctx).Where("user_id IN (?)", members), "id", &page)
	if err != nil {
		return Paged[FailedSignIn]{}, err
	}
	var rows []FailedSignIn
	if err := query.Find(&rows).Error; err != nil {
		return Paged[FailedSignIn]{}, fmt.Errorf("read failed sign-ins: %w", err)
	}
	if err := s.loadFailedMembers(ctx, workspaceID, rows); err != nil {
		return Paged[FailedSignIn]{}, err
	}
	return paged(list, page, rows, func(f *FailedSignIn) string { return f.ID }), nil
}

func (s *Store) loadFailedMembers(ctx context.Context, workspaceID string, rows []FailedSignIn) error {
	userIDs := make([]string, len(rows))
	for i := range rows {
		userIDs[i] = rows[i].UserID
	}
	var members []Member
	err := s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.user_id IN ?", workspaceID, userIDs).Find(&members).Error
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	byUser := make(map[string]*Member, len(members))
	for i := range members {
		byUser[members[i].UserID] = &members[i]
	}
	for i := range rows {
		rows[i].Member = byUser[rows[i].UserID]
	}
	return nil
}
