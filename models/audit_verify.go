package models

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// AuditFault is a kind of damage to a chain of audit events.
type AuditFault string

// The kinds of damage. A chain is checked up to its first fault.
const (
	AuditChanged   AuditFault = "changed"   // the event does not fit: it or the previous one was changed or inserted
	AuditMissing   AuditFault = "missing"   // there is no event at this position, but there are later ones
	AuditReordered AuditFault = "reordered" // the event that belongs here is at another position
	AuditTruncated AuditFault = "truncated" // the chain was longer
	AuditTooLong   AuditFault = "too_long"  // the event is beyond the recorded end of the chain
	AuditHead      AuditFault = "head"      // the recorded hash is not that of the last event
	AuditErased    AuditFault = "erased"    // texts of the event were erased, and no later event records that, or it records other texts
	AuditUnchained AuditFault = "unchained" // the event is at a position outside the chain, or at one that is taken
)

// AuditBreak describes where a chain is broken first.
type AuditBreak struct {
	Fault   AuditFault
	Seq     int64
	EventID string // empty if there is no event
	FoundAt int64  // with AuditReordered, the position of the event that belongs here
}

// AuditReport is the result of checking one chain.
type AuditReport struct {
	WorkspaceID string // empty for the events that belong to no workspace
	Events      int64  // number of intact events from the start
	Head        string // hash of the last intact event in hexadecimal; empty if there is none
	Broken      *AuditBreak
}

// AuditVerification is the result of checking the audit log.
type AuditVerification struct {
	Chains  []AuditReport // ordered by workspace
	Missing []string      // expected hashes that no event has
}

// Intact reports whether the check found no faults.
func (v AuditVerification) Intact() bool {
	return len(v.Missing) == 0 && !slices.ContainsFunc(v.Chains, func(r AuditReport) bool { return r.Broken != nil })
}

// VerifyAudit recomputes the hashes of all audit events of a workspace, or of all workspaces if
// workspaceID is empty. It reports the first position in each chain where an event was changed,
// inserted, removed or moved. Expected are hexadecimal hashes that were once the head of a chain,
// for which events must still exist. Progress, which may be nil, is called with the number of events.
//
// An intact chain proves that no event was changed without recomputing all later hashes. Someone
// who can write to every table can do that, and can truncate a chain and its recorded head. Only an
// expected hash that was kept elsewhere reveals such a change to the events before it.
func (s *Store) VerifyAudit(ctx context.Context, workspaceID string, expected []string, progress Progress) (AuditVerification, error) {
	var found AuditVerification
	check := &auditCheck{expected: map[string]bool{}, progress: orIgnored(progress)}
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
		heads := tx.with(ctx).Model(&auditChain{}).Select("coalesce(sum(seq), 0)").Where("chain IN ?", names)
		if err := heads.Scan(&check.total).Error; err != nil {
			return fmt.Errorf("read audit chains: %w", err)
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

// auditChainNames returns the names of all chains that exist or must exist. It leaves out those of workspaces that
// are due to be removed, whose events are being deleted.
func (s *Store) auditChainNames(ctx context.Context) ([]string, error) {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	err = s.with(ctx).Raw(`SELECT chain FROM (SELECT chain FROM audit_chains UNION SELECT id FROM workspaces
		UNION SELECT DISTINCT coalesce(workspace_id, '') FROM audit_events) AS chains
		WHERE chain NOT IN (SELECT id FROM workspaces WHERE deleted_at <= ?) ORDER BY chain`, now.Add(-WorkspaceKept)).Scan(&names).Error
	if err != nil {
		return nil, fmt.Errorf("read audit chains: %w", err)
	}
	return names, nil
}

// auditCheck collects results across chains.
type auditCheck struct {
	expected    map[string]bool // whether each expected hash was found
	progress    Progress
	done, total int64 // events
}

// progressEvents is the number of events between two calls of Progress.
const progressEvents = 1000

func (c *auditCheck) add() {
	if c.done++; c.done%progressEvents == 1 {
		c.progress("Verifying events", c.done, c.total)
	}
}

func (s *Store) verifyAuditChain(ctx context.Context, name string, check *auditCheck) (AuditReport, error) {
	report := AuditReport{WorkspaceID: name}
	end := auditChain{Hash: []byte{}}
	if err := s.with(ctx).Where("chain = ?", name).Take(&end).Error; err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return report, err
	}
	previous := []byte{}
	erased := erasures{pending: map[string]int64{}}
	err := s.eachChained(ctx, name, func(event *AuditEvent) error {
		check.add()
		report.Broken = event.breaks(report.Events+1, end.Seq, previous)
		if report.Broken != nil {
			return errBroken
		}
		erased.add(event, previous)
		report.Events, previous = event.Seq, event.Hash
		report.Head = hex.EncodeToString(event.Hash)
		if _, wanted := check.expected[report.Head]; wanted {
			check.expected[report.Head] = true
		}
		return nil
	})
	switch {
	case errors.Is(err, errBroken):
		return report, s.findReordered(ctx, name, report.Broken, previous)
	case err != nil:
		return report, err
	case report.Events < end.Seq, report.Events == 0 && name != "":
		report.Broken = &AuditBreak{Fault: AuditTruncated, Seq: report.Events + 1}
	case !bytes.Equal(end.Hash, previous):
		report.Broken = &AuditBreak{Fault: AuditHead, Seq: report.Events}
	case erased.unrecorded() > 0:
		report.Broken = &AuditBreak{Fault: AuditErased, Seq: erased.unrecorded()}
	default:
		report.Broken, err = s.unchained(ctx, name)
	}
	return report, err
}

// unchained returns the first event outside a chain that is otherwise intact, or nil if there is none.
func (s *Store) unchained(ctx context.Context, name string) (*AuditBreak, error) {
	var event AuditEvent
	found := s.with(ctx).Where("seq < 1 AND coalesce(workspace_id, '') = ?", name).Order("id").Limit(1).Find(&event)
	if found.Error != nil || found.RowsAffected == 0 {
		return nil, found.Error
	}
	return &AuditBreak{Fault: AuditUnchained, Seq: event.Seq, EventID: event.ID}, nil
}

var errBroken = errors.New("the chain is broken")

// breaks returns how the event breaks a chain in which seq is the next position, previous the hash
// of the previous event, and end the recorded end; nil if it doesn't.
func (e *AuditEvent) breaks(seq, end int64, previous []byte) *AuditBreak {
	switch {
	case e.Seq > seq:
		return &AuditBreak{Fault: AuditMissing, Seq: seq}
	case e.Seq < seq:
		return &AuditBreak{Fault: AuditUnchained, Seq: e.Seq, EventID: e.ID}
	case !e.fits(previous):
		return &AuditBreak{Fault: AuditChanged, Seq: seq, EventID: e.ID}
	case e.Seq > end:
		return &AuditBreak{Fault: AuditTooLong, Seq: seq, EventID: e.ID}
	}
	return nil
}

// findReordered sets AuditReordered if a later event of the chain belongs where the chain is broken.
func (s *Store) findReordered(ctx context.Context, name string, broken *AuditBreak, previous []byte) error {
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

// eachChained calls fn for each event of a chain in order, until fn returns an error.
func (s *Store) eachChained(ctx context.Context, name string, fn func(event *AuditEvent) error) error {
	rows, err := s.with(ctx).Model(&AuditEvent{}).Where("coalesce(workspace_id, '') = ? AND seq > 0", name).Order("seq").Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var event AuditEvent
		if err := s.db.ScanRows(rows, &event); err != nil {
			return err
		}
		if err := fn(&event); err != nil {
			return err
		}
	}
	return rows.Err()
}
