package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/skipup/keys/models/token"
)

const (
	// MaxFoundKeys is how many different keys a leak check tells apart.
	MaxFoundKeys = 1000
	// maxPlaces is how many places of a key are told.
	maxPlaces = 10
	// digestsAtOnce is how many keys are looked up with one query.
	digestsAtOnce = 500
)

// FoundKeys gathers the keys that a search finds in texts, and where; of a thousand different
// ones at most. It holds no key, only digests. The zero value is empty.
type FoundKeys struct {
	More  bool // there were more different keys than are told apart
	keys  map[token.Digest]*foundKey
	order []token.Digest
}

type foundKey struct {
	places []Place
	times  int
}

// Place is where a key was found.
type Place struct {
	Source string // what the text is called
	Line   int64  // from 1
}

// Add notes that a search of the text source has found a key.
func (f *FoundKeys) Add(source string, finding token.Finding) {
	key, known := f.keys[finding.Digest]
	if !known {
		if len(f.order) == MaxFoundKeys {
			f.More = true
			return
		}
		if f.keys == nil {
			f.keys = map[token.Digest]*foundKey{}
		}
		key = &foundKey{}
		f.keys[finding.Digest] = key
		f.order = append(f.order, finding.Digest)
	}
	key.times++
	if place := (Place{source, finding.Line}); len(key.places) < maxPlaces && !slices.Contains(key.places, place) {
		key.places = append(key.places, place)
	}
}

// Leak is a key of the workspace that was found.
type Leak struct {
	Key    APIKey
	Times  int     // that it was found
	Places []Place // the first ten of them
}

// LeakReport is what a leak check has found.
type LeakReport struct {
	Leaks  []Leak // in the order in which they were found
	Others int    // different keys that are none of this workspace
	More   bool   // not all were looked at
}

// Clean reports whether nothing was found.
func (r LeakReport) Clean() bool { return len(r.Leaks) == 0 && r.Others == 0 }

// CheckLeaks looks found up among the keys of a workspace, deleted ones too, and notes in the
// audit log that something was found. Keys of others are counted with those that nobody has, so
// that nobody learns by it what there is elsewhere.
func (s *Store) CheckLeaks(ctx context.Context, workspaceID string, found FoundKeys) (LeakReport, error) {
	report := LeakReport{More: found.More}
	if len(found.order) == 0 {
		return report, nil
	}
	if err := s.FoldUsage(ctx); err != nil {
		return report, err
	}
	err := s.Tx(ctx, func(tx *Store) error {
		keys, err := tx.apiKeysByDigest(ctx, workspaceID, found.order)
		if err != nil {
			return err
		}
		for _, digest := range found.order {
			if key, ours := keys[digest]; ours {
				report.Leaks = append(report.Leaks, Leak{Key: key, Times: found.keys[digest].times, Places: found.keys[digest].places})
			}
		}
		report.Others = len(found.order) - len(report.Leaks)
		return tx.auditLeaks(ctx, workspaceID, report)
	})
	return report, err
}

// apiKeysByDigest are the keys of a workspace that have one of digests.
func (s *Store) apiKeysByDigest(ctx context.Context, workspaceID string, digests []token.Digest) (map[token.Digest]APIKey, error) {
	keys := map[token.Digest]APIKey{}
	for portion := range slices.Chunk(digests, digestsAtOnce) {
		var rows []APIKey
		if err := s.with(ctx).Where("workspace_id = ? AND digest IN ?", workspaceID, portion).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read API keys by digest: %w", err)
		}
		for _, row := range rows {
			keys[row.Digest] = row
		}
	}
	return keys, nil
}

func (s *Store) auditLeaks(ctx context.Context, workspaceID string, report LeakReport) error {
	workspace, err := s.Workspace(ctx, workspaceID)
	if err != nil {
		return err
	}
	for _, leak := range report.Leaks {
		err := s.audit(ctx, workspaceID, "api_key.found_leaked", leak.Key.target(),
			map[string]string{"key_prefix": leak.Key.KeyPrefix, "times": strconv.Itoa(leak.Times)})
		if err != nil {
			return err
		}
	}
	return s.audit(ctx, workspaceID, "api_key.leak_checked", target{"workspace", workspaceID, workspace.Name},
		map[string]string{"keys": strconv.Itoa(len(report.Leaks)), "other_keys": strconv.Itoa(report.Others)})
}
