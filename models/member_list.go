package models

import (
	"context"
	"fmt"
)

// MemberFilter chooses members. The zero value lets all active ones through, and those who
// have still to accept an invitation.
type MemberFilter struct {
	Email       string // the whole address, in any case; empty for any
	Role        Role   // empty for any
	Search      string // part of the name or the address, in any case
	Deactivated bool   // those who are deactivated instead of the others
}

func (f *MemberFilter) check() error {
	fields := Fields{}
	if f.Email != "" {
		f.Email = checkEmail(fields, "email", f.Email)
	}
	if f.Role != "" {
		checkRole(fields, f.Role)
	}
	return fields.err()
}

// Members lists the members of a workspace that filter lets through, newest first. A word of
// filter that is no address or no role is Invalid.
func (s *Store) Members(ctx context.Context, workspaceID string, filter MemberFilter, page Page) (Paged[Member], error) {
	if err := filter.check(); err != nil {
		return Paged[Member]{}, err
	}
	list := listing{"members", workspaceID, filter.Email, string(filter.Role), filter.Search, fmt.Sprint(filter.Deactivated)}
	query := s.with(ctx).Joins("User").Where("members.workspace_id = ?", workspaceID)
	if filter.Deactivated {
		query = query.Where("members.deactivated_at IS NOT NULL")
	} else {
		query = query.Where("members.deactivated_at IS NULL")
	}
	if filter.Email != "" {
		query = query.Where(`members.user_id IN (SELECT id FROM users WHERE email = ?)`, filter.Email)
	}
	if filter.Role != "" {
		query = query.Where("members.role = ?", filter.Role)
	}
	if filter.Search != "" {
		pattern := likePattern(storable(filter.Search[:min(len(filter.Search), 4*maxEmail)]))
		query = query.Where(`members.user_id IN (SELECT id FROM users WHERE lower(name) LIKE lower(?) ESCAPE '\' OR email LIKE lower(?) ESCAPE '\')`, pattern, pattern)
	}
	query, err := list.after(query, "members.id", &page)
	if err != nil {
		return Paged[Member]{}, err
	}
	var members []Member
	if err := query.Find(&members).Error; err != nil {
		return Paged[Member]{}, fmt.Errorf("read members: %w", err)
	}
	return paged(list, page, members, func(m *Member) string { return m.ID }), nil
}

// Everybody lists who is a member of a workspace and then who was one, the admins before the others
// and the oldest first, at most limit.
func (s *Store) Everybody(ctx context.Context, workspaceID string, limit int) ([]Member, error) {
	var members []Member
	err := s.with(ctx).Joins("User").Where("members.workspace_id = ?", workspaceID).
		Order("members.deactivated_at IS NOT NULL, members.role = 'member', members.id").Limit(limit).Find(&members).Error
	if err != nil {
		return nil, fmt.Errorf("read everybody: %w", err)
	}
	return members, nil
}

// MemberCounts are how many members a workspace has: active ones, those of them who are
// pending, and deactivated ones.
type MemberCounts struct{ Active, Pending, Deactivated int64 }

// MemberCounts counts the members of a workspace.
func (s *Store) MemberCounts(ctx context.Context, workspaceID string) (MemberCounts, error) {
	var counts MemberCounts
	err := s.with(ctx).Raw(`SELECT count(CASE WHEN members.deactivated_at IS NULL THEN 1 END) AS active,
		count(CASE WHEN members.deactivated_at IS NULL AND members.pending THEN 1 END) AS pending,
		count(members.deactivated_at) AS deactivated
		FROM members WHERE members.workspace_id = ?`, workspaceID).Scan(&counts).Error
	if err != nil {
		return counts, fmt.Errorf("count members: %w", err)
	}
	return counts, nil
}
