package models

import (
	"context"
	"fmt"

	"github.com/skipup/keys/models/token"
)

// DamagedKeyError reports that a key can't be used because something in its row is invalid. Other keys aren't affected.
type DamagedKeyError struct {
	KeyID       string
	WorkspaceID string // empty if unknown
	Err         error
}

func (e *DamagedKeyError) Error() string {
	return fmt.Sprintf("the row of API key %q is damaged: %v", e.KeyID, e.Err)
}

// Unwrap returns what is invalid.
func (e *DamagedKeyError) Unwrap() error { return e.Err }

// explainUnread returns a *DamagedKeyError if err means that the row of a key can't be read although the database
// works, and err otherwise.
func (s *Store) explainUnread(ctx context.Context, digest token.Digest, err error) error {
	if IsKind(err, NotFound) || IsUnavailable(err) {
		return err
	}
	var key struct{ ID, WorkspaceID string }
	if s.with(ctx).Model(&APIKey{}).Select("id, workspace_id").Where("digest = ?", digest).Scan(&key).Error != nil || key.ID == "" {
		return err
	}
	return &DamagedKeyError{key.ID, key.WorkspaceID, err}
}
