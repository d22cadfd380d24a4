package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/wire"
)

// transitions lists the allowed changes of status. Other statuses are final.
var transitions = map[MeetingRequestStatus][]MeetingRequestStatus{
	MeetingRequestActive: {MeetingRequestPaused, MeetingRequestBooked, MeetingRequestCancelled},
	MeetingRequestPaused: {MeetingRequestActive, MeetingRequestCancelled},
}

// MeetingRequest returns a meeting request of a workspace with its participants.
func (s *Store) MeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.takeMeetingRequest(s.with(ctx), workspaceID, id)
}

func (s *Store) takeMeetingRequest(query *gorm.DB, workspaceID, id string) (*MeetingRequest, error) {
	var request MeetingRequest
	ordered := func(query *gorm.DB) *gorm.DB { return query.Order("position") }
	err := query.Preload("Participants", ordered).Where("workspace_id = ? AND id = ?", workspaceID, id).Take(&request).Error
	if err != nil {
		return nil, notFound(err, "meeting request")
	}
	return &request, nil
}

// PauseMeetingRequest pauses a meeting request. It returns FailedPrecondition unless it is active.
func (s *Store) PauseMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.setMeetingRequestStatus(ctx, workspaceID, id, MeetingRequestPaused, MeetingRequestPausedEvent, wireOf)
}

// ResumeMeetingRequest resumes a meeting request. It returns FailedPrecondition unless it is paused.
func (s *Store) ResumeMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.setMeetingRequestStatus(ctx, workspaceID, id, MeetingRequestActive, MeetingRequestResumedEvent, wireOf)
}

// CancelMeetingRequest cancels a meeting request. It returns FailedPrecondition unless it is active
// or paused. The event says whether its receiver should notify the
// participants; nothing here does.
func (s *Store) CancelMeetingRequest(ctx context.Context, workspaceID, id string, notify bool) (*MeetingRequest, error) {
	return s.setMeetingRequestStatus(ctx, workspaceID, id, MeetingRequestCancelled, MeetingRequestCancelledEvent,
		func(r *MeetingRequest) any {
			return wire.CancelledMeetingRequest{MeetingRequest: r.Wire(), Notify: notify}
		})
}

// BookMeetingRequest records that the meeting has been arranged. It returns FailedPrecondition
// unless the request is active.
func (s *Store) BookMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.setMeetingRequestStatus(ctx, workspaceID, id, MeetingRequestBooked, MeetingRequestBookedEvent, wireOf)
}

// wrongStatus returns the error for a change of status that isn't allowed.
func wrongStatus(status, to MeetingRequestStatus) error {
	if status == to {
		return Errorf(FailedPrecondition, "This meeting request is already %s.", status)
	}
	participle := string(to)
	if to == MeetingRequestActive {
		participle = "resumed"
	}
	return Errorf(FailedPrecondition, "This meeting request is %s, so it can't be %s.", status, participle)
}

func (s *Store) setMeetingRequestStatus(ctx context.Context, workspaceID, id string, to MeetingRequestStatus, event EventType, data func(*MeetingRequest) any) (*MeetingRequest, error) {
	return s.changeMeetingRequest(ctx, workspaceID, id, event, data, func(tx *Store, request *MeetingRequest) error {
		if !slices.Contains(transitions[request.Status], to) {
			return wrongStatus(request.Status, to)
		}
		now := tx.now()
		request.Status = to
		switch to {
		case MeetingRequestActive:
			request.PausedAt = nil
		case MeetingRequestPaused:
			request.PausedAt = &now
		case MeetingRequestBooked:
			request.BookedAt = &now
		case MeetingRequestCancelled:
			request.CancelledAt = &now
		}
		return nil
	})
}

// wireOf returns the data of most events about a meeting request.
func wireOf(r *MeetingRequest) any { return r.Wire() }

// changeMeetingRequest locks a meeting request, calls change, saves the request, and publishes an
// event with data. The audit log covers the workspace, not each meeting request.
func (s *Store) changeMeetingRequest(ctx context.Context, workspaceID, id string, event EventType, data func(*MeetingRequest) any,
	change func(tx *Store, request *MeetingRequest) error,
) (*MeetingRequest, error) {
	var request *MeetingRequest
	err := s.Tx(ctx, func(tx *Store) (err error) {
		query := tx.with(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
		if request, err = tx.takeMeetingRequest(query, workspaceID, id); err != nil {
			return err
		}
		if err := change(tx, request); err != nil {
			return err
		}
		request.UpdatedAt = tx.now()
		if err := tx.with(ctx).Omit(clause.Associations).Save(request).Error; err != nil {
			return fmt.Errorf("update meeting request: %w", err)
		}
		return tx.publish(ctx, workspaceID, event, data(request))
	})
	if err != nil {
		return nil, err
	}
	return request, nil
}

// requireOpen returns FailedPrecondition if the status is final.
func (r *MeetingRequest) requireOpen() error {
	if _, open := transitions[r.Status]; !open {
		return Errorf(FailedPrecondition, "This meeting request is %s and can no longer be changed.", r.Status)
	}
	return nil
}

// NewOrganizer is the new organizer of a meeting request.
type NewOrganizer struct {
	Email    string
	Name     *string
	Timezone *string
}

// ChangeOrganizer changes the organizer of an active or paused meeting request. It returns Invalid
// if the new organizer isn't an active member.
func (s *Store) ChangeOrganizer(ctx context.Context, workspaceID, id string, n NewOrganizer) (*MeetingRequest, error) {
	fields := Fields{}
	n.Email = checkEmail(fields, "organizer_email", n.Email)
	checkOrganizer(fields, n.Name, n.Timezone)
	if err := fields.err(); err != nil {
		return nil, err
	}
	return s.changeMeetingRequest(ctx, workspaceID, id, MeetingRequestOrganizerChangedEvent, wireOf,
		func(tx *Store, request *MeetingRequest) error {
			if err := request.requireOpen(); err != nil {
				return err
			}
			organizer, err := tx.organizer(ctx, workspaceID, n.Email)
			if err != nil {
				return err
			}
			request.OrganizerID, request.OrganizerEmail = organizer.ID, n.Email
			request.OrganizerName, request.OrganizerTimezone = n.Name, n.Timezone
			return nil
		})
}
