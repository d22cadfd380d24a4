package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// EventType says what has happened, in the words that webhook endpoints subscribe to.
type EventType string

// The events (API contract §9).
const (
	MeetingRequestCreatedEvent          EventType = "meeting_request.created"
	MeetingRequestUpdatedEvent          EventType = "meeting_request.updated"
	MeetingRequestPausedEvent           EventType = "meeting_request.paused"
	MeetingRequestResumedEvent          EventType = "meeting_request.resumed"
	MeetingRequestBookedEvent           EventType = "meeting_request.booked"
	MeetingRequestCancelledEvent        EventType = "meeting_request.cancelled"
	MeetingRequestOrganizerChangedEvent EventType = "meeting_request.organizer_changed"
	MemberAddedEvent                    EventType = "member.added"
	MemberDeactivatedEvent              EventType = "member.deactivated"
	MemberReactivatedEvent              EventType = "member.reactivated"
	APIKeyCreatedEvent                  EventType = "api_key.created"
	APIKeyRotatedEvent                  EventType = "api_key.rotated"
	APIKeyDeletedEvent                  EventType = "api_key.deleted"
	APIKeyExpiringEvent                 EventType = "api_key.expiring"
	SeatAssignedEvent                   EventType = "seat.assigned"
	SeatReleasedEvent                   EventType = "seat.released"
)

// EventTypes are all events, in the order in which they are shown.
var EventTypes = []EventType{
	MeetingRequestCreatedEvent, MeetingRequestUpdatedEvent, MeetingRequestPausedEvent, MeetingRequestResumedEvent,
	MeetingRequestBookedEvent, MeetingRequestCancelledEvent, MeetingRequestOrganizerChangedEvent,
	MemberAddedEvent, MemberDeactivatedEvent, MemberReactivatedEvent,
	APIKeyCreatedEvent, APIKeyRotatedEvent, APIKeyDeletedEvent, APIKeyExpiringEvent,
	SeatAssignedEvent, SeatReleasedEvent,
}

// Event is something that has happened in a workspace and that its webhook endpoints may be
// told of. It is written in the transaction of the change (an outbox), so that neither is there
// without the other.
type Event struct {
	ID          string
	WorkspaceID string
	Type        EventType
	Data        string // JSON of what it happened to, as it was then
	CreatedAt   time.Time
}

// eventMemory is how long an event is kept: longer than the last retry of its delivery.
const eventMemory = 30 * 24 * time.Hour

// publish writes an event about data, one of package wire. Call it in the transaction of the
// change.
func (s *Store) publish(ctx context.Context, workspaceID string, t EventType, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", t, err)
	}
	event := Event{ID: s.id("evt"), WorkspaceID: workspaceID, Type: t, Data: string(body), CreatedAt: s.now()}
	if err := s.with(ctx).Create(&event).Error; err != nil {
		return fmt.Errorf("write event %s: %w", t, err)
	}
	return nil
}
