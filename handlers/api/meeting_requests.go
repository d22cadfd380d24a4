package api

import (
	"context"
	"errors"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// meetingRequests is /meeting_requests.
type meetingRequests struct{ store *models.Store }

// meetingRequest is a meeting request on the wire.
type meetingRequest struct {
	ID                  string                      `json:"id"`
	OrganizerEmail      string                      `json:"organizer_email"`
	ParticipantEmails   []string                    `json:"participant_emails"`
	Status              models.MeetingRequestStatus `json:"status"`
	Title               *string                     `json:"title"`
	Purpose             *string                     `json:"purpose"`
	Description         *string                     `json:"description"`
	IncludeIntroduction bool                        `json:"include_introduction"`
	DurationMinutes     *int                        `json:"duration_minutes"`
	Timeframe           *timeframe                  `json:"timeframe"`
	CreatedAt           timestamp                   `json:"created_at"`
	UpdatedAt           timestamp                   `json:"updated_at"`
	BookedAt            *timestamp                  `json:"booked_at"`
	CancelledAt         *timestamp                  `json:"cancelled_at"`
	PausedAt            *timestamp                  `json:"paused_at"`
}

type timeframe struct {
	Start *timestamp `json:"start"`
	End   *timestamp `json:"end"`
}

func presentMeetingRequest(r *models.MeetingRequest) meetingRequest {
	emails := make([]string, 0, len(r.Participants))
	for _, participant := range r.Participants {
		emails = append(emails, participant.Email)
	}
	return meetingRequest{
		ID: r.ID, OrganizerEmail: r.OrganizerEmail, ParticipantEmails: emails, Status: r.Status,
		Title: r.Title, Purpose: r.Purpose, Description: r.Description,
		IncludeIntroduction: r.IncludeIntroduction, DurationMinutes: r.DurationMinutes,
		Timeframe: presentTimeframe(r.Timeframe),
		CreatedAt: timestamp(r.CreatedAt), UpdatedAt: timestamp(r.UpdatedAt),
		BookedAt: moment(r.BookedAt), CancelledAt: moment(r.CancelledAt), PausedAt: moment(r.PausedAt),
	}
}

// presentTimeframe is null where neither end was given.
func presentTimeframe(t models.Timeframe) *timeframe {
	if t.Start == nil && t.End == nil {
		return nil
	}
	return &timeframe{Start: moment(t.Start), End: moment(t.End)}
}

type meetingRequestQuery struct {
	PageQuery
	ParticipantEmail string `query:"participant_email"`
	OrganizerEmail   string `query:"organizer_email"`
	Status           string `query:"status"`
	CreatedAfter     string `query:"created_after"`
	CreatedBefore    string `query:"created_before"`
}

func (h meetingRequests) list(ctx context.Context, caller web.Caller, in meetingRequestQuery) (models.Paged[meetingRequest], error) {
	asked, pageErr := in.page()
	after, afterErr := parseTime("created_after", in.CreatedAfter)
	before, beforeErr := parseTime("created_before", in.CreatedBefore)
	if err := errors.Join(pageErr, afterErr, beforeErr); err != nil {
		return models.Paged[meetingRequest]{}, err
	}
	page, err := h.store.MeetingRequests(ctx, caller.WorkspaceID, models.MeetingRequestFilter{
		ParticipantEmail: in.ParticipantEmail,
		OrganizerEmail:   in.OrganizerEmail,
		Status:           models.MeetingRequestStatus(in.Status),
		CreatedAfter:     after,
		CreatedBefore:    before,
	}, asked)
	return presentAll(page, presentMeetingRequest), err
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
			Start *string `json:"start"`
			End   *string `json:"end"`
		} `json:"timeframe"`
	} `json:"context"`
}

type newParticipant struct {
	Email    string  `json:"email"`
	Name     *string `json:"name"`
	Timezone *string `json:"timezone"`
}

// create asks for a meeting; it is accepted, not yet arranged.
func (h meetingRequests) create(ctx context.Context, caller web.Caller, in newMeetingRequest) (meetingRequest, error) {
	wanted, err := in.model()
	if err != nil {
		return meetingRequest{}, err
	}
	made, err := h.store.CreateMeetingRequest(ctx, caller.WorkspaceID, wanted)
	if err != nil {
		return meetingRequest{}, err
	}
	return presentMeetingRequest(made), nil
}

func (in newMeetingRequest) model() (models.NewMeetingRequest, error) {
	about := in.Context
	start, startErr := parseTimePointer("context.timeframe.start", about.Timeframe.Start)
	end, endErr := parseTimePointer("context.timeframe.end", about.Timeframe.End)
	if err := errors.Join(startErr, endErr); err != nil {
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
	if in.Participants != nil {
		wanted.Participants = make([]models.NewParticipant, 0, len(in.Participants))
	}
	for _, p := range in.Participants {
		wanted.Participants = append(wanted.Participants, models.NewParticipant(p))
	}
	return wanted, nil
}
