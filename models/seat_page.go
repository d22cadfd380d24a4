package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// SeatListFilter filters and pages the dashboard's list of seats.
type SeatListFilter struct {
	Search     string // part of the holder's name or email, case-insensitive
	PageNumber int    // from 1
	PageSize   int
}

// SeatList is one page of the dashboard's list.
type SeatList struct {
	Seats    []Seat
	Matching int64 // number of matching seats on all pages
	Usage    SeatUsage
}

// SeatList returns a page of a workspace's assigned seats for the dashboard, the most recently
// assigned first.
func (s *Store) SeatList(ctx context.Context, workspaceID string, filter SeatListFilter) (SeatList, error) {
	usage, err := s.SeatUsage(ctx, workspaceID)
	if err != nil {
		return SeatList{}, err
	}
	list := SeatList{Usage: usage}
	matching := func() *gorm.DB {
		query := s.with(ctx).Model(&Seat{}).Where("seats.workspace_id = ?", workspaceID)
		if filter.Search == "" {
			return query
		}
		found := s.with(ctx).Model(&Member{}).Select("members.id").Joins(`JOIN users AS "User" ON "User".id = members.user_id`).
			Where("members.workspace_id = ?", workspaceID)
		return query.Where("seats.member_id IN (?)", searchPeople(found, filter.Search))
	}
	if err := matching().Count(&list.Matching).Error; err != nil {
		return list, fmt.Errorf("count seats: %w", err)
	}
	if int64(filter.PageNumber-1) > list.Matching/int64(max(filter.PageSize, 1)) {
		return list, nil // past the last page, possibly so far that the offset would overflow
	}
	page := matching().Preload("Member.User").Order("seats.id DESC").Offset((filter.PageNumber - 1) * filter.PageSize).Limit(filter.PageSize)
	if err := page.Find(&list.Seats).Error; err != nil {
		return list, fmt.Errorf("read seats: %w", err)
	}
	return list, nil
}

// Seat returns a seat of a workspace with its holder.
func (s *Store) Seat(ctx context.Context, workspaceID, id string) (*Seat, error) {
	var seat Seat
	err := s.with(ctx).Preload("Member.User").Where("workspace_id = ? AND id = ?", workspaceID, id).Take(&seat).Error
	if err != nil {
		return nil, notFound(err, "seat")
	}
	return &seat, nil
}

// MembersWithoutSeat returns up to limit active members of a workspace who have no seat, by name,
// and the number of all of them. Search is part of the name or email, case-insensitive. The member with
// the ID selected comes first, whatever the search, so that a choice outlasts it.
func (s *Store) MembersWithoutSeat(ctx context.Context, workspaceID, search, selected string, limit int) ([]Member, int64, error) {
	matching := func() *gorm.DB {
		query := s.with(ctx).Model(&Member{}).Joins("User").
			Where("members.workspace_id = ? AND members.deactivated_at IS NULL AND members.id NOT IN (?)", workspaceID,
				s.with(ctx).Model(&Seat{}).Select("member_id").Where("workspace_id = ?", workspaceID))
		if search == "" {
			return query
		}
		return query.Where("(? OR members.id = ?)", isPerson(query, search), storable(selected))
	}
	var (
		members []Member
		total   int64
	)
	if err := matching().Count(&total).Error; err != nil {
		return nil, 0, fmt.Errorf("count members without a seat: %w", err)
	}
	if err := matching().Order(clause.OrderBy{Expression: clause.Expr{SQL: "members.id = ? DESC, lower(" + namedMember + "), members.id", Vars: []any{storable(selected)}}}).Limit(limit).Find(&members).Error; err != nil {
		return nil, 0, fmt.Errorf("read members without a seat: %w", err)
	}
	return members, total, nil
}
