package models

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/skipup/keys/models/token"
)

// NameKeys returns text with each API key replaced by its ID, or by its prefix if the key doesn't
// belong to the workspace. Deleted keys have an ID, too.
func (s *Store) NameKeys(ctx context.Context, workspaceID, text string) (string, error) {
	var digests []token.Digest
	token.Replace(text, func(f token.Finding) string {
		digests = append(digests, f.Digest)
		return ""
	})
	keys, err := s.apiKeysByDigest(ctx, workspaceID, digests)
	if err != nil {
		return "", err
	}
	return token.Replace(text, func(f token.Finding) string {
		if key, known := keys[f.Digest]; known {
			return key.ID
		}
		return f.Hint
	}), nil
}

// searchPattern returns a LIKE pattern for text that contains search. It cuts search to just over
// size characters, the length of the longest match, because SQLite rejects very long patterns.
func searchPattern(search string, size int) string {
	return likePattern(storable(search[:min(len(search), utf8.UTFMax*size+1)]))
}

// likePattern returns a LIKE pattern for text that contains search.
func likePattern(search string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search) + "%"
}
