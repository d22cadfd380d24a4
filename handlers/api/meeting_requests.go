package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// meetingRequests handles /meeting_requests.
type meetingRequests struct{ store *models.Store }

type meetingRequestQuery struct {
	PageQuery
	ParticipantEmail string `query:"participant_email"`
	OrganizerEmail   string `query:"organizer_email"`
	Status           string `query:"status"`
	CreatedAfter     string `query:"created_after"`
	CreatedBefore    string `query:"created_before"`
}

func (h meetingRequests) list(ctx context.Context, caller web.Caller, in meetingRequestQuery) (models.Paged[wire.MeetingRequest], error) {
	paging, pageErr := in.page()
	after, afterErr := parseTime("created_after", in.CreatedAfter)
	before, beforeErr := parseTime("created_before", in.CreatedBefore)
	if err := models.JoinInvalid(pageErr, afterErr, beforeErr); err != nil {
		return models.Paged[wire.MeetingRequest]{}, err
	}
	page, err := h.store.MeetingRequests(ctx, caller.WorkspaceID, models.MeetingRequestFilter{
		ParticipantEmail: in.ParticipantEmail,
		OrganizerEmail:   in.OrganizerEmail,
		Status:           models.MeetingRequestStatus(in.Status),
		CreatedAfter:     after,
		CreatedBefore:    before,
	}, paging)
	return wirePage(page, (*models.MeetingRequest).Wire), err
}

type newMeetingRequest struct {
	OrganizerEmail      string           `json:"organizer_email"`
	OrganizerName       *string          `json:"organizer_name"`
	OrganizerTimezone   *string          `json:"organizer_timezone"`
	ParticipantEmails   []string         `json:"participant_emails"`
	Participants        []newParticipant `json:"participants"`
	IncludeIntroduction bool             `json:"include_introduction"`
	Context             struct {
		Title           *string `json:"title"`
		Purpose         *string `json:"purpose"`
		Description     *string `json:"description"`
		DurationMinutes *int    `json:"duration_minutes"`
		Timeframe       struct {
			Start *rfc3339 `json:"start"`
			End   *rfc3339 `json:"end"`
		} `json:"timeframe"`
	} `json:"context"`
}

type newParticipant struct {
	Email    string  `json:"email"`
	Name     *string `json:"name"`
	Timezone *string `json:"timezone"`
}

// create creates a meeting request. The meeting is scheduled later.
func (h meetingRequests) create(ctx context.Context, caller web.Caller, in newMeetingRequest) (wire.MeetingRequest, error) {
	wanted, err := in.model()
	if err != nil {
		return wire.MeetingRequest{}, err
	}
	return wireOf(h.store.CreateMeetingRequest(ctx, caller.WorkspaceID, wanted))
}

func (in newMeetingRequest) model() (models.NewMeetingRequest, error) {
	about := in.Context
	start, startErr := parseTimePointer("context.timeframe.start", about.Timeframe.Start)
	end, endErr := parseTimePointer("context.timeframe.end", about.Timeframe.End)
	if err := models.JoinInvalid(startErr, endErr); err != nil {
		return models.NewMeetingRequest{}, err
	}
	wanted := models.NewMeetingRequest{
		OrganizerEmail:      in.OrganizerEmail,
		OrganizerName:       in.OrganizerName,
		OrganizerTimezone:   in.OrganizerTimezone,
		ParticipantEmails:   in.ParticipantEmails,
		IncludeIntroduction: in.IncludeIntroduction,
		Context: models.MeetingContext{
			Title: about.Title, Purpose: about.Purpose, Description: about.Description,
			DurationMinutes: about.DurationMinutes, Timeframe: models.Timeframe{Start: start, End: end},
		},
	}
	wanted.Participants = participantsOf(in.Participants)
	return wanted, nil
}

// participantsOf converts participants. It keeps nil, which differs from an empty list.
func participantsOf(people []newParticipant) []models.NewParticipant {
	if people == nil {
		return nil
	}
	participants := make([]models.NewParticipant, 0, len(people))
	for _, p := range people {
		participants = append(participants, models.NewParticipant(p))
	}
	return participants
}
