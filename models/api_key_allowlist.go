package models

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// EffectiveAllowlist returns the allowlist that applies to a key that APIKeyByDigest returned.
func (k *APIKey) EffectiveAllowlist() Allowlist { return k.Allowlist.Or(k.WorkspaceAllowlist) }

// checkAllowlistGrant returns Forbidden if a key would let another key, or itself, be used from addresses that
// it can't be used from itself.
func checkAllowlistGrant(actor *APIKey, workspace *Workspace, before, after Allowlist) error {
	if before == after {
		return nil
	}
	ofWorkspace := workspace.KeyPolicy.Allowlist
	own, granted := actor.Allowlist.Or(ofWorkspace), after.Or(ofWorkspace)
	if own.covers(granted) || before.Or(ofWorkspace).covers(granted) {
		return nil
	}
	return Errorf(Forbidden, "This API key can't let a key be used from addresses that it can't be used from itself. Enforce an allowlist within %s.",
		strings.Join(own.Addresses(), ", "))
}

// inheritedAllowlist returns the wanted allowlist. If that rejects nothing but the creator's is enforced, it returns
// the creator's.
func inheritedAllowlist(creator *APIKey, wanted Allowlist, workspace *Workspace) Allowlist {
	ofWorkspace := workspace.KeyPolicy.Allowlist
	if creator != nil && wanted.Or(ofWorkspace).Mode != AllowlistEnforce && creator.Allowlist.Or(ofWorkspace).Mode == AllowlistEnforce {
		return creator.Allowlist
	}
	return wanted
}

// inheriting matches the keys to which the default allowlist of a workspace applies.
const inheriting = "workspace_id = ? AND deleted_at IS NULL AND allowlist_mode = ''"

// lockInheritingKeys locks the keys to which the default allowlist of a workspace applies. The workspace must be
// locked.
func (s *Store) lockInheritingKeys(ctx context.Context, workspaceID string) ([]*APIKey, error) {
	var keys []*APIKey
	if err := s.with(ctx).Select("id", "workspace_id").Where(inheriting, workspaceID).Order("id").Find(&keys).Error; err != nil {
		return nil, fmt.Errorf("read the keys that inherit an allowlist: %w", err)
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	return keys, s.lockKeys(ctx, ids)
}

// AddressesSince returns the time since which addresses are compared with an allowlist.
func AddressesSince(now time.Time) time.Time { return now.Add(-30 * 24 * time.Hour) }

// SeenAddress is an IP address from which requests were accepted.
type SeenAddress struct {
	Address string // empty for those that aren't recorded separately
	LastAt  time.Time
	Keys    int // with which requests came from it
}

// AddressesSeen lists the addresses from which requests with a key were accepted since a time, last seen first.
func (s *Store) AddressesSeen(ctx context.Context, workspaceID, keyID string, since time.Time) ([]SeenAddress, error) {
	return s.addressesSeen(ctx, workspaceID, since, "api_key_id = ?", keyID)
}

// InheritingAddressesSeen lists the addresses from which requests were accepted since a time with the keys to
// which the default allowlist of a workspace applies, last seen first.
func (s *Store) InheritingAddressesSeen(ctx context.Context, workspaceID string, since time.Time) ([]SeenAddress, error) {
	return s.addressesSeen(ctx, workspaceID, since, "api_key_id IN (SELECT id FROM api_keys WHERE "+inheriting+")", workspaceID)
}

func (s *Store) addressesSeen(ctx context.Context, workspaceID string, since time.Time, keys string, of string) ([]SeenAddress, error) {
	var rows []struct {
		Address string
		Seconds int64
		Keys    int
	}
	err := s.with(ctx).Table("api_key_callers").
		Select("address, max("+s.dialect.epoch("last_accepted_at")+") AS seconds, count(DISTINCT api_key_id) AS keys").
		Where("workspace_id = ? AND last_accepted_at >= ?", workspaceID, since).Where(keys, of).
		Group("address").Order("seconds DESC, address").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the addresses of callers: %w", err)
	}
	seen := make([]SeenAddress, len(rows))
	for i, row := range rows {
		seen[i] = SeenAddress{row.Address, time.Unix(row.Seconds, 0).UTC(), row.Keys}
	}
	return seen, nil
}

// Outside returns the addresses that aren't in the list. It ignores those that aren't recorded separately.
func (a Allowlist) Outside(seen []SeenAddress) (outside []SeenAddress) {
	prefixes, err := a.Prefixes()
	if err != nil || !a.Mode.needsList() {
		return nil
	}
	for _, one := range seen {
		if one.Address != "" && !AddressIn(prefixes, one.Address) {
			outside = append(outside, one)
		}
	}
	return outside
}

// With returns the list with the addresses that it doesn't contain yet added, up to MaxAllowlist entries, and how
// many didn't fit.
func (a Allowlist) With(seen []SeenAddress) (more Allowlist, left int) {
	if !a.Mode.needsList() {
		a = Allowlist{Mode: AllowlistReportOnly}
	}
	texts := a.Addresses()
	for _, one := range a.Outside(seen) {
		if _, wrong := ParseNetworks([]string{one.Address}); len(wrong) > 0 {
			continue
		}
		if len(texts) >= MaxAllowlist {
			left++
			continue
		}
		texts = append(texts, one.Address)
	}
	a.Networks, _ = ParseNetworks(texts)
	return a, left
}
