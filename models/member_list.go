package models

import (
	"context"
	"fmt"
	"slices"
)

// MemberFilter filters members. The zero value matches active and pending members.
type MemberFilter struct {
	Email       string // the whole email, case-insensitive; empty for any
	Role        Role   // one of WireRoles, of which Viewer includes key managers; empty for any
	Search      string // part of the name or email, case-insensitive
	Deactivated bool   // matches only deactivated members
}

func (f *MemberFilter) check() error {
	fields := Fields{}
	if f.Email != "" {
		f.Email = checkEmail(fields, "email", f.Email)
	}
	if f.Role != "" && !slices.Contains(WireRoles, f.Role) {
		fields.add("role", "%s", OneOf(f.Role, WireRoles))
	}
	return fields.err()
}

// Members returns the members of a workspace that match a filter, newest first. It returns Invalid
// for a filter with an invalid email or role.
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
		query = query.Where("(members.role = ?) = ?", Admin, filter.Role == Admin)
	}
	if filter.Search != "" {
		query = searchPeople(query, filter.Search)
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

// MemberCounts holds numbers of members. Active includes Pending.
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
