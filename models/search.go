package models

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/token"
)

// NameKeys returns text with each API key replaced by its ID, or by its prefix if the key doesn't
// belong to the workspace. Deleted keys have an ID, too.
func (s *Store) NameKeys(ctx context.Context, workspaceID, text string) (string, error) {
	keys, err := s.apiKeysByDigest(ctx, workspaceID, digestsIn(text))
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

// digestsIn returns the digests of the different keys in text, in the order found.
func digestsIn(text string) []token.Digest {
	var digests []token.Digest
	token.Replace(text, func(f token.Finding) string {
		if !slices.Contains(digests, f.Digest) {
			digests = append(digests, f.Digest)
		}
		return ""
	})
	return digests
}

// maxSearch is the number of bytes of a search that are used. No name or email is longer, and SQLite
// rejects very long patterns.
const maxSearch = utf8.UTFMax*maxEmail + 1

// contains returns a condition for rows of a query in which one of columns contains text, ignoring
// case and what foldName ignores.
func contains(query *gorm.DB, text string, columns ...string) clause.Expr {
	pattern := likePattern(foldName(storable(text[:min(len(text), maxSearch)])))
	conditions, args := make([]string, len(columns)), make([]any, len(columns))
	for i, column := range columns {
		conditions[i], args[i] = "lower("+folded(query, column)+`) LIKE lower(?) ESCAPE '\'`, pattern
	}
	return gorm.Expr("("+strings.Join(conditions, " OR ")+")", args...)
}

// likePattern returns a LIKE pattern for text that contains search.
func likePattern(search string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search) + "%"
}

// keyStart matches the beginning of a key, with or without the dots that stand for the rest.
var keyStart = regexp.MustCompile(`^([a-z][a-z0-9]+_(?:live|test)_[0-9A-Za-z]{4})[0-9A-Za-z]*\.*$`)

// storedPrefix returns the prefix that is stored of a key that begins with text. It returns other text
// as it can be stored.
func storedPrefix(text string) string {
	if start := keyStart.FindStringSubmatch(text); start != nil {
		return start[1] + "...."
	}
	return storable(text)
}
