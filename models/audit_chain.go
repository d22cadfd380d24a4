package models

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// auditChain is the end of a chain of audit events: how many there are, and the hash of the
// last. Every workspace has a chain, named by its id, and one without a name is for the events
// that belong to no workspace.
type auditChain struct {
	Chain string `gorm:"primaryKey"`
	Seq   int64
	Hash  []byte
}

// chain is the name of the chain that e belongs to.
func (e *AuditEvent) chain() string {
	if e.WorkspaceID == nil {
		return ""
	}
	return *e.WorkspaceID
}

// chainVersion is hashed first, so that another encoding is another hash.
const chainVersion = "skipup audit event 1"

// hashAfter is the hash of e at the place e.Seq of its chain, after an event with the hash
// previous: the SHA-256 of chainVersion, previous, e's place, its fields in the order below, and
// its details by name. Each is written as a netstring: its length in bytes, a colon and the
// bytes; what is missing is a minus sign. The time is in milliseconds since 1970.
func (e *AuditEvent) hashAfter(previous []byte) []byte {
	hash := sha256.New()
	part := func(texts ...string) {
		for _, text := range texts {
			hash.Write([]byte(strconv.Itoa(len(text)) + ":" + text))
		}
	}
	optionalPart := func(text *string) {
		if text == nil {
			hash.Write([]byte("-"))
			return
		}
		part(*text)
	}
	part(chainVersion, string(previous), strconv.FormatInt(e.Seq, 10), e.ID)
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

// fits reports whether e has the hash that it must have after previous.
func (e *AuditEvent) fits(previous []byte) bool { return bytes.Equal(e.Hash, e.hashAfter(previous)) }

// extend puts events, all of one chain, behind its end.
func (c *auditChain) extend(events []AuditEvent) {
	for i := range events {
		event := &events[i]
		event.Seq = c.Seq + 1
		event.Hash = event.hashAfter(c.Hash)
		c.Seq, c.Hash = event.Seq, event.Hash
	}
}

// appendAudit writes the events that a transaction has gathered. It is the last thing that the
// transaction does: the end of a chain is locked after all else and until the commit, and the
// ends of several chains in the order of their names, so that nobody waits in a circle.
func (s *Store) appendAudit(ctx context.Context, events []AuditEvent) error {
	byChain := map[string][]AuditEvent{}
	for _, event := range events {
		byChain[event.chain()] = append(byChain[event.chain()], event)
	}
	for _, name := range slices.Sorted(maps.Keys(byChain)) {
		events := byChain[name]
		chain, err := s.lockAuditChain(ctx, name)
		if err != nil {
			return err
		}
		chain.extend(events)
		if err := s.with(ctx).CreateInBatches(events, 100).Error; err != nil {
			return fmt.Errorf("write audit events: %w", err)
		}
		if err := s.moveAuditChain(ctx, chain); err != nil {
			return err
		}
	}
	return nil
}

// lockAuditChain reads the end of a chain, at the beginning of one that has none, and keeps
// others from it until the transaction ends. On SQLite every transaction that writes is alone.
func (s *Store) lockAuditChain(ctx context.Context, name string) (*auditChain, error) {
	var chain auditChain
	lock := func() error {
		query := s.with(ctx)
		if s.dialect.name == postgresql {
			query = query.Clauses(clause.Locking{Strength: "UPDATE"})
		}
		return query.Where("chain = ?", name).Take(&chain).Error
	}
	err := lock()
	if errors.Is(err, gorm.ErrRecordNotFound) {
		first := auditChain{Chain: name, Hash: []byte{}}
		if err := s.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error; err != nil {
			return nil, fmt.Errorf("begin audit chain: %w", err)
		}
		err = lock()
	}
	if err != nil {
		return nil, fmt.Errorf("lock audit chain: %w", err)
	}
	return &chain, nil
}

func (s *Store) moveAuditChain(ctx context.Context, chain *auditChain) error {
	moved := s.with(ctx).Model(&auditChain{}).Where("chain = ?", chain.Chain).
		Updates(map[string]any{"seq": chain.Seq, "hash": chain.Hash})
	if moved.Error != nil || moved.RowsAffected == 0 {
		return fmt.Errorf("move audit chain: %w", cmp.Or(moved.Error, gorm.ErrRecordNotFound))
	}
	return nil
}

// chainPortion is how many events are chained in one transaction: other writers get their turn
// in between.
const chainPortion = 500

// chainEarlierEvents chains what versions before the chain have written, and nodes of such a
// version still write while others are newer, in the order of their ids.
func (s *Store) chainEarlierEvents(ctx context.Context) error {
	for {
		var next AuditEvent
		found := s.with(ctx).Where("seq = 0").Order("id").Limit(1).Find(&next)
		if found.Error != nil {
			return fmt.Errorf("read unchained audit events: %w", found.Error)
		}
		if found.RowsAffected == 0 {
			return nil
		}
		if err := s.Tx(ctx, func(tx *Store) error { return tx.chainPortion(ctx, next.chain()) }); err != nil {
			return err
		}
	}
}

func (s *Store) chainPortion(ctx context.Context, name string) error {
	chain, err := s.lockAuditChain(ctx, name)
	if err != nil {
		return err
	}
	var events []AuditEvent
	err = s.with(ctx).Where("seq = 0 AND coalesce(workspace_id, '') = ?", name).Order("id").Limit(chainPortion).Find(&events).Error
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
