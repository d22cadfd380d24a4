package models

import (
	"strings"
	"unicode/utf8"
)

// searchPattern returns a LIKE pattern for text that contains search. It cuts search to just over
// size characters, the length of the longest match, because SQLite rejects very long patterns.
func searchPattern(search string, size int) string {
	return likePattern(storable(search[:min(len(search), utf8.UTFMax*size+1)]))
}

// likePattern returns a LIKE pattern for text that contains search.
func likePattern(search string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search) + "%"
}
