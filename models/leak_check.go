package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/skipup/keys/models/token"
)

const (
	// MaxFoundKeys limits how many different keys a leak check reports.
	MaxFoundKeys = 1000
	// maxPlaces limits how many places are reported for a key.
	maxPlaces = 10
	// digestsAtOnce limits how many keys one query looks up.
	digestsAtOnce = 500
)

// FoundKeys collects up to MaxFoundKeys different keys found in text, and where they were found. It
// holds only digests, not keys. The zero value is empty.
type FoundKeys struct {
	More  bool // more than MaxFoundKeys different keys were found
	keys  map[token.Digest]*foundKey
	order []token.Digest
}

type foundKey struct {
	places []Place
	times  int
}

// Place is where a key was found.
type Place struct {
	Source string // name of the text
	Line   int64  // from 1
}

// Add adds a key that was found in the text named source.
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

// Leak is a key of the workspace that was found in text.
type Leak struct {
	Key    APIKey
	Times  int     // number of times that the key was found
	Places []Place // the first ten
	// Descendants are the keys that the key created and that can still be used, oldest first.
	Descendants []APIKey
}

// LeakReport is the result of a leak check.
type LeakReport struct {
	Leaks  []Leak // in the order found
	Others int    // number of different keys that don't belong to the workspace
	More   bool   // some keys were not checked
}

// Clean reports whether no keys were found.
func (r LeakReport) Clean() bool { return len(r.Leaks) == 0 && r.Others == 0 }

// CheckLeaks looks up the found keys in a workspace, including its deleted keys, and records leaks in
// the audit log. Keys of other workspaces are counted together with keys that don't exist, so that the
// result reveals nothing about other workspaces.
func (s *Store) CheckLeaks(ctx context.Context, workspaceID string, found FoundKeys) (LeakReport, error) {
	report := LeakReport{More: found.More}
	if len(found.order) == 0 {
		return report, nil
	}
	err := s.Tx(ctx, func(tx *Store) error {
		keys, err := tx.apiKeysByDigest(ctx, workspaceID, found.order)
		if err != nil {
			return err
		}
		var ids []string
		for _, key := range keys {
			ids = append(ids, key.ID)
		}
		descendants, err := tx.Descendants(ctx, workspaceID, ids)
		if err != nil {
			return err
		}
		report.Leaks = nil // Tx may repeat this
		for _, digest := range found.order {
			if key, ours := keys[digest]; ours {
				report.Leaks = append(report.Leaks, Leak{
					Key: key, Times: found.keys[digest].times, Places: found.keys[digest].places, Descendants: descendants[key.ID],
				})
			}
		}
		report.Others = len(found.order) - len(report.Leaks)
		return tx.auditLeaks(ctx, workspaceID, report)
	})
	return report, err
}

// apiKeysByDigest returns the keys of a workspace that have one of the digests.
func (s *Store) apiKeysByDigest(ctx context.Context, workspaceID string, digests []token.Digest) (map[token.Digest]APIKey, error) {
	keys := map[token.Digest]APIKey{}
	for batch := range slices.Chunk(digests, digestsAtOnce) {
		var rows []APIKey
		if err := s.with(ctx).Where("workspace_id = ? AND digest IN ?", workspaceID, batch).Find(&rows).Error; err != nil {
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
		s.notifyManagers(ctx, KeyFoundLeakedNotice, &leak.Key)
		err := s.audit(ctx, workspaceID, "api_key.found_leaked", leak.Key.target(),
			map[string]string{"key_prefix": leak.Key.KeyPrefix, "times": strconv.Itoa(leak.Times)})
		if err != nil {
			return err
		}
	}
	return s.audit(ctx, workspaceID, "api_key.leak_checked", target{"workspace", workspaceID, workspace.Name},
		map[string]string{"keys": strconv.Itoa(len(report.Leaks)), "other_keys": strconv.Itoa(report.Others)})
}
