package models

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// auditChain is the head of a chain of audit events. Each workspace has a chain, named after its
// ID. Events that belong to no workspace are in a chain with an empty name.
type auditChain struct {
	Chain string `gorm:"primaryKey"`
	Seq   int64  // the number of events
	Hash  []byte // of the last event
}

// chain returns the name of the chain that the event belongs to.
func (e *AuditEvent) chain() string {
	if e.WorkspaceID == nil {
		return ""
	}
	return *e.WorkspaceID
}

// The version is hashed first, so that a different encoding always gives a different hash.
const (
	chainVersion        = "skipup audit event 2"
	earlierChainVersion = "skipup audit event 1"
)

// hashAfter returns the hash of the event after an event with the hash previous. It is the SHA-256 of
// chainVersion, previous, Seq, the other fields in the order below, the number of details, and the names of the
// texts with the commitments to them, sorted by name. Each is encoded as a length in bytes, a colon and the
// bytes; a missing value is a minus sign. The time is in milliseconds since 1970.
func (e *AuditEvent) hashAfter(previous []byte) []byte {
	if e.Proof == nil || e.Proof.Earlier {
		return e.earlierHashAfter(previous)
	}
	hash := partHash{sha256.New()}
	hash.part(chainVersion, string(previous), strconv.FormatInt(e.Seq, 10), e.ID)
	hash.optionalPart(e.WorkspaceID)
	hash.part(string(e.ActorType))
	hash.optionalPart(e.ActorID)
	hash.part(e.Action, e.TargetType, e.TargetID, strconv.FormatInt(e.CreatedAt.UnixMilli(), 10), strconv.Itoa(len(e.Details)))
	texts := e.texts()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		hash.part(name, string(e.Proof.commitment(name, *texts[name])))
	}
	return hash.Sum(nil)
}

// partHash hashes parts, each with its length, so that no two lists of parts have the same encoding.
type partHash struct{ hash.Hash }

func (h partHash) part(texts ...string) {
	for _, text := range texts {
		h.Write([]byte(strconv.Itoa(len(text)) + ":" + text))
	}
}

func (h partHash) optionalPart(text *string) {
	if text == nil {
		h.Write([]byte("-"))
		return
	}
	h.part(*text)
}

// earlierHashAfter returns the hash of an event of an earlier version, which covers the texts themselves.
func (e *AuditEvent) earlierHashAfter(previous []byte) []byte {
	hash := partHash{sha256.New()}
	part, optionalPart := hash.part, hash.optionalPart
	part(earlierChainVersion, string(previous), strconv.FormatInt(e.Seq, 10), e.ID)
	optionalPart(e.WorkspaceID)
	part(string(e.ActorType))
	optionalPart(e.ActorID)
	part(e.ActorName, e.Action, e.TargetType, e.TargetID, e.TargetName, e.Address, e.UserAgent,
		strconv.FormatInt(e.CreatedAt.UnixMilli(), 10), strconv.Itoa(len(e.Details)))
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		part(name, e.Details[name])
	}
	return hash.Sum(nil)
}

// fits reports whether the event has the right hash to follow previous.
//
// The hash of an event of an earlier version doesn't tell this once texts were erased from it. Such an event
// fits where its hash is; erasures checks the rest.
func (e *AuditEvent) fits(previous []byte) bool {
	if e.Proof != nil && e.Proof.Earlier {
		return e.isErasedAsRecorded()
	}
	return e.isErasedAsRecorded() && bytes.Equal(e.Hash, e.hashAfter(previous))
}

// extend appends events to the chain.
func (c *auditChain) extend(events []AuditEvent) {
	for i := range events {
		event := &events[i]
		event.Seq = c.Seq + 1
		event.Hash = event.hashAfter(c.Hash)
		c.Seq, c.Hash = event.Seq, event.Hash
	}
}

// insertBatchSize limits the rows that one statement inserts, because the databases limit its parameters.
const insertBatchSize = 100

// extendChains chains audit events, given by the name of their chain, and returns the heads of the chains. It locks
// them in the order of their names, to avoid deadlocks.
func (s *Store) extendChains(ctx context.Context, events map[string][]AuditEvent) (heads []*auditChain, err error) {
	for _, name := range slices.Sorted(maps.Keys(events)) {
		head, err := s.lockAuditChain(ctx, name)
		if err != nil {
			return nil, err
		}
		head.extend(events[name])
		heads = append(heads, head)
	}
	return heads, nil
}

// lockAuditChain returns the head of a chain, creating it if necessary, and locks it until the
// transaction ends.
func (s *Store) lockAuditChain(ctx context.Context, name string) (*auditChain, error) {
	var chain auditChain
	lock := func() error {
		return s.with(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("chain = ?", name).Take(&chain).Error
	}
	err := lock()
	if errors.Is(err, gorm.ErrRecordNotFound) {
		first := auditChain{Chain: name, Hash: []byte{}}
		if err := s.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error; err != nil {
			return nil, fmt.Errorf("create audit chain: %w", err)
		}
		err = lock()
	}
	if err != nil {
		return nil, fmt.Errorf("lock audit chain: %w", err)
	}
	return &chain, nil
}

// move stores the head of a chain, which must be locked.
func (c *auditChain) move(db *gorm.DB) *gorm.DB {
	return db.Model(&auditChain{}).Where("chain = ?", c.Chain).Updates(map[string]any{"seq": c.Seq, "hash": c.Hash})
}

func (s *Store) moveAuditChain(ctx context.Context, chain *auditChain) error {
	moved := chain.move(s.with(ctx))
	if moved.Error != nil || moved.RowsAffected == 0 {
		return fmt.Errorf("move audit chain: %w", cmp.Or(moved.Error, gorm.ErrRecordNotFound))
	}
	return nil
}

// chainBatchSize is the number of events that chainBatch reads at a time.
const chainBatchSize = 500

// chainEarlierEvents chains, in the order of their IDs, the events of versions that did not chain
// them. Only a migration may call it: later, an event outside a chain is one that someone inserted.
func (s *Store) chainEarlierEvents(ctx context.Context) error {
	for {
		var next AuditEvent
		found := s.with(ctx).Omit("proof").Where("seq = 0").Order("id").Limit(1).Find(&next)
		if found.Error != nil {
			return fmt.Errorf("read unchained audit events: %w", found.Error)
		}
		if found.RowsAffected == 0 {
			return nil
		}
		if err := s.chainBatch(ctx, next.chain()); err != nil {
			return err
		}
	}
}

func (s *Store) chainBatch(ctx context.Context, name string) error {
	chain, err := s.lockAuditChain(ctx, name)
	if err != nil {
		return err
	}
	var events []AuditEvent
	err = s.with(ctx).Omit("proof").Where("seq = 0 AND coalesce(workspace_id, '') = ?", name).Order("id").Limit(chainBatchSize).Find(&events).Error
	if err != nil {
		return fmt.Errorf("read unchained audit events: %w", err)
	}
	chain.extend(events)
	for i := range events {
		err := s.with(ctx).Model(&AuditEvent{}).Where("id = ?", events[i].ID).
			UpdateColumns(map[string]any{"seq": events[i].Seq, "hash": events[i].Hash}).Error
		if err != nil {
			return fmt.Errorf("chain audit event: %w", err)
		}
	}
	return s.moveAuditChain(ctx, chain)
}
