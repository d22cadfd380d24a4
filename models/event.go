package models

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skipup/keys/models/wire"
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

// PingEvent is sent when somebody asks for it, to the endpoint that it is asked for. Nobody
// subscribes to it.
const PingEvent EventType = "webhook_endpoint.ping"

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

// Wire is e as the body of a delivery.
func (e *Event) Wire() wire.Event {
	return wire.Event{ID: e.ID, Type: string(e.Type), Timestamp: wire.Timestamp(e.CreatedAt), Data: json.RawMessage(e.Data)}
}

const (
	// deliveryMemory is how long a delivery is kept: longer than until its last retry.
	deliveryMemory = 30 * 24 * time.Hour
	// eventMemory is how long an event is kept: longer than its deliveries, whose identifiers may
	// be of a later time than the event.
	eventMemory = deliveryMemory + 24*time.Hour
)

// publish writes an event about data, one of package wire, and a delivery for each endpoint that
// wants it. Call it in the transaction of the change.
func (s *Store) publish(ctx context.Context, workspaceID string, t EventType, data any) error {
	event, err := s.writeEvent(ctx, workspaceID, t, data)
	if err != nil {
		return err
	}
	return s.addDeliveries(ctx, event)
}

func (s *Store) writeEvent(ctx context.Context, workspaceID string, t EventType, data any) (*Event, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", t, err)
	}
	event := &Event{ID: s.id("evt"), WorkspaceID: workspaceID, Type: t, Data: string(body), CreatedAt: s.now()}
	if err := s.with(ctx).Create(event).Error; err != nil {
		return nil, fmt.Errorf("write event %s: %w", t, err)
	}
	return event, nil
}

// EventList are the events that an endpoint wants.
type EventList []EventType

// eventListOf are the events of words that have been checked, in the order of EventTypes.
func eventListOf(words []string) EventList {
	list := EventList{}
	for _, t := range EventTypes {
		if slices.Contains(words, string(t)) {
			list = append(list, t)
		}
	}
	return list
}

// Words are the events as words; it is never nil.
func (l EventList) Words() []string {
	words := make([]string, len(l))
	for i, t := range l {
		words[i] = string(t)
	}
	return words
}

// String is the words with spaces between.
func (l EventList) String() string { return strings.Join(l.Words(), " ") }

// GormDataType keeps the list as text.
func (EventList) GormDataType() string { return "text" }

// Value stores the list as words with spaces between.
func (l EventList) Value() (driver.Value, error) { return l.String(), nil }

// Scan reads what Value stored. A word that this program does not know is of a newer one, and
// is kept.
func (l *EventList) Scan(value any) error {
	var stored string
	switch value := value.(type) {
	case string:
		stored = value
	case []byte:
		stored = string(value)
	default:
		return fmt.Errorf("scan events: unexpected %T", value)
	}
	*l = EventList{}
	for word := range strings.FieldsSeq(stored) {
		*l = append(*l, EventType(word))
	}
	return nil
}
