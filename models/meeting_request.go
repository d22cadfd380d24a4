package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/wire"
)

// MeetingRequestStatus is the status of a meeting request.
type MeetingRequestStatus string

// The statuses of a meeting request. The last two are final.
const (
	MeetingRequestActive    MeetingRequestStatus = "active"
	MeetingRequestPaused    MeetingRequestStatus = "paused"
	MeetingRequestBooked    MeetingRequestStatus = "booked"
	MeetingRequestCancelled MeetingRequestStatus = "cancelled"
)

// MeetingRequest is a meeting that a workspace wants to have with other people. Texts are stored
// unchanged; emails are in lower case.
type MeetingRequest struct {
	ID                string
	WorkspaceID       string
	OrganizerID       string // the member who organizes
	OrganizerEmail    string
	OrganizerName     *string
	OrganizerTimezone *string // an IANA name
	Status            MeetingRequestStatus
	MeetingContext
	IncludeIntroduction bool
	CreatedAt           time.Time // the time in the ID, so that both sort alike
	UpdatedAt           time.Time
	BookedAt            *time.Time
	CancelledAt         *time.Time
	PausedAt            *time.Time
	Participants        []MeetingRequestParticipant // in the order in which they were given
}

// Wire returns the meeting request as the API and events show it.
func (r *MeetingRequest) Wire() wire.MeetingRequest {
	emails := make([]string, 0, len(r.Participants))
	for _, participant := range r.Participants {
		emails = append(emails, participant.Email)
	}
	return wire.MeetingRequest{
		ID: r.ID, OrganizerEmail: r.OrganizerEmail, ParticipantEmails: emails, Status: string(r.Status),
		Title: r.Title, Purpose: r.Purpose, Description: r.Description,
		IncludeIntroduction: r.IncludeIntroduction, DurationMinutes: r.DurationMinutes,
		Timeframe: r.Timeframe.wire(),
		CreatedAt: wire.Timestamp(r.CreatedAt), UpdatedAt: wire.Timestamp(r.UpdatedAt),
		BookedAt: wire.OptionalTimestamp(r.BookedAt), CancelledAt: wire.OptionalTimestamp(r.CancelledAt), PausedAt: wire.OptionalTimestamp(r.PausedAt),
	}
}

// MeetingRequestParticipant is a participant of a meeting request.
type MeetingRequestParticipant struct {
	MeetingRequestID string `gorm:"primaryKey"`
	Position         int    `gorm:"primaryKey;autoIncrement:false"` // from 0
	WorkspaceID      string
	Email            string
	Name             *string
	Timezone         *string // an IANA name
}

// MeetingContext describes a meeting. All fields are optional.
type MeetingContext struct {
	Title           *string
	Purpose         *string
	Description     *string
	DurationMinutes *int
	Timeframe       Timeframe `gorm:"embedded;embeddedPrefix:timeframe_"`
}

// Timeframe limits when a meeting can take place, in whole seconds. A nil bound is open.
type Timeframe struct {
	Start *time.Time
	End   *time.Time
}

// wire returns nil if both bounds are open.
func (t Timeframe) wire() *wire.Timeframe {
	if t.Start == nil && t.End == nil {
		return nil
	}
	return &wire.Timeframe{Start: wire.OptionalTimestamp(t.Start), End: wire.OptionalTimestamp(t.End)}
}

// NewMeetingRequest is a meeting request to create. Nil fields were not given.
type NewMeetingRequest struct {
	OrganizerEmail    string
	OrganizerName     *string
	OrganizerTimezone *string
	// Exactly one of these two must be given. An empty list counts as given.
	ParticipantEmails   []string
	Participants        []NewParticipant
	IncludeIntroduction bool
	Context             MeetingContext
}

// NewParticipant is a participant of a meeting request to create.
type NewParticipant struct {
	Email    string
	Name     *string
	Timezone *string
}

// CreateMeetingRequest creates a meeting request. The organizer must be an active member of the
// workspace, and may also be a participant. It returns Invalid for missing or invalid values, with
// fields named as in the API, such as "participants[0].email", and FailedPrecondition if both lists
// of participants are given.
func (s *Store) CreateMeetingRequest(ctx context.Context, workspaceID string, n NewMeetingRequest) (*MeetingRequest, error) {
	if err := n.check(s.now()); err != nil {
		return nil, err
	}
	var request *MeetingRequest
	err := s.Tx(ctx, func(tx *Store) error {
		organizer, err := tx.organizer(ctx, workspaceID, n.OrganizerEmail)
		if err != nil {
			return err
		}
		request = tx.meetingRequest(organizer, n)
		if err := tx.insertMeetingRequest(ctx, request); err != nil {
			return err
		}
		return tx.publish(ctx, workspaceID, MeetingRequestCreatedEvent, request.Wire())
	})
	if err != nil {
		return nil, err
	}
	return request, nil
}

// organizer returns the active member of a workspace with an email in lower case. It returns Invalid
// if there is none.
func (s *Store) organizer(ctx context.Context, workspaceID, email string) (*Member, error) {
	var member Member
	err := s.with(ctx).Joins("JOIN users ON users.id = members.user_id").
		Where("members.workspace_id = ? AND members.deactivated_at IS NULL AND users.email = ?", workspaceID, email).
		Take(&member).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, Fields{"organizer_email": "must be the email of an active member of this workspace"}.err()
	}
	if err != nil {
		return nil, fmt.Errorf("read organizer: %w", err)
	}
	return &member, nil
}

// meetingRequest returns the row for n, with participants. n must have been checked.
func (s *Store) meetingRequest(organizer *Member, n NewMeetingRequest) *MeetingRequest {
	id, createdAt := s.timedID("mr")
	request := &MeetingRequest{
		ID:                  id,
		WorkspaceID:         organizer.WorkspaceID,
		OrganizerID:         organizer.ID,
		OrganizerEmail:      n.OrganizerEmail,
		OrganizerName:       n.OrganizerName,
		OrganizerTimezone:   n.OrganizerTimezone,
		Status:              MeetingRequestActive,
		MeetingContext:      n.Context,
		IncludeIntroduction: n.IncludeIntroduction,
		CreatedAt:           createdAt,
		UpdatedAt:           createdAt,
	}
	request.Participants = participantsOf(request, n.Participants)
	return request
}

func participantsOf(request *MeetingRequest, people []NewParticipant) []MeetingRequestParticipant {
	participants := make([]MeetingRequestParticipant, 0, len(people))
	for i, p := range people {
		participants = append(participants, MeetingRequestParticipant{
			MeetingRequestID: request.ID,
			Position:         i,
			WorkspaceID:      request.WorkspaceID,
			Email:            p.Email,
			Name:             p.Name,
			Timezone:         p.Timezone,
		})
	}
	return participants
}

func (s *Store) insertMeetingRequest(ctx context.Context, request *MeetingRequest) error {
	if err := s.with(ctx).Omit(clause.Associations).Create(request).Error; err != nil {
		return fmt.Errorf("insert meeting request: %w", err)
	}
	if err := s.with(ctx).Create(request.Participants).Error; err != nil {
		return fmt.Errorf("insert participants of meeting request: %w", err)
	}
	return nil
}
