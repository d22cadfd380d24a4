package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// MeetingRequestFilter filters meeting requests. The zero value matches all.
type MeetingRequestFilter struct {
	ParticipantEmail string // case-insensitive; empty for any
	OrganizerEmail   string // case-insensitive; empty for any
	Status           MeetingRequestStatus
	// Both bounds are inclusive and in whole seconds, like times in responses.
	CreatedAfter  *time.Time
	CreatedBefore *time.Time
}

var meetingRequestStatuses = []MeetingRequestStatus{
	"", MeetingRequestActive, MeetingRequestPaused, MeetingRequestBooked, MeetingRequestCancelled,
}

// MeetingRequests returns the meeting requests of a workspace that match a filter, newest first, with
// their participants. It returns Invalid for an invalid filter, and for a cursor from a list with
// another filter.
func (s *Store) MeetingRequests(ctx context.Context, workspaceID string, filter MeetingRequestFilter, page Page) (Paged[MeetingRequest], error) {
	if err := filter.check(); err != nil {
		return Paged[MeetingRequest]{}, err
	}
	list := filter.listing(workspaceID)
	query, err := list.after(filter.where(s.with(ctx), workspaceID), "id", &page)
	if err != nil {
		return Paged[MeetingRequest]{}, err
	}
	var requests []MeetingRequest
	// Participants are read by request ID alone. With a condition on the workspace, SQLite would scan
	// all participants of the workspace.
	ordered := func(query *gorm.DB) *gorm.DB { return query.Order("position") }
	if err := query.Preload("Participants", ordered).Find(&requests).Error; err != nil {
		return Paged[MeetingRequest]{}, fmt.Errorf("read meeting requests: %w", err)
	}
	return paged(list, page, requests, func(r *MeetingRequest) string { return r.ID }), nil
}

// check checks and normalizes the filter.
func (f *MeetingRequestFilter) check() error {
	fields := Fields{}
	if f.ParticipantEmail != "" {
		f.ParticipantEmail = checkEmail(fields, "participant_email", f.ParticipantEmail)
	}
	if f.OrganizerEmail != "" {
		f.OrganizerEmail = checkEmail(fields, "organizer_email", f.OrganizerEmail)
	}
	if !slices.Contains(meetingRequestStatuses, f.Status) {
		fields.add("status", "%s", OneOf(f.Status, meetingRequestStatuses[1:]))
	}
	f.CreatedAfter = checkSecond(fields, "created_after", f.CreatedAfter)
	f.CreatedBefore = checkSecond(fields, "created_before", f.CreatedBefore)
	return fields.err()
}

func (f *MeetingRequestFilter) listing(workspaceID string) listing {
	list := listing{"meeting_requests", workspaceID, f.ParticipantEmail, f.OrganizerEmail, string(f.Status)}
	for _, bound := range []*time.Time{f.CreatedAfter, f.CreatedBefore} {
		text := ""
		if bound != nil {
			text = bound.Format(time.RFC3339)
		}
		list = append(list, text)
	}
	return list
}

func (f *MeetingRequestFilter) where(query *gorm.DB, workspaceID string) *gorm.DB {
	query = query.Where("workspace_id = ?", workspaceID)
	if f.ParticipantEmail != "" {
		query = query.Where("id IN (SELECT meeting_request_id FROM meeting_request_participants WHERE workspace_id = ? AND email = ?)",
			workspaceID, f.ParticipantEmail)
	}
	if f.OrganizerEmail != "" {
		query = query.Where("organizer_email = ?", f.OrganizerEmail)
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	// The ID begins with created_at and orders the list, so that this reads only the matching range.
	if f.CreatedAfter != nil {
		query = query.Where("id >= ?", firstID("mr", *f.CreatedAfter))
	}
	if f.CreatedBefore != nil {
		query = query.Where("id < ?", firstID("mr", f.CreatedBefore.Add(time.Second)))
	}
	return query
}
