package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/wire"
)

// transitions are the states that each state can become (API contract §7). What is not here is
// final.
var transitions = map[MeetingRequestStatus][]MeetingRequestStatus{
	MeetingRequestActive: {MeetingRequestPaused, MeetingRequestBooked, MeetingRequestCancelled},
	MeetingRequestPaused: {MeetingRequestActive, MeetingRequestCancelled},
}

// MeetingRequest returns a meeting request of a workspace with its participants, or NotFound.
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

// PauseMeetingRequest lets a meeting request rest. Unless it is active, it is Refused.
func (s *Store) PauseMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.moveMeetingRequest(ctx, workspaceID, id, MeetingRequestPaused, MeetingRequestPausedEvent, wireOf)
}

// ResumeMeetingRequest goes on with a meeting request. Unless it is paused, it is Refused.
func (s *Store) ResumeMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.moveMeetingRequest(ctx, workspaceID, id, MeetingRequestActive, MeetingRequestResumedEvent, wireOf)
}

// CancelMeetingRequest ends a meeting request, active or paused; else it is Refused. Notify
// says whether the participants are to be told; the event carries it to whoever tells them.
func (s *Store) CancelMeetingRequest(ctx context.Context, workspaceID, id string, notify bool) (*MeetingRequest, error) {
	return s.moveMeetingRequest(ctx, workspaceID, id, MeetingRequestCancelled, MeetingRequestCancelledEvent,
		func(r *MeetingRequest) any {
			return wire.CancelledMeetingRequest{MeetingRequest: r.Wire(), Notify: notify}
		})
}

// BookMeetingRequest notes that the meeting has been arranged. Unless the request is active, it
// is Refused.
func (s *Store) BookMeetingRequest(ctx context.Context, workspaceID, id string) (*MeetingRequest, error) {
	return s.moveMeetingRequest(ctx, workspaceID, id, MeetingRequestBooked, MeetingRequestBookedEvent, wireOf)
}

func (s *Store) moveMeetingRequest(ctx context.Context, workspaceID, id string, to MeetingRequestStatus, event EventType, tell func(*MeetingRequest) any) (*MeetingRequest, error) {
	return s.changeMeetingRequest(ctx, workspaceID, id, event, tell, func(tx *Store, request *MeetingRequest) error {
		if !slices.Contains(transitions[request.Status], to) {
			return Errorf(FailedPrecondition, "This meeting request is %s, so it cannot become %s.", request.Status, to)
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

// wireOf is what most events tell of a meeting request.
func wireOf(r *MeetingRequest) any { return r.Wire() }

// changeMeetingRequest runs change on the locked row of a meeting request, stores what has
// become of it, and publishes an event with what tell makes of it. The audit log has no line
// for it: that is about the workspace, not about each of its meetings.
func (s *Store) changeMeetingRequest(ctx context.Context, workspaceID, id string, event EventType, tell func(*MeetingRequest) any,
	change func(tx *Store, request *MeetingRequest) error,
) (*MeetingRequest, error) {
	var request *MeetingRequest
	err := s.Tx(ctx, func(tx *Store) (err error) {
		query := tx.with(ctx)
		if tx.dialect.name == postgresql {
			query = query.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
		}
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
		return tx.publish(ctx, workspaceID, event, tell(request))
	})
	if err != nil {
		return nil, err
	}
	return request, nil
}

// requireOpen is a Refused error if r is in a final state.
func (r *MeetingRequest) requireOpen() error {
	if _, open := transitions[r.Status]; !open {
		return Errorf(FailedPrecondition, "This meeting request is %s, so it cannot be changed any more.", r.Status)
	}
	return nil
}

// NewOrganizer is the member who organizes a meeting from now on.
type NewOrganizer struct {
	Email    string
	Name     *string
	Timezone *string
}

// ChangeOrganizer gives a meeting request that is active or paused another organizer, who is an
// active member: else the error is Invalid.
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
