package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

// NodeToken is the credential of nodes that reach the database only through a server. It lets them do what
// a NodeSource does.
type NodeToken struct {
	ID          string
	Name        string
	WorkspaceID *string // whose keys the nodes may verify; nil for all
	Digest      token.Digest
	CreatedAt   time.Time
	RevokedAt   *time.Time
	Nodes       int `gorm:"-"` // number of registered nodes; only NodeTokens sets it
}

// CreateNodeToken creates a credential for nodes, for the keys of a workspace or, if workspaceID is empty, of
// all workspaces. The secret can't be shown again.
func (s *Store) CreateNodeToken(ctx context.Context, name, workspaceID string) (*NodeToken, token.Secret, error) {
	if err := CheckNodeName(name); err != nil {
		return nil, token.Secret{}, err
	}
	secret := token.NewNodeToken()
	created := NodeToken{ID: s.id("ntk"), Name: name, WorkspaceID: optional(workspaceID), Digest: secret.Digest(), CreatedAt: s.now()}
	err := s.Tx(ctx, func(tx *Store) error {
		err := tx.with(ctx).Create(&created).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return Errorf(FailedPrecondition, "There is a credential with this name. Choose another name, or revoke that credential first.")
		}
		if err != nil {
			return fmt.Errorf("insert node credential: %w", err)
		}
		return tx.audit(ctx, workspaceID, "node_token.created", target{"node_token", created.ID, name}, nil)
	})
	if err != nil {
		return nil, token.Secret{}, err
	}
	return &created, secret, nil
}

// NodeTokens returns all credentials of nodes, including revoked ones, oldest first.
func (s *Store) NodeTokens(ctx context.Context) ([]NodeToken, error) {
	var tokens []NodeToken
	if err := s.with(ctx).Order("id").Find(&tokens).Error; err != nil {
		return nil, fmt.Errorf("read node credentials: %w", err)
	}
	nodes, err := s.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	registered := map[string]int{}
	for _, node := range nodes {
		registered[node.TokenID]++
	}
	for i := range tokens {
		tokens[i].Nodes = registered[tokens[i].ID]
	}
	return tokens, nil
}

// RevokeNodeToken revokes the credential with a name, and returns once no node verifies keys with it. If any
// are registered, that takes one lease plus 5%, because they can't confirm the change. Effect.SilentNodes
// has their names.
func (s *Store) RevokeNodeToken(ctx context.Context, name string) (Effect, error) {
	return s.changeKeys(ctx, func(tx *Store) ([]*APIKey, error) {
		var revoked NodeToken
		update := tx.with(ctx).Raw("UPDATE node_tokens SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING "+columnsOf(revoked, "node_tokens"), tx.now(), name).Scan(&revoked)
		if update.Error != nil {
			return nil, fmt.Errorf("revoke node credential: %w", update.Error)
		}
		if update.RowsAffected == 0 {
			return nil, Errorf(NotFound, `There is no such credential, or it is revoked already. "skipup nodes token list" prints them.`)
		}
		var workspaceID string
		if revoked.WorkspaceID != nil {
			workspaceID = *revoked.WorkspaceID
		}
		return nil, tx.audit(ctx, workspaceID, "node_token.revoked", target{"node_token", revoked.ID, name}, nil)
	})
}

// NodeTokenByDigest returns the credential with a digest. It returns NotFound if there is none or it is
// revoked.
func (s *Store) NodeTokenByDigest(ctx context.Context, digest token.Digest) (*NodeToken, error) {
	var found NodeToken
	if err := s.with(ctx).Where("digest = ? AND revoked_at IS NULL", digest).Take(&found).Error; err != nil {
		return nil, notFound(err, "node credential")
	}
	return &found, nil
}
