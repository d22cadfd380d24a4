package models

import (
	"context"
	"fmt"
	"time"
)

// MeetingRequestEdit lists changes to a meeting request.
type MeetingRequestEdit struct {
	OrganizerName       Change[*string]
	OrganizerTimezone   Change[*string]
	ParticipantEmails   Change[[]string]
	Participants        Change[[]NewParticipant]
	IncludeIntroduction Change[bool]
	Title               Change[*string]
	Purpose             Change[*string]
	Description         Change[*string]
	DurationMinutes     Change[*int]
	TimeframeStart      Change[*time.Time]
	TimeframeEnd        Change[*time.Time]
}

// EditMeetingRequest changes an active or paused meeting request. It returns FailedPrecondition for
// any other status, and Invalid for invalid values, with fields named as in the API.
func (s *Store) EditMeetingRequest(ctx context.Context, workspaceID, id string, edit MeetingRequestEdit) (*MeetingRequest, error) {
	return s.changeMeetingRequest(ctx, workspaceID, id, MeetingRequestUpdatedEvent, wireOf, func(tx *Store, request *MeetingRequest) error {
		if err := request.requireOpen(); err != nil {
			return err
		}
		edited := request.edited(edit)
		if err := edited.checkEdit(edit, tx.now()); err != nil {
			return err
		}
		request.OrganizerName, request.OrganizerTimezone = edited.OrganizerName, edited.OrganizerTimezone
		request.IncludeIntroduction, request.MeetingContext = edited.IncludeIntroduction, edited.Context
		if edit.ParticipantEmails.Given || edit.Participants.Given {
			return tx.replaceParticipants(ctx, request, edited.Participants)
		}
		return nil
	})
}

// edited returns the values of r after edit. It has only the participants of edit.
func (r *MeetingRequest) edited(edit MeetingRequestEdit) *NewMeetingRequest {
	n := &NewMeetingRequest{
		OrganizerEmail: r.OrganizerEmail, OrganizerName: r.OrganizerName, OrganizerTimezone: r.OrganizerTimezone,
		IncludeIntroduction: r.IncludeIntroduction, Context: r.MeetingContext,
	}
	edit.OrganizerName.apply(&n.OrganizerName)
	edit.OrganizerTimezone.apply(&n.OrganizerTimezone)
	edit.IncludeIntroduction.apply(&n.IncludeIntroduction)
	edit.Title.apply(&n.Context.Title)
	edit.Purpose.apply(&n.Context.Purpose)
	edit.Description.apply(&n.Context.Description)
	edit.DurationMinutes.apply(&n.Context.DurationMinutes)
	edit.TimeframeStart.apply(&n.Context.Timeframe.Start)
	edit.TimeframeEnd.apply(&n.Context.Timeframe.End)
	edit.ParticipantEmails.apply(&n.ParticipantEmails)
	edit.Participants.apply(&n.Participants)
	return n
}

// checkEdit checks only the values that edit changes: a timeframe that has ended since it was given
// doesn't prevent other changes.
func (n *NewMeetingRequest) checkEdit(edit MeetingRequestEdit, now time.Time) error {
	if edit.ParticipantEmails.Given && edit.Participants.Given {
		return errBothLists
	}
	fields := Fields{}
	checkOrganizer(fields, n.OrganizerName, n.OrganizerTimezone)
	if edit.ParticipantEmails.Given || edit.Participants.Given {
		n.checkParticipants(fields)
	}
	n.Context.checkTexts(fields)
	if edit.TimeframeStart.Given || edit.TimeframeEnd.Given {
		n.Context.Timeframe.check(fields, now)
	}
	return fields.err()
}

func (s *Store) replaceParticipants(ctx context.Context, request *MeetingRequest, people []NewParticipant) error {
	err := s.with(ctx).Where("meeting_request_id = ?", request.ID).Delete(&MeetingRequestParticipant{}).Error
	if err != nil {
		return fmt.Errorf("delete participants of meeting request: %w", err)
	}
	request.Participants = participantsOf(request, people)
	if err := s.with(ctx).Create(request.Participants).Error; err != nil {
		return fmt.Errorf("insert participants of meeting request: %w", err)
	}
	return nil
}
