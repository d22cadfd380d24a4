package models

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Rows are the structs of all tables.
var Rows = []any{
	&setupLink{}, &Workspace{}, &User{}, &Member{}, &Session{}, &knownDevice{}, &signInThrottle{}, &FailedSignIn{}, &emailLimit{},
	&APIKey{}, &MeetingRequest{}, &MeetingRequestParticipant{}, &AuditEvent{}, &Event{}, &Seat{}, &invitation{}, &idempotentResponse{},
	&WebhookEndpoint{}, &webhookSecret{}, &WebhookDelivery{},
	&auditChain{}, &revocation{}, &keyChange{}, &Node{}, &NodeToken{}, &usageBatch{}, &usageFlush{}, &usageHour{}, &usageDay{}, &APIKeyRouteUse{}, &APIKeyCaller{}, &newCaller{}, &expiryReminder{}, &expiryEmail{}, &notification{}, &notificationEmail{}, &accountLink{}, &accountEmail{}, &secondFactor{}, &recoveryCode{}, &pendingSignIn{}, &Passkey{}, &passkeyChallenge{}, &userIdentity{}, &roundTrip{}, &usedLogoutToken{}, &customScope{}, &scopeResource{}, &scopeCatalog{},
}

// UserTables are the tables that are cleared when a person is erased.
var UserTables = userTables

// ChainAsEarlier computes the hashes of all audit events as a version without proofs did. The triggers must be
// off.
func (s *Store) ChainAsEarlier(ctx context.Context) error {
	names, err := s.auditChainNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		chain := auditChain{Chain: name, Hash: []byte{}}
		var events []AuditEvent
		if err := s.with(ctx).Where("coalesce(workspace_id, '') = ?", name).Order("seq").Find(&events).Error; err != nil {
			return err
		}
		for i := range events {
			events[i].Proof = nil
		}
		chain.extend(events)
		for i := range events {
			if err := s.with(ctx).Model(&events[i]).UpdateColumns(map[string]any{"hash": events[i].Hash, "proof": nil}).Error; err != nil {
				return err
			}
		}
		if err := s.moveAuditChain(ctx, &chain); err != nil && chain.Seq > 0 {
			return err
		}
	}
	return nil
}

// WorkspaceTables returns the tables that are cleared when a workspace is removed.
func WorkspaceTables() []string {
	var names []string
	for _, table := range workspaceTables {
		names = append(names, table.name)
	}
	return names
}

// DB returns the database, for tests of states that no method can show or create.
func (s *Store) DB() *gorm.DB { return s.db }

// Polls returns the database over the connections of polls.
func (s *Store) Polls() *gorm.DB { return s.polls }

// ShownURL returns what Database returns for a store at a URL, without opening it.
func ShownURL(databaseURL string) (string, error) {
	d, err := dialectOf(databaseURL)
	return d.shown, err
}

// LoadScopes reads the catalog of scopes.
func (s *Store) LoadScopes(ctx context.Context) error { return s.loadScopes(s.with(ctx)) }

// MigrateTo applies the migrations up to a version.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// NewID returns a new ID with the given prefix.
func (s *Store) NewID(prefix string) string { return s.id(prefix) }

// Decoy returns the hash that passwords for unknown accounts are compared with.
func (s *Store) Decoy() string { return s.passwords.decoy() }

// OnDecoy calls fn whenever a password for an unknown account is compared.
func (s *Store) OnDecoy(fn func()) {
	decoy := s.passwords.decoy
	s.passwords.decoy = func() string {
		fn()
		return decoy()
	}
}

// OccupyHasher keeps all slots for hashing passwords busy until release is called.
func (s *Store) OccupyHasher() (slots int, release func()) {
	slots = cap(s.passwords.slots)
	for range slots {
		s.passwords.slots <- struct{}{}
	}
	return slots, func() {
		for range slots {
			<-s.passwords.slots
		}
	}
}

// HashPassword hashes a password.
func (s *Store) HashPassword(ctx context.Context) error {
	_, err := s.passwords.hash(ctx, "a password")
	return err
}

// ComparePassword compares a password for an unknown account.
func (s *Store) ComparePassword(ctx context.Context) error {
	_, err := s.passwords.matches(ctx, "a password", "")
	return err
}

// LogEveryStatement logs all statements as slow.
func (s *Store) LogEveryStatement() {
	s.db.Logger = slowQueryLogger{s.db.Logger.(slowQueryLogger).Interface.LogMode(logger.Info), 0}
}

// EnableEmail makes the store request emails.
func (s *Store) EnableEmail() { s.sendsEmail = true }

// DueEndpointsQuery is the query of DueEndpoints.
const DueEndpointsQuery = dueEndpoints

// HashAfter returns the hash of e after an event with the hash previous.
func (e *AuditEvent) HashAfter(previous []byte) []byte { return e.hashAfter(previous) }

// Load replaces the tables of a PostgreSQL database as Run does, and ends where Run may be interrupted.
func (r *Restore) Load(ctx context.Context) error { return r.loadScript(ctx) }

// Prove gives an event a proof with a salt.
func (e *AuditEvent) Prove(salt []byte) { e.Proof = &auditProof{Salt: salt} }

// Replace calls replace.
func (e *AuditEvent) Replace(replacements map[string]string) { e.replace(replacements) }
