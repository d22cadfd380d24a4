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

// EventType is the type of an event, to which webhook endpoints subscribe.
type EventType string

// The events.
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
	APIKeyUpdatedEvent                  EventType = "api_key.updated"
	APIKeyPausedEvent                   EventType = "api_key.paused"
	APIKeyResumedEvent                  EventType = "api_key.resumed"
	APIKeyRotatedEvent                  EventType = "api_key.rotated"
	APIKeyDeletedEvent                  EventType = "api_key.deleted"
	APIKeyExpiringEvent                 EventType = "api_key.expiring"
	APIKeyRejectedAfterDeletionEvent    EventType = "api_key.rejected_after_deletion"
	SeatAssignedEvent                   EventType = "seat.assigned"
	SeatReleasedEvent                   EventType = "seat.released"
	AuditLogEvent                       EventType = "audit.event"
)

// PingEvent is the type of a test event. It is sent to one endpoint on request and cannot be
// subscribed to.
const PingEvent EventType = "webhook_endpoint.ping"

// EventTypes are all types that an endpoint can subscribe to, in the order in which they are shown.
var EventTypes = []EventType{
	MeetingRequestCreatedEvent, MeetingRequestUpdatedEvent, MeetingRequestPausedEvent, MeetingRequestResumedEvent,
	MeetingRequestBookedEvent, MeetingRequestCancelledEvent, MeetingRequestOrganizerChangedEvent,
	MemberAddedEvent, MemberDeactivatedEvent, MemberReactivatedEvent,
	APIKeyCreatedEvent, APIKeyUpdatedEvent, APIKeyPausedEvent, APIKeyResumedEvent, APIKeyRotatedEvent, APIKeyDeletedEvent, APIKeyExpiringEvent,
	APIKeyRejectedAfterDeletionEvent,
	SeatAssignedEvent, SeatReleasedEvent,
	AuditLogEvent,
}

// Event is a change in a workspace that is reported to webhook endpoints. It is written in the
// transaction of the change (the outbox pattern), so that neither exists without the other.
type Event struct {
	ID          string
	WorkspaceID string
	Type        EventType
	Data        string // JSON of the changed object at that time
	Test        bool   // an example, with invented data
	CreatedAt   time.Time
	TraceParent *string // the trace context of the request that caused it; nil if that wasn't traced
}

// Wire returns the event as the body of a delivery.
func (e *Event) Wire() wire.Event {
	return wire.Event{ID: e.ID, Type: string(e.Type), Timestamp: wire.Timestamp(e.CreatedAt), Data: json.RawMessage(e.Data), Test: e.Test}
}

// publish writes an event with data, a type of package wire, and a delivery for each subscribed
// endpoint, at the end of the current transaction.
func (s *Store) publish(ctx context.Context, workspaceID string, t EventType, data any) error {
	event := Event{WorkspaceID: workspaceID, Type: t}
	if err := s.complete(ctx, &event, data); err != nil {
		return err
	}
	s.outbox.events = append(s.outbox.events, event)
	return nil
}

// complete sets the data of an event, its ID, its time, and its trace context.
func (s *Store) complete(ctx context.Context, event *Event, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", event.Type, err)
	}
	event.ID, event.Data, event.CreatedAt = s.id("evt"), string(body), s.now()
	event.TraceParent = optional(s.traceParent(ctx))
	return nil
}

// writeEvent completes an event with data and inserts it.
func (s *Store) writeEvent(ctx context.Context, event *Event, data any) error {
	if err := s.complete(ctx, event, data); err != nil {
		return err
	}
	if err := s.with(ctx).Create(event).Error; err != nil {
		return fmt.Errorf("write event %s: %w", event.Type, err)
	}
	return nil
}

// EventList is the list of event types that an endpoint subscribes to.
type EventList []EventType

// eventListOf returns the event types with the given names, in the order of EventTypes. It ignores
// unknown names.
func eventListOf(names []string) EventList {
	list := EventList{}
	for _, t := range EventTypes {
		if slices.Contains(names, string(t)) {
			list = append(list, t)
		}
	}
	return list
}

// Names returns the names of the types. It never returns nil.
func (l EventList) Names() []string {
	names := make([]string, len(l))
	for i, t := range l {
		names[i] = string(t)
	}
	return names
}

// String returns the names of the types, separated by spaces.
func (l EventList) String() string { return strings.Join(l.Names(), " ") }

// GormDataType returns the type of the column.
func (EventList) GormDataType() string { return "text" }

// Value returns the list as it is stored, the same as String.
func (l EventList) Value() (driver.Value, error) { return l.String(), nil }

// Scan reads what Value returned. It keeps unknown names, which a newer version may have stored.
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
	for name := range strings.FieldsSeq(stored) {
		*l = append(*l, EventType(name))
	}
	return nil
}
