package models

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Rows are the structs behind the tables.
var Rows = []any{
	&setupLink{}, &Workspace{}, &User{}, &Member{}, &Session{}, &knownDevice{}, &signInThrottle{},
	&APIKey{}, &MeetingRequest{}, &MeetingRequestParticipant{}, &AuditEvent{}, &Event{}, &Seat{}, &invitation{}, &idempotentAnswer{},
	&WebhookEndpoint{}, &webhookSecret{}, &WebhookDelivery{},
	&auditChain{}, &revocation{}, &usageBatch{}, &usageHour{}, &usageDay{}, &APIKeyRouteUse{}, &APIKeyCaller{}, &expiryReminder{}, &expiryEmail{},
}

// DB is the database itself, for what no method shows or breaks.
func (s *Store) DB() *gorm.DB { return s.db }

// NewID makes the identifier of a row.
func (s *Store) NewID(prefix string) string { return s.id(prefix) }

// Decoy is the hash that a password is compared with for an account that does not exist.
func (s *Store) Decoy() string { return s.passwords.decoy() }

// OnDecoy calls fn whenever a password is compared for an account that does not exist.
func (s *Store) OnDecoy(fn func()) {
	decoy := s.passwords.decoy
	s.passwords.decoy = func() string {
		fn()
		return decoy()
	}
}

// OccupyHasher takes every place in which a password could be hashed until release is called.
func (s *Store) OccupyHasher() (places int, release func()) {
	places = cap(s.passwords.slots)
	for range places {
		s.passwords.slots <- struct{}{}
	}
	return places, func() {
		for range places {
			<-s.passwords.slots
		}
	}
}

// OccupyFold keeps usage from being folded on this node until release is called.
func (s *Store) OccupyFold() (release func()) {
	s.folding <- struct{}{}
	return func() { <-s.folding }
}

// HashPassword hashes a password.
func (s *Store) HashPassword(ctx context.Context) error {
	_, err := s.passwords.hash(ctx, "a password")
	return err
}

// ComparePassword compares a password for an account that does not exist.
func (s *Store) ComparePassword(ctx context.Context) error {
	_, err := s.passwords.matches(ctx, "a password", "")
	return err
}

// LogEveryStatement logs as if every statement was slow.
func (s *Store) LogEveryStatement() {
	s.db.Logger = slowQueries{s.db.Logger.(slowQueries).Interface.LogMode(logger.Info), 0}
}

// EnableEmail makes the store request emails.
func (s *Store) EnableEmail() { s.sendsEmail = true }

// WaitingEndpointsQuery is how WaitingEndpoints asks.
const WaitingEndpointsQuery = waitingEndpoints

// HashAfter is the hash of e after an event with the hash previous.
func (e *AuditEvent) HashAfter(previous []byte) []byte { return e.hashAfter(previous) }
