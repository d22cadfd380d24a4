package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/skipup/keys/models/usage"
)

const (
	// newCallersAfter is how long the callers of a key are learned before new ones are reported.
	newCallersAfter = 24 * time.Hour
	// newCallersInterval is the time between notifications about a key.
	newCallersInterval = time.Hour
	// maxNewCallers limits the networks that a notification names.
	maxNewCallers = 5
	// newCallerMemory is how long new callers wait for a notification, which they don't get if the key is
	// deleted.
	newCallerMemory = 7 * 24 * time.Hour
)

// newCaller is a network that has used a key for the first time.
type newCaller struct {
	APIKeyID string
	Network  string
	FirstAt  time.Time
}

// NotifiesOfNewCallers reports whether the people who manage the key are notified when an IP address uses it for the
// first time.
func (k *APIKey) NotifiesOfNewCallers() bool { return k.NewCallersSince != nil }

// callerNetwork returns what identifies a caller in notifications: its IPv4 address, or the /64 of its IPv6 address.
func callerNetwork(address string) string {
	return strings.TrimSuffix(prefixOf(address, 32, 64), "/32")
}

// addNetwork reports whether no caller of the key was in the network of c yet, and remembers it. If there are more
// addresses than are recorded, none counts as new.
func (k *keyCallers) addNetwork(c usage.Caller) (network string, isNew bool) {
	if network = callerNetwork(c.Address); network == "" || len(k.addresses) >= MaxAddresses {
		return "", false
	}
	if k.networks == nil {
		k.networks = map[string]bool{}
		for address := range k.addresses {
			k.networks[callerNetwork(address)] = true
		}
	}
	isNew = !k.networks[network]
	k.networks[network] = true
	return network, isNew
}

// recordNewCallers records the new callers of keys that NotifyOfNewCallers reports.
func (s *Store) recordNewCallers(ctx context.Context, found []newCaller) error {
	rows := make([][]any, len(found))
	for i, c := range found {
		rows[i] = []any{c.APIKeyID, c.Network, c.FirstAt, c.FirstAt.Add(-newCallersAfter)}
	}
	columns := []column{{"api_key_id", "text"}, {"network", "text"}, {"first_at", "timestamptz"}, {"known_since", "timestamptz"}}
	err := s.execRows(ctx, columns, rows, `INSERT INTO new_callers (api_key_id, network, first_at) SELECT api_key_id, network, first_at
		FROM new WHERE EXISTS (SELECT 1 FROM api_keys WHERE api_keys.id = new.api_key_id AND api_keys.new_callers_since <= new.known_since)
		ON CONFLICT (api_key_id, network) DO NOTHING`)
	if err != nil {
		return fmt.Errorf("record new callers: %w", err)
	}
	return nil
}

// NotifyOfNewCallers notifies the people who manage keys about new callers, at most once an hour for each key, and
// returns the number of keys. Several nodes may call it at the same time.
func (s *Store) NotifyOfNewCallers(ctx context.Context) (notified int, err error) {
	var due []APIKey
	err = s.with(ctx).Select("id, workspace_id").Where("id IN (SELECT api_key_id FROM new_callers) AND "+newCallersDue, s.now().Add(-newCallersInterval)).
		Order("workspace_id, id").Limit(maxDue).Find(&due).Error
	if err != nil {
		return 0, fmt.Errorf("read keys with new callers: %w", err)
	}
	for len(due) > 0 {
		n := 1
		for n < len(due) && due[n].WorkspaceID == due[0].WorkspaceID {
			n++
		}
		// A transaction has one notification instead of very many.
		err := s.Tx(ctx, func(tx *Store) error {
			for i := range due[:n] {
				if err := tx.notifyOfNewCallers(asSystem(ctx), due[i].ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return notified, err
		}
		notified, due = notified+n, due[n:]
	}
	return notified, nil
}

// newCallersDue is the condition for keys that may have a notification about new callers.
const newCallersDue = "deleted_at IS NULL AND new_callers_since IS NOT NULL AND (new_callers_notified_at IS NULL OR new_callers_notified_at <= ?)"

func (s *Store) notifyOfNewCallers(ctx context.Context, keyID string) error {
	update := s.with(ctx).Model(&APIKey{}).Where("id = ? AND "+newCallersDue, keyID, s.now().Add(-newCallersInterval)).UpdateColumn("new_callers_notified_at", s.now())
	if update.Error != nil || update.RowsAffected == 0 { // another node was faster
		return update.Error
	}
	key, err := s.takeAPIKey(ctx, "id = ?", keyID)
	if err != nil {
		return err
	}
	var networks []string
	if err := s.with(ctx).Model(&newCaller{}).Where("api_key_id = ?", keyID).Order("first_at, network").Pluck("network", &networks).Error; err != nil {
		return fmt.Errorf("read new callers: %w", err)
	}
	if err := s.forgetNewCallers(ctx, keyID); err != nil || len(networks) == 0 {
		return err
	}
	notice := s.notifyManagers(ctx, KeyNewCallerNotice, key)
	notice.Networks, notice.NetworkCount = strings.Join(networks[:min(len(networks), maxNewCallers)], " "), len(networks)
	return nil
}

// forgetNewCallers deletes the new callers of a key.
func (s *Store) forgetNewCallers(ctx context.Context, keyID string) error {
	if err := s.with(ctx).Where("api_key_id = ?", keyID).Delete(&newCaller{}).Error; err != nil {
		return fmt.Errorf("delete new callers: %w", err)
	}
	return nil
}
