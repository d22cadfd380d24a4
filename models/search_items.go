package models

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

const (
	// MaxFoundAPIKeys limits how many API keys a search finds.
	MaxFoundAPIKeys = 8
	// maxFoundItems limits how many items of each other kind a search finds.
	maxFoundItems = 4
	// searchedCallers limits the callers whose user agents are searched to the latest.
	searchedCallers = 20_000
	// maxSearchText is the number of bytes of a text that are searched for keys.
	maxSearchText = 16 << 10
	// minPart is the length in bytes from which on a search finds parts of scopes and user agents.
	minPart = 3
)

// FoundItems are the items of a workspace that match a search.
type FoundItems struct {
	APIKeys    []FoundAPIKey // up to MaxFoundAPIKeys
	More       bool          // more keys match
	Others     int           // number of different keys in the text that don't belong to the workspace
	Scopes     []scope.Definition
	Members    []Member // with their users
	Endpoints  []WebhookEndpoint
	Deliveries []WebhookDelivery
	Events     []AuditEvent // the event with the ID, or the latest events about the item with the ID
}

// FoundAPIKey is a key that matches a search.
type FoundAPIKey struct {
	APIKey
	Caller *APIKeyCaller // the latest caller that matches, if the key doesn't match by itself
	Allows string        // the network in the key's allowlist that contains the address, if neither does
	Owner  *Member       // the owner who matches, if nothing else does
}

// SearchItems finds the items of a workspace that match text, a few of each kind. If the text contains
// API keys, it finds those. If the text is an ID, it finds the item with that ID and the audit events
// about it. Otherwise, it finds keys by part of their name, description, environment, or prefix, or by the
// IP address or part of the user agent of a caller, by an address in their allowlist, or by their owner; scopes; members by part of their name or email; and
// endpoints by part of their description or URL. Deleted keys and deactivated members come last.
func (s *Store) SearchItems(ctx context.Context, workspaceID, text string) (FoundItems, error) {
	var found FoundItems
	text = strings.TrimSpace(text[:min(len(text), maxSearchText)])
	switch {
	case text == "":
		return found, nil
	case token.Occurs(text):
		return found, s.findSecrets(ctx, workspaceID, text, &found)
	case identifier.MatchString(text):
		return found, s.findByID(ctx, workspaceID, text, &found)
	}
	found.Scopes = s.scopesLike(text)
	return found, errors.Join(
		s.findAPIKeys(ctx, workspaceID, text, &found),
		s.findMembers(ctx, workspaceID, text, &found),
		s.findEndpoints(ctx, workspaceID, text, &found),
	)
}

// findSecrets finds the keys in a text.
func (s *Store) findSecrets(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	digests := digestsIn(text)
	keys, err := s.apiKeysByDigest(ctx, workspaceID, digests)
	if err != nil {
		return err
	}
	for _, digest := range digests {
		if key, ours := keys[digest]; ours && len(found.APIKeys) < MaxFoundAPIKeys {
			found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: key})
		}
	}
	found.More = len(keys) > MaxFoundAPIKeys
	found.Others = len(digests) - len(keys)
	return nil
}

func (s *Store) findByID(ctx context.Context, workspaceID, id string, found *FoundItems) error {
	item := s.with(ctx).Where("workspace_id = ? AND id = ?", workspaceID, id).Session(&gorm.Session{})
	var keys []APIKey
	err := errors.Join(
		item.Find(&keys).Error,
		item.Find(&found.Endpoints).Error,
		item.Find(&found.Deliveries).Error,
		s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.id = ?", workspaceID, id).Find(&found.Members).Error,
		s.with(ctx).Where("workspace_id = ? AND (id = ? OR target_id = ?)", workspaceID, id, id).Where(chained).
			Order("id DESC").Limit(maxFoundItems).Find(&found.Events).Error,
	)
	for _, key := range keys {
		found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: key})
	}
	if err != nil {
		return fmt.Errorf("search by ID: %w", err)
	}
	return nil
}

// findAPIKeys finds keys that match by themselves, then those with a caller that matches, then those whose allowlist
// does, and then those whose owner does.
func (s *Store) findAPIKeys(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	var keys []APIKey
	query := s.with(ctx).Where("workspace_id = ?", workspaceID)
	err := query.Where(matchesKey(query, text)).Order("deleted_at IS NOT NULL").Order("id DESC").Limit(MaxFoundAPIKeys + 1).Find(&keys).Error
	if err != nil {
		return fmt.Errorf("search API keys: %w", err)
	}
	for _, key := range keys {
		found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: key})
	}
	if len(keys) <= MaxFoundAPIKeys {
		if err := errors.Join(s.findCalledAPIKeys(ctx, workspaceID, text, found), s.findAllowingAPIKeys(ctx, workspaceID, text, found), s.findOwnedAPIKeys(ctx, workspaceID, text, found)); err != nil {
			return err
		}
	}
	found.More = len(found.APIKeys) > MaxFoundAPIKeys
	found.APIKeys = found.APIKeys[:min(len(found.APIKeys), MaxFoundAPIKeys)]
	return nil
}

// findCalledAPIKeys finds the keys with a caller that matches, last called first.
func (s *Store) findCalledAPIKeys(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	callers := s.with(ctx).Model(&APIKeyCaller{}).Where("workspace_id = ?", workspaceID)
	if address, err := netip.ParseAddr(text); err == nil {
		callers = callers.Where("address = ?", address.Unmap().String())
	} else if len(text) >= minPart {
		latest := callers.Order("last_seen_at DESC").Limit(searchedCallers)
		callers = s.with(ctx).Table("(?) AS latest", latest)
		callers = callers.Where(contains(callers, text, "user_agent", "address"))
	} else {
		return nil
	}
	ranked := callers.Select("*, row_number() OVER (PARTITION BY api_key_id ORDER BY last_seen_at DESC, address, user_agent) AS place")
	first := s.with(ctx).Table("(?) AS ranked", ranked).Select("api_key_id, address, user_agent").Where("place = 1").
		Order("last_seen_at DESC").Order("api_key_id").Limit(2*MaxFoundAPIKeys + 1) // some of the keys may have been found already
	var matching []APIKeyCaller
	err := s.with(ctx).Where("(api_key_id, address, user_agent) IN (?)", first).Order("last_seen_at DESC").Order("api_key_id").Find(&matching).Error
	if err != nil {
		return fmt.Errorf("search callers: %w", err)
	}
	ids := make([]string, len(matching))
	for i, caller := range matching {
		ids[i] = caller.APIKeyID
	}
	var keys []APIKey
	if err := s.with(ctx).Where("workspace_id = ? AND id IN ?", workspaceID, ids).Find(&keys).Error; err != nil {
		return fmt.Errorf("read API keys of callers: %w", err)
	}
	for i, caller := range matching {
		isCalled := func(key APIKey) bool { return key.ID == caller.APIKeyID }
		if n := slices.IndexFunc(keys, isCalled); n >= 0 && !found.hasKey(caller.APIKeyID) {
			found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: keys[n], Caller: &matching[i]})
		}
	}
	return nil
}

// findAllowingAPIKeys finds the keys with an allowlist of their own that contains an address, or part of a network,
// last created first.
func (s *Store) findAllowingAPIKeys(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	wanted, problem := parseNetwork(text)
	if problem != "" {
		return nil
	}
	var keys []APIKey
	err := s.with(ctx).Where("workspace_id = ? AND deleted_at IS NULL AND allowlist_networks <> ''", workspaceID).Order("id DESC").Find(&keys).Error
	if err != nil {
		return fmt.Errorf("search allowlists: %w", err)
	}
	for _, key := range keys {
		networks, err := key.Allowlist.Prefixes()
		if err != nil {
			return err
		}
		if n := slices.IndexFunc(networks, wanted.Overlaps); n >= 0 && !found.hasKey(key.ID) {
			found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: key, Allows: networks[n].String()})
		}
	}
	return nil
}

// findOwnedAPIKeys finds the keys of owners who match, last created first.
func (s *Store) findOwnedAPIKeys(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	if len(text) < minPart {
		return nil
	}
	query := s.with(ctx).Where("workspace_id = ? AND deleted_at IS NULL", workspaceID)
	var keys []APIKey
	err := query.Where("owner_id IN (?)", ownedByPerson(query, workspaceID, text)).Order("id DESC").Limit(2*MaxFoundAPIKeys + 1).Find(&keys).Error
	if err != nil {
		return fmt.Errorf("search owners: %w", err)
	}
	owners, err := s.OwnersOf(ctx, workspaceID, keys)
	for i := range keys {
		if !found.hasKey(keys[i].ID) {
			found.APIKeys = append(found.APIKeys, FoundAPIKey{APIKey: keys[i], Owner: owners.Of(&keys[i])})
		}
	}
	return err
}

// hasKey reports whether a key was found.
func (f FoundItems) hasKey(id string) bool {
	return slices.ContainsFunc(f.APIKeys, func(key FoundAPIKey) bool { return key.ID == id })
}

func (s *Store) findMembers(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	query := s.with(ctx).Joins("User").Where("members.workspace_id = ?", workspaceID)
	err := searchPeople(query, text).Order("members.deactivated_at IS NOT NULL").Order("members.id DESC").Limit(maxFoundItems).Find(&found.Members).Error
	if err != nil {
		return fmt.Errorf("search members: %w", err)
	}
	return nil
}

func (s *Store) findEndpoints(ctx context.Context, workspaceID, text string, found *FoundItems) error {
	query, columns := s.with(ctx).Where("workspace_id = ?", workspaceID), []string{"description"}
	if actor := ActorOf(ctx); actor.Type != ActorMember || actor.Role.May(ManageWebhooks) {
		columns = append(columns, "url") // others could guess it part by part
	}
	err := query.Where(contains(query, text, columns...)).Order("id DESC").Limit(maxFoundItems).Find(&found.Endpoints).Error
	if err != nil {
		return fmt.Errorf("search webhook endpoints: %w", err)
	}
	return nil
}

// scopesLike returns scopes whose name contains text, ignoring case.
func (s *Store) scopesLike(text string) []scope.Definition {
	var scopes []scope.Definition
	for _, d := range s.Scopes().Definitions(s.Scopes().Known()) {
		if len(text) >= minPart && len(scopes) < maxFoundItems && strings.Contains(d.Name, strings.ToLower(text)) {
			scopes = append(scopes, d)
		}
	}
	return scopes
}

// matchesKey returns a condition for keys whose name, description, environment, or prefix contains text.
// The beginning of a key matches its prefix.
func matchesKey(query *gorm.DB, text string) clause.Expr {
	matches := contains(query, text, "name", "description", "environment", "key_prefix")
	if keyStart.MatchString(text) { // it may be part of a name, too
		return gorm.Expr("(? OR ?)", matches, contains(query, storedPrefix(text), "key_prefix"))
	}
	return matches
}
