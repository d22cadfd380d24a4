package models

import (
	"context"
	"errors"
	"fmt"
)

// sealedTables are the tables whose column sealed is encrypted for the row's ID.
var sealedTables = []struct{ name, what, owner string }{
	{"webhook_secrets", "secret of webhook endpoint", "endpoint_id"},
	{"second_factors", "second factor of user", "user_id"},
}

// ResealSecrets encrypts all secrets with the current encryption key, so that older keys can be removed from
// the configuration. It returns the number of secrets that it encrypted again. It skips secrets that can't
// be decrypted and lists them in the error.
func (s *Store) ResealSecrets(ctx context.Context) (int, error) {
	resealed, unreadable := 0, []error{}
	for _, table := range sealedTables {
		var rows []struct {
			ID, Owner string
			Sealed    []byte
		}
		if err := s.with(ctx).Table(table.name).Select("id, sealed, " + table.owner + " AS owner").Order("id").Find(&rows).Error; err != nil {
			return resealed, fmt.Errorf("read %s: %w", table.name, err)
		}
		for _, row := range rows {
			if !s.sealer.needsResealing(row.Sealed) {
				continue
			}
			text, err := s.sealer.open(row.Sealed, row.ID)
			if err != nil {
				unreadable = append(unreadable, fmt.Errorf("decrypt %s %s: %w", table.what, row.Owner, err))
				continue
			}
			sealed, err := s.sealer.seal(text, row.ID)
			if err != nil {
				return resealed, err
			}
			if err := s.with(ctx).Table(table.name).Where("id = ?", row.ID).UpdateColumn("sealed", sealed).Error; err != nil {
				return resealed, fmt.Errorf("write %s: %w", table.name, err)
			}
			resealed++
		}
	}
	return resealed, errors.Join(unreadable...)
}
