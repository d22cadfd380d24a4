package models

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Effect describes how a change to keys took effect on all nodes.
type Effect struct {
	CommittedAt time.Time     // zero if another call made the change
	EffectiveAt time.Time     // when it was in effect on all nodes
	Took        time.Duration // from the commit until then
	Nodes       *int          // number of nodes that could verify keys from memory; nil if unknown
	// SilentNodes are the names of the nodes that didn't confirm the change. It waited until their
	// leases had ended.
	SilentNodes []string
	// AwaitedLease reports whether the change waited until leases had ended, because of SilentNodes or of
	// nodes of an earlier version, which can't confirm changes.
	AwaitedLease bool
}

// Bounds of the time between two looks at the nodes that haven't confirmed a change.
const (
	minLook = 500 * time.Microsecond
	maxLook = 10 * time.Millisecond
	// lookTimeout bounds a look if the database doesn't respond.
	lookTimeout = time.Second
)

// awaitEffect waits until the change at the epoch of row, which must be committed, is in effect on all
// nodes: every registered node has acknowledged the epoch, or a lease and 5% have passed, which also
// covers nodes that have just been removed. Until the upgrade is finished, it waits for the leases of
// nodes of earlier versions too.
func (s *Store) awaitEffect(ctx context.Context, row revocation) Effect {
	start := time.Now()
	effect := s.awaitNodes(ctx, row.Epoch, start.Add(withMargin(row.wait())))
	if left := withMargin(row.unregisteredWait()) - time.Since(start); left > 0 {
		effect.AwaitedLease = true
		_ = sleep(ctx, left)
	}
	return effect
}

// awaitNodes waits until every registered node has acknowledged an epoch, or until deadline. It then
// removes the nodes that haven't. If the database doesn't respond, it waits until deadline. If ctx is
// done, it returns at once and removes no node, because their leases may not have ended.
func (s *Store) awaitNodes(ctx context.Context, epoch int64, deadline time.Time) Effect {
	var nodes int
	for wait := minLook; ; wait = min(2*wait, maxLook) {
		count, behind, err := s.countNodes(ctx, epoch)
		if err == nil {
			if nodes = count; behind == 0 {
				return Effect{Nodes: &nodes}
			}
		}
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		if sleep(ctx, min(wait, left)) != nil {
			return Effect{AwaitedLease: true}
		}
	}
	silent, err := s.removeNodesBehind(ctx, epoch)
	if err != nil { // a later change removes them
		s.log.Warn("could not remove nodes that did not confirm a change", "error", err)
		return Effect{AwaitedLease: true}
	}
	return Effect{Nodes: &nodes, SilentNodes: silent, AwaitedLease: true}
}

// countNodes returns the number of registered nodes, and how many of them haven't acknowledged an epoch.
func (s *Store) countNodes(ctx context.Context, epoch int64) (nodes, behind int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	row := s.with(ctx).Raw("SELECT count(*), coalesce(sum(CASE WHEN applied_epoch < ? THEN 1 ELSE 0 END), 0) FROM nodes", epoch).Row()
	if err := row.Scan(&nodes, &behind); err != nil {
		return 0, 0, fmt.Errorf("count nodes: %w", err)
	}
	return nodes, behind, nil
}

// removeNodesBehind removes the nodes that haven't acknowledged an epoch, and returns their names. Call
// it only when all their leases have ended.
func (s *Store) removeNodesBehind(ctx context.Context, epoch int64) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := s.with(ctx).Raw("DELETE FROM nodes WHERE applied_epoch < ? RETURNING name", epoch).Scan(&names).Error; err != nil {
		return nil, fmt.Errorf("remove nodes: %w", err)
	}
	return names, nil
}

// awaitEpoch waits until all changes so far are in effect on all nodes, or ctx is done. Use it where
// another call may have just made the change.
func (s *Store) awaitEpoch(ctx context.Context) (Effect, error) {
	var row revocation
	if err := s.with(ctx).Take(&row).Error; err != nil {
		return Effect{}, fmt.Errorf("read epoch: %w", err)
	}
	effect := s.awaitEffect(ctx, row)
	effect.EffectiveAt = s.now()
	return effect, ctx.Err()
}

// nodesSeparator separates names of nodes, which don't contain it.
const nodesSeparator = ","

func joinNodes(names []string) string { return strings.Join(names, nodesSeparator) }

func splitNodes(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, nodesSeparator)
}

// NodesText says which nodes confirmed the deletion. It is empty for deletions by earlier versions.
func (r DeletionReceipt) NodesText() string {
	if r.Nodes == nil {
		return ""
	}
	confirmed := fmt.Sprintf("Confirmed by %d of %d nodes.", *r.Nodes-len(r.SilentNodes), *r.Nodes)
	switch {
	case *r.Nodes == 0:
		return "No nodes were running."
	case *r.Nodes == 1 && len(r.SilentNodes) == 0:
		return "Confirmed by the only node."
	case *r.Nodes == 1:
		return fmt.Sprintf("The only node, %s, did not answer, so the deletion waited for its lease to end.", r.SilentNodes[0])
	case len(r.SilentNodes) == 0:
		return confirmed
	case len(r.SilentNodes) == 1:
		return fmt.Sprintf("%s %s did not answer, so the deletion waited for its lease to end.", confirmed, r.SilentNodes[0])
	}
	return fmt.Sprintf("%s These did not answer, so the deletion waited for their leases to end: %s.", confirmed, strings.Join(r.SilentNodes, ", "))
}
