package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// maxOwnerChoices limits the members that PossibleOwners returns to what a person can choose from.
const maxOwnerChoices = 100

// maxOwners limits KeyOwners.IDs.
const maxOwners = 50

const mustBeActive = "must be an active member of this workspace"

// checkOwner returns the member who is to own a key. It adds an error unless they can: someone who can't sign in can't
// take care of a key.
func (s *Store) checkOwner(ctx context.Context, fields Fields, workspaceID, id string) (*Member, error) {
	owner, err := s.Member(ctx, workspaceID, storable(id))
	switch {
	case IsKind(err, NotFound):
	case err != nil:
		return nil, err
	case owner.State() == MemberActive:
		return owner, nil
	}
	fields.add("owner_id", mustBeActive)
	return nil, nil
}

// defaultOwner returns the ID of the owner of a new key for which none is given: who creates it, or the owner of the key
// that creates it. It returns "" for the operator.
func defaultOwner(ctx context.Context, creator *APIKey) string {
	switch actor := ActorOf(ctx); {
	case creator != nil:
		return creator.ownerID()
	case actor.Type == ActorMember:
		return actor.ID
	}
	return ""
}

// ownerID returns the ID of the key's owner, or "" if it has none.
func (k *APIKey) ownerID() string {
	if k.OwnerID == nil {
		return ""
	}
	return *k.OwnerID
}

// AssignAPIKeys makes a member the owner of keys, all or none. It returns the number of keys that had another owner.
// It returns Invalid for someone who isn't an active member, and NotFound if a key is missing or deleted.
func (s *Store) AssignAPIKeys(ctx context.Context, workspaceID string, ids []string, ownerID string) (assigned int, err error) {
	if err := checkSelection(ids); err != nil {
		return 0, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(storableAll(ids))))
	err = s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.lockWorkspace(ctx, workspaceID); err != nil {
			return err
		}
		if err := tx.lockKeys(ctx, ids); err != nil {
			return err
		}
		keys, err := tx.keysByID(ctx, workspaceID, ids)
		if err != nil {
			return err
		}
		if len(keys) < len(ids) || slices.ContainsFunc(keys, func(k APIKey) bool { return k.DeletedAt != nil }) {
			return Errorf(NotFound, "Nothing was changed because one of these keys no longer exists. Review the list and try again.")
		}
		assigned, err = tx.assign(ctx, workspaceID, keys, ownerID)
		return err
	})
	return assigned, err
}

// assign makes a member the owner of keys whose rows are locked, as their workspace is, so that the member stays active
// until the transaction ends. It returns the number of keys that had another owner.
func (s *Store) assign(ctx context.Context, workspaceID string, keys []APIKey, ownerID string) (int, error) {
	fields := Fields{}
	owner, err := s.checkOwner(ctx, fields, workspaceID, ownerID)
	if err != nil {
		return 0, err
	}
	if err := fields.err(); err != nil {
		return 0, err
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k APIKey) bool { return k.ownerID() == owner.ID })
	before, err := s.ownersOf(ctx, workspaceID, keys)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(APIKeyIDs(keys), maxIDs) {
		update := s.with(ctx).Model(&APIKey{}).Where("workspace_id = ? AND id IN ?", workspaceID, some).Update("owner_id", owner.ID)
		if update.Error != nil {
			return 0, fmt.Errorf("update owner of API keys: %w", update.Error)
		}
	}
	for i := range keys {
		key := &keys[i]
		was := before[key.ownerID()]
		key.OwnerID, key.UpdatedAt = &owner.ID, s.now()
		if err := s.auditOwner(ctx, key, was, owner); err != nil {
			return 0, err
		}
		if err := s.publishKey(ctx, APIKeyUpdatedEvent, key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// auditOwner records that a key has another owner. There may have been none before.
func (s *Store) auditOwner(ctx context.Context, key *APIKey, before, owner *Member) error {
	details := map[string]string{"to": owner.DisplayName(), "owner_id": owner.ID}
	if before != nil {
		details["from"] = before.DisplayName()
	}
	return s.audit(ctx, key.WorkspaceID, "api_key.owner_changed", key.target(), details)
}

// OwnerChoices are the members who can own keys.
type OwnerChoices struct {
	Members []Member // by name, with their users; none if there are too many
	TooMany bool     // to choose from; FindOwner finds one of them
}

// PossibleOwners returns the members who can own keys.
func (s *Store) PossibleOwners(ctx context.Context, workspaceID string) (OwnerChoices, error) {
	var members []Member
	if err := s.possibleOwners(ctx, workspaceID).Order("lower(" + namedMember + "), members.id").Limit(maxOwnerChoices + 1).Find(&members).Error; err != nil {
		return OwnerChoices{}, fmt.Errorf("read possible owners: %w", err)
	}
	if len(members) > maxOwnerChoices {
		return OwnerChoices{TooMany: true}, nil
	}
	return OwnerChoices{Members: members}, nil
}

func (s *Store) possibleOwners(ctx context.Context, workspaceID string) *gorm.DB {
	return s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.deactivated_at IS NULL AND NOT members.pending", workspaceID)
}

// FindOwner returns the ID of the member whom a person entered as the owner of a key: by ID, by email, or by a part of
// the name that no other member has. It returns Invalid if none or several match, and "" for "".
func (s *Store) FindOwner(ctx context.Context, workspaceID, entered string) (string, error) {
	entered = strings.TrimSpace(entered)
	if entered == "" {
		return "", nil
	}
	// The current owner of a key may be deactivated.
	var found []Member
	exact := s.with(ctx).Joins("User").Where(`members.workspace_id = ? AND (members.id = ? OR "User".email = ?)`, workspaceID, storable(entered), storable(strings.ToLower(entered)))
	if err := exact.Find(&found).Error; err != nil {
		return "", fmt.Errorf("find owner: %w", err)
	}
	if len(found) == 1 {
		return found[0].ID, nil
	}
	query := s.possibleOwners(ctx, workspaceID)
	err := query.Where("?", contains(query, entered, nameOfMember)).Order("length(" + nameOfMember + "), members.id").Limit(2).Find(&found).Error // the whole name first
	if err != nil {
		return "", fmt.Errorf("find owner: %w", err)
	}
	if len(entered) > maxSearch { // more than was compared
		found = nil
	}
	isNamed := func(m *Member) bool { return strings.EqualFold(foldName(m.Name()), foldName(entered)) }
	switch {
	case len(found) == 0:
		return "", invalidOwner(mustBeActive)
	case len(found) > 1 && (!isNamed(&found[0]) || isNamed(&found[1])):
		return "", invalidOwner("matches several members; enter an email, such as " + found[0].User.Email + " or " + found[1].User.Email)
	}
	return found[0].ID, nil
}

func invalidOwner(message string) error { return Fields{"owner_id": message}.err() }

// KeyOwners are the owners of keys in a workspace.
type KeyOwners struct {
	ByID      map[string]*Member // with their users
	IDs       []string           // of those who own most of the keys that aren't deleted, most first
	SomeUnset bool               // such a key has no owner
}

// Of returns the owner of a key, or nil if it has none.
func (o KeyOwners) Of(key *APIKey) *Member { return o.ByID[key.ownerID()] }

// OwnersOf returns the owners of keys in a workspace.
func (s *Store) OwnersOf(ctx context.Context, workspaceID string, keys []APIKey) (KeyOwners, error) {
	byID, err := s.ownersOf(ctx, workspaceID, keys)
	return KeyOwners{ByID: byID}, err
}

// AllKeyOwners returns the owners of keys in a workspace, and those who own most keys.
func (s *Store) AllKeyOwners(ctx context.Context, workspaceID string, keys []APIKey) (KeyOwners, error) {
	var most []APIKey
	err := s.with(ctx).Select("owner_id").Where("workspace_id = ? AND deleted_at IS NULL", workspaceID).
		Group("owner_id").Order("count(*) DESC, owner_id").Limit(maxOwners).Find(&most).Error
	if err != nil {
		return KeyOwners{}, fmt.Errorf("read owners of API keys: %w", err)
	}
	owners, err := s.OwnersOf(ctx, workspaceID, slices.Concat(keys, most))
	for i := range most {
		if id := most[i].ownerID(); owners.ByID[id] != nil {
			owners.IDs = append(owners.IDs, id)
		} else {
			owners.SomeUnset = true
		}
	}
	return owners, err
}

// ownersOf returns the owners of keys by their IDs.
func (s *Store) ownersOf(ctx context.Context, workspaceID string, keys []APIKey) (map[string]*Member, error) {
	var ids []string
	for i := range keys {
		ids = append(ids, keys[i].ownerID())
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	owners := make(map[string]*Member, len(ids))
	for some := range slices.Chunk(ids, maxIDs) {
		var members []Member
		if err := s.with(ctx).Joins("User").Where("members.workspace_id = ? AND members.id IN ?", workspaceID, some).Find(&members).Error; err != nil {
			return nil, fmt.Errorf("read owners of API keys: %w", err)
		}
		for i := range members {
			owners[members[i].ID] = &members[i]
		}
	}
	return owners, nil
}

// ownedByPerson returns a condition for keys whose owner's name contains text, or whose owner has the email.
func ownedByPerson(query *gorm.DB, workspaceID, text string) *gorm.DB {
	people := query.Session(&gorm.Session{NewDB: true}).Model(&Member{}).Select("members.id").Joins(`JOIN users AS "User" ON "User".id = members.user_id`).
		Where("members.workspace_id = ?", workspaceID)
	return people.Where(`(? OR "User".email = ?)`, contains(query, text, nameOfMember), storable(text))
}

// adoptKeysSQL gives keys that programs without owners created the owner that they would have now: the member who
// created them, directly or through other keys.
// It follows only keys without an owner, because it runs regularly and there are hardly any.
const adoptKeysSQL = `WITH RECURSIVE origin (id, type, creator_id) AS (
		SELECT id, created_by_type, created_by_id FROM api_keys WHERE owner_id IS NULL AND created_by_type IN ('member', 'api_key')
		UNION
		SELECT origin.id, k.created_by_type, k.created_by_id FROM origin JOIN api_keys k ON k.id = origin.creator_id WHERE origin.type = 'api_key'
	)
	UPDATE api_keys SET owner_id = origin.creator_id FROM origin WHERE origin.id = api_keys.id AND origin.type = 'member' AND api_keys.owner_id IS NULL`

// adoptKeys does what the migration that added owners did, for keys that programs of earlier versions created since.
func (s *Store) adoptKeys(ctx context.Context) error {
	if err := s.with(ctx).Exec(adoptKeysSQL).Error; err != nil {
		return fmt.Errorf("set owners of API keys: %w", err)
	}
	return nil
}
