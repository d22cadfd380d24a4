package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// KeyPolicy is what a workspace allows for the lifetimes of its keys, the ages at which keys are due for
// review, the default allowlist, and how members sign in. It applies to all keys that are created, changed, or
// rotated, in any way.
type KeyPolicy struct {
	// ExpiryRequired reports whether keys that never expire are not allowed. It is true if there is a maximum.
	ExpiryRequired bool `gorm:"column:key_expiry_required"`
	MaxDays        int  `gorm:"column:key_max_days"`     // longest lifetime; 0 for no limit
	DefaultDays    int  `gorm:"column:key_default_days"` // lifetime of NewAPIKey.DefaultExpiry; 0 for never
	// Since is when the policy became stricter. The lifetimes of keys created before it count from then, so
	// that there is time to replace them.
	Since *time.Time `gorm:"column:key_policy_since"`

	ReviewUnusedDays int // from the creation of a key that was never used
	ReviewIdleDays   int // from the last use
	ReviewOldDays    int // from the creation

	// SecondFactorRequired reports whether members without a second factor can't use the workspace.
	SecondFactorRequired bool
	// SingleSignOnRequired reports whether the workspace can only be used by members who signed in with single sign-on.
	SingleSignOnRequired bool
	// Allowlist is the default of keys.
	Allowlist Allowlist `gorm:"embedded;embeddedPrefix:allowlist_"`
}

// DefaultKeyPolicy is the policy of a new workspace.
var DefaultKeyPolicy = KeyPolicy{ReviewUnusedDays: 30, ReviewIdleDays: 90, ReviewOldDays: 365, Allowlist: Allowlist{Mode: AllowlistNone}}

const (
	// MaxPolicyDays limits lifetimes and ages in a policy.
	MaxPolicyDays = 3650
	// ShorteningNotice is how long a key works at least after its lifetime was shortened to what the policy
	// allows.
	ShorteningNotice = 7 * 24 * time.Hour
	// lifetimeLeeway is added to the longest lifetime, for clocks that differ and days that have 25 hours.
	lifetimeLeeway = time.Hour
)

// KeyPolicy returns the policy of a workspace.
func (s *Store) KeyPolicy(ctx context.Context, workspaceID string) (KeyPolicy, error) {
	workspace, err := s.Workspace(ctx, workspaceID)
	if err != nil {
		return KeyPolicy{}, err
	}
	return workspace.KeyPolicy, nil
}

// SetKeyPolicy changes the policy of a workspace and returns it. It changes the lifetime of no key: those that
// expire later than the policy allows have the finding FindLifetime, and ShortenLifetimes shortens their
// lifetimes. When it returns, the allowlist is in effect for all keys that inherit it, on all nodes.
func (s *Store) SetKeyPolicy(ctx context.Context, workspaceID string, p KeyPolicy) (KeyPolicy, error) {
	if err := p.Check(Fields{}); err != nil {
		return KeyPolicy{}, err
	}
	p.ExpiryRequired = p.ExpiryRequired || p.MaxDays > 0
	// Without the key, no one could set up a second factor. The operator's commands don't have it.
	if p.SecondFactorRequired && len(s.sealer.keys) == 0 && ActorOf(ctx).Type != ActorOperator {
		return KeyPolicy{}, errNoEncryptionKey
	}
	if p.Allowlist.Mode == AllowlistInherit {
		p.Allowlist.Mode = AllowlistNone
	}
	_, err := s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		workspace, err := tx.lockWorkspace(ctx, workspaceID)
		if err != nil {
			return nil, err
		}
		before := workspace.KeyPolicy
		if p.SingleSignOnRequired && !before.SingleSignOnRequired {
			if err := tx.requireLinked(ctx); err != nil {
				return nil, err
			}
		}
		p.Since = before.Since
		if p.isStricterThan(before) {
			p.Since = new(tx.now())
		}
		changes := before.differenceTo(p)
		if len(changes) == 0 {
			return nil, errNothingToChange
		}
		update := map[string]any{
			"key_expiry_required": p.ExpiryRequired, "key_max_days": p.MaxDays, "key_default_days": p.DefaultDays, "key_policy_since": p.Since,
			"review_unused_days": p.ReviewUnusedDays, "review_idle_days": p.ReviewIdleDays, "review_old_days": p.ReviewOldDays,
			"second_factor_required": p.SecondFactorRequired, "single_sign_on_required": p.SingleSignOnRequired,
			"allowlist_mode": p.Allowlist.Mode, "allowlist_networks": p.Allowlist.Networks,
		}
		if err := tx.with(ctx).Model(workspace).Where("id = ?", workspaceID).Updates(update).Error; err != nil {
			return nil, fmt.Errorf("update key policy: %w", err)
		}
		if err := tx.audit(ctx, workspaceID, "workspace.key_policy_changed", workspace.target(), changes); err != nil {
			return nil, err
		}
		if p.Allowlist == before.Allowlist {
			return nil, nil
		}
		inheriting, err := tx.lockInheritingKeys(ctx, workspaceID)
		if !before.Allowlist.covers(p.Allowlist) {
			for _, key := range inheriting {
				tx.notifyManagers(ctx, KeyWidenedNotice, key)
			}
		}
		return inheriting, err
	})
	if errors.Is(err, errNothingToChange) { // but another call may just have made the change
		_, err = s.awaitEpoch(ctx)
	}
	return p, err
}

// Check adds what is wrong with the policy to the errors already in fields. It returns Invalid if there is any.
func (p KeyPolicy) Check(fields Fields) error {
	for _, field := range []struct {
		name       string
		value, min int
	}{
		{"max_days", p.MaxDays, 0}, {"default_days", p.DefaultDays, 0},
		{"review_unused_days", p.ReviewUnusedDays, 1}, {"review_idle_days", p.ReviewIdleDays, 1}, {"review_old_days", p.ReviewOldDays, 1},
	} {
		if field.value < field.min || field.value > MaxPolicyDays {
			fields.add(field.name, "must be a whole number from 1 to %d", MaxPolicyDays)
		}
	}
	p.Allowlist.check(fields)
	switch {
	case p.MaxDays > 0 && p.DefaultDays > p.MaxDays:
		fields.add("default_days", "must be at most the maximum of %d", p.MaxDays)
	case p.DefaultDays == 0 && (p.ExpiryRequired || p.MaxDays > 0):
		fields.add("default_days", "must be set, because keys must expire")
	}
	return fields.err()
}

// isStricterThan reports whether the policy forbids a lifetime that before allowed.
func (p KeyPolicy) isStricterThan(before KeyPolicy) bool {
	return p.ExpiryRequired && !before.ExpiryRequired || p.MaxDays > 0 && (before.MaxDays == 0 || p.MaxDays < before.MaxDays)
}

// differenceTo returns what changes from p to next, for the audit log.
func (p KeyPolicy) differenceTo(next KeyPolicy) map[string]string {
	before, details := p.texts(), next.texts()
	maps.DeleteFunc(details, func(name, text string) bool { return before[name] == text })
	for name := range maps.Clone(details) {
		details[name+"_before"] = before[name]
	}
	return details
}

// texts returns the parts of the policy in words.
func (p KeyPolicy) texts() map[string]string {
	longest := "never expires"
	switch {
	case p.MaxDays > 0:
		longest = daysText(p.MaxDays)
	case p.ExpiryRequired:
		longest = "any expiry"
	}
	usual := "none"
	if p.DefaultDays > 0 {
		usual = daysText(p.DefaultDays)
	}
	return map[string]string{
		"second_factor": requirement(p.SecondFactorRequired), "single_sign_on": requirement(p.SingleSignOnRequired),
		"max_lifetime": longest, "default_lifetime": usual, "review_unused": daysText(p.ReviewUnusedDays),
		"review_idle": daysText(p.ReviewIdleDays), "review_old": daysText(p.ReviewOldDays),
		"allowlist": p.Allowlist.String(),
	}
}

func requirement(required bool) string {
	if required {
		return "required"
	}
	return "optional"
}

func daysText(n int) string { return counted(n, "day", "days") }

// DefaultExpiry returns the expiry of a key created now without a choice; nil for never.
func (p KeyPolicy) DefaultExpiry(now time.Time) *time.Time {
	if p.DefaultDays == 0 {
		return nil
	}
	return new(now.Add(days(p.DefaultDays)))
}

// LatestExpiry returns the latest expiry that the policy allows a key created at a time, or nil if there is no
// limit.
func (p KeyPolicy) LatestExpiry(createdAt time.Time) *time.Time {
	if p.MaxDays == 0 {
		return nil
	}
	if since := p.since(); since.After(createdAt) {
		createdAt = since
	}
	return new(createdAt.Add(days(p.MaxDays)))
}

func (p KeyPolicy) since() time.Time {
	if p.Since == nil {
		return time.Unix(0, 0).UTC()
	}
	return *p.Since
}

// longest returns the longest lifetime with the leeway, or 0 if there is no limit.
func (p KeyPolicy) longest() time.Duration {
	if p.MaxDays == 0 {
		return 0
	}
	return days(p.MaxDays) + lifetimeLeeway
}

// allows reports whether the policy allows a key created at a time to expire at expiresAt.
func (p KeyPolicy) allows(createdAt time.Time, expiresAt *time.Time) bool {
	if expiresAt == nil {
		return !p.ExpiryRequired
	}
	latest := p.LatestExpiry(createdAt)
	return latest == nil || !expiresAt.After(latest.Add(lifetimeLeeway))
}

// renewed returns the expiry of a replacement that is created now to last as long as another key, which
// would expire at expiresAt. It is expiresAt or, if the policy doesn't allow that, the closest expiry that it allows.
func (p KeyPolicy) renewed(expiresAt *time.Time, now time.Time) *time.Time {
	switch {
	case p.allows(now, expiresAt):
		return expiresAt
	case expiresAt == nil && p.MaxDays == 0:
		return p.DefaultExpiry(now)
	}
	return p.LatestExpiry(now)
}

// checkNew adds an error unless the policy allows a key created now to expire at expiresAt.
func (p KeyPolicy) checkNew(fields Fields, expiresAt *time.Time, now time.Time) {
	switch {
	case p.allows(now, expiresAt):
	case p.MaxDays > 0:
		fields.add("expires_at", "must be at most %s from now, because this workspace's policy limits how long keys last. Choose %s or earlier",
			daysText(p.MaxDays), formatExpiry(p.LatestExpiry(now)))
	default:
		fields.add("expires_at", "must be set, because this workspace's policy doesn't allow keys that never expire")
	}
}

// checkExtended adds an error if an existing key is to expire later than before, and later than the policy
// allows. It may always expire earlier.
func (p KeyPolicy) checkExtended(fields Fields, key *APIKey, expiresAt *time.Time, now time.Time) {
	switch latest := p.LatestExpiry(key.CreatedAt); {
	case !expiresLater(expiresAt, key.ExpiresAt), p.allows(key.CreatedAt, expiresAt):
	case latest == nil:
		fields.add("expires_at", "must be set, because this workspace's policy doesn't allow keys that never expire")
	case latest.After(now):
		fields.add("expires_at", "must be %s or earlier, because this workspace's policy limits keys to %s. To keep access for longer, rotate the key",
			formatExpiry(latest), daysText(p.MaxDays))
	default:
		fields.add("expires_at", "can't be later, because this workspace's policy limits keys to %s. Rotate the key instead", daysText(p.MaxDays))
	}
}

// Shortened returns the expiry that a key gets if its lifetime is shortened to what the policy allows. It
// returns nil if the policy allows the current expiry, or if the key expires soon anyway.
func (p KeyPolicy) Shortened(key *APIKey, now time.Time) *time.Time {
	if key.DeletedAt != nil || key.expiredAt(now) || p.allows(key.CreatedAt, key.ExpiresAt) {
		return nil
	}
	expiresAt := p.LatestExpiry(key.CreatedAt)
	if expiresAt == nil {
		expiresAt = p.DefaultExpiry(now)
	}
	if earliest := now.Add(ShorteningNotice); expiresAt.Before(earliest) {
		expiresAt = &earliest
	}
	if key.ExpiresAt != nil && !expiresAt.Before(*key.ExpiresAt) {
		return nil
	}
	return expiresAt
}
