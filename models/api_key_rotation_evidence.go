package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skipup/keys/models/usage"
)

// RotationWindow is how far back the callers of a key are looked for, when it is rotated and
// when its scopes are judged.
const RotationWindow = 30 * 24 * time.Hour

// Rotation is a key with its successor, and the evidence of who has moved from one to the other.
type Rotation struct {
	Old, New APIKey
	At       time.Time
	// Callers are those that the old key has accepted requests of within RotationWindow, or
	// refuses because it is dead, the last seen first. All that are not told apart are the last.
	Callers []RotatingCaller
	// Newcomers are the callers of the new key that are none of the old one's, likewise.
	Newcomers []APIKeyCaller
	// OldUse and NewUse are what came with both keys.
	OldUse, NewUse RecentUse
}

// RotatingCaller is a caller of the old key.
type RotatingCaller struct {
	Old APIKeyCaller
	New *APIKeyCaller // the same address and user agent at the new key; nil if it was not there
}

// RecentUse is how many requests were accepted with a key, by whole hours: the present one is
// counted in.
type RecentUse struct{ Day, Month int64 } // within 24 hours and RotationWindow

// Moved reports whether the new key has accepted a request of c.
func (c *RotatingCaller) Moved() bool { return c.New != nil && c.New.LastAcceptedAt != nil }

// UsesBoth reports whether c has moved but then used the old key again: it may be several
// programs that look alike.
func (c *RotatingCaller) UsesBoth() bool {
	return c.Moved() && isLater(c.Old.LastAcceptedAt, &c.New.FirstSeenAt)
}

// Moved is how many of the old key's callers have moved.
func (r *Rotation) Moved() int {
	moved := 0
	for i := range r.Callers {
		if r.Callers[i].Moved() {
			moved++
		}
	}
	return moved
}

// AllMoved reports whether every caller of the old key has moved; true without any.
func (r *Rotation) AllMoved() bool { return r.Moved() == len(r.Callers) }

// InUse reports whether somebody may notice the end of the old key: it was used within a day,
// or not all of its callers have moved. It is not once the key accepts nothing any more.
func (r *Rotation) InUse() bool {
	return r.Old.AcceptedAt(r.At) && (r.Old.InUseAt(r.At) || !r.AllMoved())
}

// Rotation returns the rotation of a key of a workspace, up to the last second: also what has
// become of it once one of both keys is deleted. It is NotFound for a key without a successor.
func (s *Store) Rotation(ctx context.Context, workspaceID, id string) (*Rotation, error) {
	r := &Rotation{At: s.now()}
	if err := s.readRotatingKeys(ctx, workspaceID, id, r); err != nil {
		return nil, err
	}
	if err := s.matchCallers(ctx, r); err != nil {
		return nil, err
	}
	return r, s.countRotatingUse(ctx, r)
}

func (s *Store) readRotatingKeys(ctx context.Context, workspaceID, id string, r *Rotation) error {
	var keys []APIKey
	successor := s.with(ctx).Model(&APIKey{}).Select("successor_id").Where("workspace_id = ? AND id = ?", workspaceID, id)
	err := s.with(ctx).Where("workspace_id = ? AND (id = ? OR id = (?))", workspaceID, id, successor).Find(&keys).Error
	if err != nil {
		return notFound(err, "API key")
	}
	for i := range keys {
		if keys[i].ID == id {
			r.Old = keys[i]
		} else {
			r.New = keys[i]
		}
	}
	if r.Old.ID == "" || r.New.ID == "" {
		return Errorf(NotFound, "Rotation not found.")
	}
	return nil
}

// matchCallers reads the callers of both keys and finds the old one's among the new one's.
func (s *Store) matchCallers(ctx context.Context, r *Rotation) error {
	callers, err := s.rotatingCallers(ctx, []*Rotation{r})
	if err != nil {
		return err
	}
	r.match(callers)
	return nil
}

// rotatingCallers are the callers of both keys of rotations by the ids of the keys, the last seen
// first: of the old ones those that count.
func (s *Store) rotatingCallers(ctx context.Context, rotations []*Rotation) (map[string][]APIKeyCaller, error) {
	if len(rotations) == 0 {
		return nil, nil
	}
	var olds, news []string
	for _, r := range rotations {
		olds, news = append(olds, r.Old.ID), append(news, r.New.ID)
	}
	first := rotations[0]
	var all []APIKeyCaller
	err := s.with(ctx).
		Where("workspace_id = ? AND (api_key_id IN ? OR api_key_id IN ? AND (last_accepted_at >= ? OR last_refusal IN ?))",
			first.Old.WorkspaceID, news, olds, first.At.Add(-RotationWindow), []usage.Rejection{usage.RejectedDeleted, usage.RejectedExpired}).
		Order("last_seen_at DESC, address, user_agent").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("read callers of a rotation: %w", err)
	}
	callers := map[string][]APIKeyCaller{}
	for _, c := range all {
		callers[c.APIKeyID] = append(callers[c.APIKeyID], c)
	}
	return callers, nil
}

// match finds the old key's callers among the new one's, by address and user agent.
func (r *Rotation) match(callers map[string][]APIKeyCaller) {
	atNew := map[usage.Caller]*APIKeyCaller{}
	for _, c := range callers[r.New.ID] {
		if !c.IsOthers() { // others may be anybody
			atNew[c.Caller()] = &c
		}
	}
	for _, c := range callers[r.Old.ID] {
		r.Callers = append(r.Callers, RotatingCaller{Old: c, New: atNew[c.Caller()]})
		delete(atNew, c.Caller())
	}
	for _, c := range callers[r.New.ID] {
		if c.IsOthers() || atNew[c.Caller()] != nil {
			r.Newcomers = append(r.Newcomers, c)
		}
	}
	slices.SortStableFunc(r.Callers, func(a, b RotatingCaller) int { return othersLast(&a.Old, &b.Old) })
	slices.SortStableFunc(r.Newcomers, func(a, b APIKeyCaller) int { return othersLast(&a, &b) })
}

// RotationsInUse are the rotations, of those keys of a workspace that are the old one, the end of
// which somebody may notice, in a fixed number of queries.
func (s *Store) RotationsInUse(ctx context.Context, workspaceID string, keys []APIKey) ([]*Rotation, error) {
	var rotations []*Rotation
	var successors []string
	for i := range keys {
		if keys[i].IsRotating() {
			rotations = append(rotations, &Rotation{Old: keys[i], At: s.now()})
			successors = append(successors, *keys[i].ReplacementID)
		}
	}
	if len(rotations) == 0 {
		return nil, nil
	}
	var news []APIKey
	if err := s.with(ctx).Where("workspace_id = ? AND id IN ?", workspaceID, successors).Find(&news).Error; err != nil {
		return nil, fmt.Errorf("read successors: %w", err)
	}
	for _, r := range rotations {
		if i := slices.IndexFunc(news, func(k APIKey) bool { return k.ID == *r.Old.ReplacementID }); i >= 0 {
			r.New = news[i]
		}
	}
	callers, err := s.rotatingCallers(ctx, rotations)
	if err != nil {
		return nil, err
	}
	for _, r := range rotations {
		r.match(callers)
	}
	return slices.DeleteFunc(rotations, func(r *Rotation) bool { return !r.InUse() }), nil
}

func othersLast(a, b *APIKeyCaller) int {
	switch {
	case a.IsOthers() == b.IsOthers():
		return 0
	case a.IsOthers():
		return 1
	}
	return -1
}

func (s *Store) countRotatingUse(ctx context.Context, r *Rotation) error {
	for _, span := range []struct {
		since    time.Duration
		old, new *int64
	}{
		{24*time.Hour - time.Duration(usage.Hourly), &r.OldUse.Day, &r.NewUse.Day},
		{RotationWindow - time.Duration(usage.Hourly), &r.OldUse.Month, &r.NewUse.Month},
	} {
		totals, err := s.UsageTotals(ctx, r.Old.WorkspaceID, []string{r.Old.ID, r.New.ID}, r.At.Add(-span.since))
		if err != nil {
			return err
		}
		*span.old = totals[r.Old.ID].Requests - totals[r.Old.ID].Rejected
		*span.new = totals[r.New.ID].Requests - totals[r.New.ID].Rejected
	}
	return nil
}

// maxReason is how many characters a reason has at most.
const maxReason = 500

// ConfirmEnd returns an Invalid error if the old key is in use and c does not repeat its name and
// give a reason.
func (r *Rotation) ConfirmEnd(c Confirmation) error {
	if !r.InUse() {
		return nil
	}
	fields := Fields{}
	c.confirmName(fields, r.Old.Name)
	checkLine(fields, "reason", c.Reason, maxReason)
	return fields.err()
}

// EndRotation deletes the old key of a rotation, as DeleteAPIKey does. A reason is noted in
// the receipt and in the audit log if the key is in use. It is Refused if somebody abandons the
// rotation at the same moment.
func (s *Store) EndRotation(ctx context.Context, workspaceID, id string, c Confirmation) (*APIKey, error) {
	r, err := s.Rotation(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	if err := r.ConfirmEnd(c); err != nil {
		return nil, err
	}
	if !r.InUse() {
		c.Reason = ""
	}
	return s.deleteAPIKey(ctx, workspaceID, id, deletion{reason: c.Reason, otherKey: r.New.ID})
}
