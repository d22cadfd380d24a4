package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// MemberState is the state of a membership.
type MemberState string

// The states.
const (
	MemberActive      MemberState = "active"
	MemberPending     MemberState = "pending" // has not accepted the invitation yet
	MemberDeactivated MemberState = "deactivated"
)

// State returns the member's current state.
func (m *Member) State() MemberState {
	switch {
	case m.DeactivatedAt != nil:
		return MemberDeactivated
	case m.Pending:
		return MemberPending
	}
	return MemberActive
}

// MemberListFilter filters and pages the dashboard's list of members.
type MemberListFilter struct {
	Search     string      // part of the name or email, case-insensitive
	Role       Role        // empty for any
	State      MemberState // empty for active and pending
	PageNumber int         // from 1
	PageSize   int
}

// MemberList is one page of the dashboard's list.
type MemberList struct {
	Members  []ListedMember
	Matching int64 // number of matching members on all pages
	Counts   MemberCounts
}

// ListedMember is a member with the details that the list shows.
type ListedMember struct {
	Member
	Invitation *InvitationStatus // nil if none works
	HasSeat    bool
}

// MemberList returns a page of a workspace's members for the dashboard, newest first.
func (s *Store) MemberList(ctx context.Context, workspaceID string, filter MemberListFilter) (MemberList, error) {
	counts, err := s.MemberCounts(ctx, workspaceID)
	if err != nil {
		return MemberList{}, err
	}
	list := MemberList{Counts: counts}
	matching := func() *gorm.DB {
		return s.with(ctx).Model(&Member{}).Joins("User").Where("members.workspace_id = ?", workspaceID).Scopes(filter.where)
	}
	if err := matching().Count(&list.Matching).Error; err != nil {
		return list, fmt.Errorf("count members: %w", err)
	}
	if int64(filter.PageNumber-1) > list.Matching/int64(max(filter.PageSize, 1)) {
		return list, nil // past the last page, possibly so far that the offset would overflow
	}
	var members []Member
	page := matching().Order("members.id DESC").Offset((filter.PageNumber - 1) * filter.PageSize).Limit(filter.PageSize)
	if err := page.Find(&members).Error; err != nil {
		return list, fmt.Errorf("read members: %w", err)
	}
	list.Members, err = s.listed(ctx, members)
	return list, err
}

func (f MemberListFilter) where(query *gorm.DB) *gorm.DB {
	switch f.State {
	case MemberDeactivated:
		query = query.Where("members.deactivated_at IS NOT NULL")
	case MemberPending:
		query = query.Where("members.deactivated_at IS NULL AND members.pending")
	case MemberActive:
		query = query.Where("members.deactivated_at IS NULL AND NOT members.pending")
	default:
		query = query.Where("members.deactivated_at IS NULL")
	}
	if f.Role != "" {
		query = query.Where("members.role = ?", storable(string(f.Role)))
	}
	return searchPeople(query, f.Search)
}

// searchPeople restricts a query that joins User to people whose name or email contains a text.
func searchPeople(query *gorm.DB, text string) *gorm.DB {
	if text == "" {
		return query
	}
	return query.Where(isPerson(query, text))
}

// isPerson returns the condition of searchPeople.
func isPerson(query *gorm.DB, text string) clause.Expr {
	return contains(query, text, nameOfMember, `"User".email`)
}

// listed returns members with the details that the list shows.
func (s *Store) listed(ctx context.Context, members []Member) ([]ListedMember, error) {
	ids := make([]string, len(members))
	for i, member := range members {
		ids[i] = member.ID
	}
	invitations, err := s.invitationStatuses(ctx, ids)
	if err != nil {
		return nil, err
	}
	var seated []string
	if err := s.with(ctx).Model(&Seat{}).Where("member_id IN ?", ids).Pluck("member_id", &seated).Error; err != nil {
		return nil, fmt.Errorf("read seats of members: %w", err)
	}
	holds := make(map[string]bool, len(seated))
	for _, id := range seated {
		holds[id] = true
	}
	listed := make([]ListedMember, len(members))
	for i, member := range members {
		listed[i] = ListedMember{Member: member, Invitation: invitations[member.ID], HasSeat: holds[member.ID]}
	}
	return listed, nil
}

// ListedMember returns a member of a workspace with the details that the list shows.
func (s *Store) ListedMember(ctx context.Context, workspaceID, id string) (*ListedMember, error) {
	member, err := s.Member(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	listed, err := s.listed(ctx, []Member{*member})
	if err != nil {
		return nil, err
	}
	return &listed[0], nil
}
