package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/skipup/keys/models/wire"
)

// SendWebhookExample schedules an event with invented data, which is sent once, and returns its
// delivery. The payload is marked as a test. It returns Invalid if the endpoint doesn't subscribe to
// such events, and FailedPrecondition if it is disabled.
func (s *Store) SendWebhookExample(ctx context.Context, workspaceID, endpointID string, t EventType) (*WebhookDelivery, error) {
	endpoint, err := s.WebhookEndpoint(ctx, workspaceID, endpointID)
	if err != nil {
		return nil, err
	}
	data := exampleOf(t, s.now(), s.KeyPrefix())
	if data == nil || !slices.Contains(endpoint.Events, t) {
		return nil, &Error{Kind: Invalid, Fields: Fields{"event": OneOf(t, endpoint.Events)}}
	}
	return s.sendOnce(ctx, endpointID, Event{WorkspaceID: workspaceID, Type: t, Test: true}, data)
}

// exampleOf returns invented data of an event, or nil for an unknown type.
func exampleOf(t EventType, now time.Time, keyPrefix string) any {
	at := wire.Timestamp(now)
	request := wire.MeetingRequest{
		ID: "mr_00000000000000000000000000", OrganizerEmail: "organizer@example.com", ParticipantEmails: []string{"participant@example.com"},
		Status: string(MeetingRequestActive), Title: new("Example meeting"), DurationMinutes: new(30), CreatedAt: at, UpdatedAt: at,
	}
	member := wire.Member{ID: "mem_00000000000000000000000000", Email: "member@example.com", Name: new("Example member"), Role: Viewer.Wire(), CreatedAt: at}
	key := wire.APIKey{
		ID: "key_00000000000000000000000000", Name: "Example key", KeyPrefix: keyPrefix + "_live_0000....", Scopes: []string{"members.read"}, State: string(KeyActive), CreatedAt: at,
	}
	switch t {
	case MeetingRequestCreatedEvent, MeetingRequestUpdatedEvent, MeetingRequestResumedEvent, MeetingRequestOrganizerChangedEvent:
		return request
	case MeetingRequestPausedEvent:
		request.Status, request.PausedAt = string(MeetingRequestPaused), &at
		return request
	case MeetingRequestBookedEvent:
		request.Status, request.BookedAt = string(MeetingRequestBooked), &at
		return request
	case MeetingRequestCancelledEvent:
		request.Status, request.CancelledAt = string(MeetingRequestCancelled), &at
		return wire.CancelledMeetingRequest{MeetingRequest: request, Notify: true}
	case MemberAddedEvent, MemberReactivatedEvent:
		return member
	case MemberDeactivatedEvent:
		member.DeactivatedAt = &at
		return member
	case APIKeyCreatedEvent, APIKeyUpdatedEvent, APIKeyResumedEvent:
		return key
	case APIKeyPausedEvent:
		key.State, key.PausedUntil = string(KeyPaused), new(wire.Timestamp(now.Add(24*time.Hour)))
		return key
	case APIKeyDeletedEvent, APIKeyRejectedAfterDeletionEvent:
		key.State, key.DeletedAt = string(KeyDeleted), &at
		return key
	case APIKeyExpiringEvent:
		key.ExpiresAt = new(wire.Timestamp(now.Add(7 * 24 * time.Hour)))
		return key
	case APIKeyRotatedEvent:
		return wire.RotatedAPIKey{APIKey: key, RotatedFrom: "key_00000000000000000000000001"}
	case AuditLogEvent:
		return wire.AuditEvent{
			ID: "aud_00000000000000000000000000", CreatedAt: at, ActorType: string(ActorMember), ActorID: &member.ID, Actor: *member.Name,
			Action: "api_key.created", TargetType: "api_key", TargetID: key.ID, Target: key.Name, Details: map[string]string{"key_prefix": key.KeyPrefix},
			Address: new("203.0.113.7"), UserAgent: new("Example browser"), Seq: 1, Hash: hex.EncodeToString(make([]byte, sha256.Size)),
		}
	case SeatAssignedEvent, SeatReleasedEvent:
		return wire.Seat{ID: "seat_00000000000000000000000000", MemberID: member.ID, MemberEmail: member.Email, AssignedAt: at}
	}
	return nil
}
