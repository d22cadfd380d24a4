package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

func (h meetingRequests) show(ctx context.Context, caller web.Caller, in byID) (wire.MeetingRequest, error) {
	return wireOf(h.store.MeetingRequest(ctx, caller.WorkspaceID, in.ID))
}

func (h meetingRequests) pause(ctx context.Context, caller web.Caller, in byID) (wire.MeetingRequest, error) {
	return wireOf(h.store.PauseMeetingRequest(ctx, caller.WorkspaceID, in.ID))
}

func (h meetingRequests) resume(ctx context.Context, caller web.Caller, in byID) (wire.MeetingRequest, error) {
	return wireOf(h.store.ResumeMeetingRequest(ctx, caller.WorkspaceID, in.ID))
}

type cancellation struct {
	ID     string `param:"id" json:"-"`
	Notify bool   `json:"notify"`
}

func (*cancellation) bodyOptional() {}

func (h meetingRequests) cancel(ctx context.Context, caller web.Caller, in cancellation) (wire.MeetingRequest, error) {
	return wireOf(h.store.CancelMeetingRequest(ctx, caller.WorkspaceID, in.ID, in.Notify))
}

type newOrganizer struct {
	ID                string  `param:"id" json:"-"`
	OrganizerEmail    string  `json:"organizer_email"`
	OrganizerName     *string `json:"organizer_name"`
	OrganizerTimezone *string `json:"organizer_timezone"`
}

func (h meetingRequests) changeOrganizer(ctx context.Context, caller web.Caller, in newOrganizer) (wire.MeetingRequest, error) {
	return wireOf(h.store.ChangeOrganizer(ctx, caller.WorkspaceID, in.ID, models.NewOrganizer{
		Email: in.OrganizerEmail, Name: in.OrganizerName, Timezone: in.OrganizerTimezone,
	}))
}

// meetingRequestEdit is a merge patch of a meeting request (RFC 7396): omitted fields don't change, and
// null removes a value.
type meetingRequestEdit struct {
	ID                  string                  `param:"id" json:"-"`
	OrganizerName       given[*string]          `json:"organizer_name"`
	OrganizerTimezone   given[*string]          `json:"organizer_timezone"`
	ParticipantEmails   given[[]string]         `json:"participant_emails"`
	Participants        given[[]newParticipant] `json:"participants"`
	IncludeIntroduction given[bool]             `json:"include_introduction"`
	Context             given[*contextEdit]     `json:"context"`
}

type contextEdit struct {
	Title           given[*string]        `json:"title"`
	Purpose         given[*string]        `json:"purpose"`
	Description     given[*string]        `json:"description"`
	DurationMinutes given[*int]           `json:"duration_minutes"`
	Timeframe       given[*timeframeEdit] `json:"timeframe"`
}

type timeframeEdit struct {
	Start given[*rfc3339] `json:"start"`
	End   given[*rfc3339] `json:"end"`
}

func (h meetingRequests) update(ctx context.Context, caller web.Caller, in meetingRequestEdit) (wire.MeetingRequest, error) {
	edit, err := in.model()
	if err != nil {
		return wire.MeetingRequest{}, err
	}
	return wireOf(h.store.EditMeetingRequest(ctx, caller.WorkspaceID, in.ID, edit))
}

func (in meetingRequestEdit) model() (models.MeetingRequestEdit, error) {
	edit := models.MeetingRequestEdit{
		OrganizerName: in.OrganizerName.Change, OrganizerTimezone: in.OrganizerTimezone.Change,
		ParticipantEmails: in.ParticipantEmails.Change, IncludeIntroduction: in.IncludeIntroduction.Change,
	}
	if in.Participants.Given {
		edit.Participants = models.To(participantsOf(in.Participants.Value))
	}
	if !in.Context.Given {
		return edit, nil
	}
	about := in.Context.Value
	if about == nil {
		about = emptyContext()
	}
	edit.Title, edit.Purpose, edit.Description = about.Title.Change, about.Purpose.Change, about.Description.Change
	edit.DurationMinutes = about.DurationMinutes.Change
	if !about.Timeframe.Given {
		return edit, nil
	}
	frame := about.Timeframe.Value
	if frame == nil {
		frame = &timeframeEdit{Start: to[*rfc3339](nil), End: to[*rfc3339](nil)}
	}
	var startErr, endErr error
	edit.TimeframeStart, startErr = timeChange("context.timeframe.start", frame.Start)
	edit.TimeframeEnd, endErr = timeChange("context.timeframe.end", frame.End)
	return edit, models.JoinInvalid(startErr, endErr)
}

// emptyContext returns an edit that removes every field.
func emptyContext() *contextEdit {
	return &contextEdit{
		Title: to[*string](nil), Purpose: to[*string](nil), Description: to[*string](nil),
		DurationMinutes: to[*int](nil), Timeframe: to[*timeframeEdit](nil),
	}
}

func to[T any](value T) given[T] { return given[T]{models.To(value)} }
