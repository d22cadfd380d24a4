package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skipup/keys/models/usage"
)

// RotationWindow is how recently callers must have used a key to matter for its rotation.
const RotationWindow = 30 * 24 * time.Hour

// Rotation is a key with its replacement, and which callers have moved from one to the other.
type Rotation struct {
	Old, New APIKey
	At       time.Time
	// Callers are the callers whose requests the old key accepted within RotationWindow, or rejects
	// because it is deleted or expired, last seen first. Others come last.
	Callers []RotatingCaller
	// Newcomers are the callers of the new key that are not among Callers, in the same order.
	Newcomers []APIKeyCaller
	// OldUse and NewUse are the recent requests with each key.
	OldUse, NewUse RecentUse
}

// RotatingCaller is a caller of the old key.
type RotatingCaller struct {
	Old APIKeyCaller
	New *APIKeyCaller // the same caller of the new key, or nil
}

// RecentUse counts the accepted requests with a key by whole hours, including the current one.
type RecentUse struct{ Day, Month int64 } // within 24 hours and RotationWindow

// Moved reports whether the new key has accepted a request from c.
func (c *RotatingCaller) Moved() bool { return c.New != nil && c.New.LastAcceptedAt != nil }

// UsesBoth reports whether c has moved but then used the old key again. It may be several programs
// with the same address and user agent.
func (c *RotatingCaller) UsesBoth() bool {
	return c.Moved() && isLater(c.Old.LastAcceptedAt, &c.New.FirstSeenAt)
}

// Moved returns how many of the old key's callers have moved.
func (r *Rotation) Moved() int {
	moved := 0
	for i := range r.Callers {
		if r.Callers[i].Moved() {
			moved++
		}
	}
	return moved
}

// AllMoved reports whether all callers of the old key have moved. It is true if there are none.
func (r *Rotation) AllMoved() bool { return r.Moved() == len(r.Callers) }

// InUse reports whether deleting the old key may break something: the key is accepted, and it was used
// within a day or not all of its callers have moved.
func (r *Rotation) InUse() bool {
	return r.Old.AcceptedAt(r.At) && (r.Old.InUseAt(r.At) || !r.AllMoved())
}

// Rotation returns the rotation of a key in a workspace, even if one of the two keys is deleted, or
// NotFound if the key has no replacement.
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
	replacement := s.with(ctx).Model(&APIKey{}).Select("successor_id").Where("workspace_id = ? AND id = ?", workspaceID, id)
	err := s.with(ctx).Where("workspace_id = ? AND (id = ? OR id = (?))", workspaceID, id, replacement).Find(&keys).Error
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

// matchCallers reads the callers of both keys and matches them.
func (s *Store) matchCallers(ctx context.Context, r *Rotation) error {
	callers, err := s.rotatingCallers(ctx, []*Rotation{r})
	if err != nil {
		return err
	}
	r.match(callers)
	return nil
}

// rotatingCallers returns the callers of the keys of rotations by key ID, last seen first. For old keys,
// it returns only those that belong in Rotation.Callers.
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

// match matches the callers of the old and the new key.
func (r *Rotation) match(callers map[string][]APIKeyCaller) {
	atNew := map[usage.Caller]*APIKeyCaller{}
	for _, c := range callers[r.New.ID] {
		if !c.IsSeveral() { // others may be anyone
			atNew[c.Caller()] = &c
		}
	}
	for _, c := range callers[r.Old.ID] {
		moving := RotatingCaller{Old: c}
		if !c.IsSeveral() {
			moving.New = atNew[c.Caller()]
			delete(atNew, c.Caller())
		}
		r.Callers = append(r.Callers, moving)
	}
	for _, c := range callers[r.New.ID] {
		if c.IsSeveral() || atNew[c.Caller()] != nil {
			r.Newcomers = append(r.Newcomers, c)
		}
	}
	slices.SortStableFunc(r.Callers, func(a, b RotatingCaller) int { return othersLast(&a.Old, &b.Old) })
	slices.SortStableFunc(r.Newcomers, func(a, b APIKeyCaller) int { return othersLast(&a, &b) })
}

// RotationsInUse returns the rotations that are in use and whose old key is one of keys, in a fixed
// number of queries.
func (s *Store) RotationsInUse(ctx context.Context, workspaceID string, keys []APIKey) ([]*Rotation, error) {
	var rotations []*Rotation
	var replacements []string
	for i := range keys {
		if keys[i].IsRotating() {
			rotations = append(rotations, &Rotation{Old: keys[i], At: s.now()})
			replacements = append(replacements, *keys[i].ReplacementID)
		}
	}
	if len(rotations) == 0 {
		return nil, nil
	}
	var news []APIKey
	if err := s.with(ctx).Where("workspace_id = ? AND id IN ?", workspaceID, replacements).Find(&news).Error; err != nil {
		return nil, fmt.Errorf("read replacements: %w", err)
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
	case a.IsSeveral() == b.IsSeveral():
		return 0
	case a.IsSeveral():
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

// maxReason limits a reason, in characters.
const maxReason = 500

// EndChallenge returns what must be entered to delete the old key.
func (r *Rotation) EndChallenge() Challenge {
	return challengeIf(r.InUse(), Challenge{Name: r.Old.Name, Reason: true})
}

// EndRotation deletes the old key of a rotation, as DeleteAPIKey does. It returns Invalid unless c
// answers the rotation's EndChallenge. If that asks for a reason, the reason is stored in the receipt
// and the audit log. It returns FailedPrecondition if the rotation is canceled at the same time.
func (s *Store) EndRotation(ctx context.Context, workspaceID, id string, c Confirmation) (*APIKey, error) {
	r, err := s.Rotation(ctx, workspaceID, id)
	if err != nil {
		return nil, err
	}
	challenge, err := s.forDeletion(ctx, r.EndChallenge(), &r.Old, c)
	if err != nil {
		return nil, err
	}
	if err := challenge.check(c); err != nil {
		return nil, err
	}
	if !challenge.Reason {
		c.Reason = ""
	}
	return s.deleteAPIKey(ctx, workspaceID, id, deletion{reason: c.Reason, otherKey: r.New.ID, descendants: c.Descendants})
}
