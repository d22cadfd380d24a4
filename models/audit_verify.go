package models

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// AuditFault is what is wrong with a chain of audit events, in a word.
type AuditFault string

// The faults. A chain is checked up to its first.
const (
	AuditChanged   AuditFault = "changed"   // the event does not fit: it or the one before it was changed or put in
	AuditMissing   AuditFault = "missing"   // there is no event at this place, and there are later ones
	AuditReordered AuditFault = "reordered" // the event that belongs here stands at another place
	AuditTruncated AuditFault = "truncated" // the chain has been longer
	AuditTooLong   AuditFault = "too_long"  // the event is beyond the noted end of the chain
	AuditHead      AuditFault = "head"      // the noted hash of the end is not that of the last event
)

// AuditBreak is the first place at which a chain is broken.
type AuditBreak struct {
	Fault   AuditFault
	Seq     int64
	EventID string // empty where there is no event
	FoundAt int64  // with AuditReordered, where the event stands that belongs here
}

// AuditReport is what the check of a chain has found.
type AuditReport struct {
	WorkspaceID string // empty for the events that belong to no workspace
	Events      int64  // that are chained and in order
	Head        string // the hash of the last of them in hexadecimal; empty without any
	Unchained   int64  // events that a node of an earlier version has written and that are not chained yet
	Broken      *AuditBreak
}

// AuditVerification is what the check of the audit log has found.
type AuditVerification struct {
	Chains  []AuditReport // ordered by workspace
	Missing []string      // the expected hashes that no event has
}

// Intact reports whether nothing is wrong.
func (v AuditVerification) Intact() bool {
	return len(v.Missing) == 0 && !slices.ContainsFunc(v.Chains, func(r AuditReport) bool { return r.Broken != nil })
}

// VerifyAudit works out the hash of every audit event anew, of one workspace or, without one, of
// all, and finds the first place of each chain where something was changed, put in, taken out or
// moved. Expected are hashes that were the head of a chain at some time, in hexadecimal: an event
// with each must still be there.
//
// A chain that is intact proves that nobody has changed some of it without working out all that
// follows anew. Who can write every table can do that, and can cut off the end together with the
// note of it. Only a hash that was kept elsewhere, and is expected here, convicts them, of all
// that they have changed before it.
func (s *Store) VerifyAudit(ctx context.Context, workspaceID string, expected []string) (AuditVerification, error) {
	var found AuditVerification
	check := &auditCheck{expected: map[string]bool{}}
	for _, hash := range expected {
		check.expected[hash] = false
	}
	err := s.snapshot(ctx, func(tx *Store) error {
		names := []string{workspaceID}
		if workspaceID == "" {
			var err error
			if names, err = tx.auditChainNames(ctx); err != nil {
				return err
			}
		}
		for _, name := range names {
			report, err := tx.verifyAuditChain(ctx, name, check)
			if err != nil {
				return fmt.Errorf("verify audit chain: %w", err)
			}
			found.Chains = append(found.Chains, report)
		}
		return nil
	})
	for _, hash := range expected {
		if !check.expected[hash] {
			found.Missing = append(found.Missing, hash)
		}
	}
	return found, err
}

// snapshot calls fn with a Store that sees the database as it is at one moment and cannot write.
func (s *Store) snapshot(ctx context.Context, fn func(tx *Store) error) error {
	options := sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if s.dialect.name == sqlite {
		options.Isolation = sql.LevelSerializable
	}
	return s.with(ctx).Transaction(func(db *gorm.DB) error {
		tx := *s
		tx.db = db
		return fn(&tx)
	}, &options)
}

// auditChainNames are the names of all chains that there must be: every workspace has one.
func (s *Store) auditChainNames(ctx context.Context) ([]string, error) {
	var names []string
	err := s.with(ctx).Raw(`SELECT chain FROM audit_chains UNION SELECT id FROM workspaces
		UNION SELECT DISTINCT coalesce(workspace_id, '') FROM audit_events ORDER BY 1`).Scan(&names).Error
	if err != nil {
		return nil, fmt.Errorf("read audit chains: %w", err)
	}
	return names, nil
}

// auditCheck is what is looked for in every chain.
type auditCheck struct {
	expected map[string]bool // hashes, and whether they were seen
}

func (s *Store) verifyAuditChain(ctx context.Context, name string, check *auditCheck) (AuditReport, error) {
	report := AuditReport{WorkspaceID: name}
	err := s.with(ctx).Model(&AuditEvent{}).Where("seq = 0 AND coalesce(workspace_id, '') = ?", name).Count(&report.Unchained).Error
	if err != nil {
		return report, err
	}
	end := auditChain{Hash: []byte{}}
	if err := s.with(ctx).Where("chain = ?", name).Take(&end).Error; err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return report, err
	}
	previous := []byte{}
	err = s.eachChained(ctx, name, func(event *AuditEvent) error {
		report.Broken = event.breaks(report.Events+1, end.Seq, previous)
		if report.Broken != nil {
			return errBroken
		}
		report.Events, previous = event.Seq, event.Hash
		report.Head = hex.EncodeToString(event.Hash)
		if _, wanted := check.expected[report.Head]; wanted {
			check.expected[report.Head] = true
		}
		return nil
	})
	switch {
	case errors.Is(err, errBroken):
		return report, s.tellReordered(ctx, name, report.Broken, previous)
	case err != nil:
		return report, err
	case report.Events < end.Seq, report.Events == 0 && report.Unchained == 0 && name != "":
		report.Broken = &AuditBreak{Fault: AuditTruncated, Seq: report.Events + 1}
	case !bytes.Equal(end.Hash, previous):
		report.Broken = &AuditBreak{Fault: AuditHead, Seq: report.Events}
	}
	return report, nil
}

var errBroken = errors.New("the chain is broken")

// breaks is how e, the next event there is, breaks a chain that has come to seq, after an event
// with the hash previous, and is noted to end at end; nil if it does not.
func (e *AuditEvent) breaks(seq, end int64, previous []byte) *AuditBreak {
	switch {
	case e.Seq > seq:
		return &AuditBreak{Fault: AuditMissing, Seq: seq}
	case !e.fits(previous):
		return &AuditBreak{Fault: AuditChanged, Seq: seq, EventID: e.ID}
	case e.Seq > end:
		return &AuditBreak{Fault: AuditTooLong, Seq: seq, EventID: e.ID}
	}
	return nil
}

// tellReordered looks whether an event that stands later in the chain belongs where it is broken.
func (s *Store) tellReordered(ctx context.Context, name string, broken *AuditBreak, previous []byte) error {
	err := s.eachChained(ctx, name, func(event *AuditEvent) error {
		at := event.Seq
		event.Seq = broken.Seq
		if at > broken.Seq && event.fits(previous) {
			broken.Fault, broken.EventID, broken.FoundAt = AuditReordered, event.ID, at
			return errBroken
		}
		return nil
	})
	if errors.Is(err, errBroken) {
		return nil
	}
	return err
}

// eachChained calls fn with each event of a chain in order, until fn returns an error.
func (s *Store) eachChained(ctx context.Context, name string, fn func(event *AuditEvent) error) error {
	for after := int64(0); ; {
		var events []AuditEvent
		err := s.with(ctx).Where("coalesce(workspace_id, '') = ? AND seq > ? AND seq > 0", name, after).
			Order("seq").Limit(chainPortion).Find(&events).Error
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			after = events[i].Seq
			if err := fn(&events[i]); err != nil {
				return err
			}
		}
	}
}
