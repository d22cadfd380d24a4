package models

import (
	"context"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/oklog/ulid/v2"
	"gorm.io/gorm/clause"
)

// UsageBatch is what one node has counted since its last batch.
type UsageBatch struct {
	ID      string `cbor:"-"` // random; a batch that is stored already is not counted again
	Routes  []UsageRoute
	Callers []UsageCaller
	Tallies []UsageTally
}

// UsageRoute is a route of the API, such as "GET /me", and the word of the scope that it needs.
// The empty one is for requests that no route has answered.
type UsageRoute struct {
	_           struct{} `cbor:",toarray"`
	Name, Scope string
}

// UsageCaller is who sends requests with a key. The empty one is for all who are not told apart.
type UsageCaller struct {
	_                  struct{} `cbor:",toarray"`
	Address, UserAgent string
}

// UsageTally is how many requests came with one key from one caller to one route, within one
// hour, and were answered alike.
type UsageTally struct {
	_              struct{} `cbor:",toarray"`
	Key, Workspace ulid.ULID
	Route, Caller  int // indexes into the batch's
	StatusClass    int // the first digit of the status
	Refusal        Refusal
	Requests       int64
	First, Last    int64 // milliseconds since 1970
}

// Refusal is why a request with a known key was not let through.
type Refusal string

// The refusals.
const (
	Accepted         Refusal = ""
	RefusedDeleted   Refusal = "deleted"
	RefusedExpired   Refusal = "expired"
	RefusedScope     Refusal = "scope"      // the key lacks the scope of the route
	RefusedRateLimit Refusal = "rate_limit" // too many requests
)

// RefusalOf is the refusal of a key in a dead state.
func RefusalOf(state KeyState) Refusal {
	if state == KeyDeleted {
		return RefusedDeleted
	}
	return RefusedExpired
}

// usageBatch is a stored batch. Its body is empty once it has been folded.
type usageBatch struct {
	ID        string
	Body      []byte
	FoldedAt  *time.Time
	CreatedAt time.Time
}

// AppendUsage stores a batch, as one row: what it costs does not grow with the number of keys.
// A batch whose answer was lost may be sent again, as long as it is the same: it is counted
// once.
func (s *Store) AppendUsage(ctx context.Context, batch UsageBatch) error {
	batch.Callers = storableCallers(batch.Callers)
	body, err := cbor.Marshal(batch)
	if err != nil {
		return fmt.Errorf("encode usage: %w", err)
	}
	row := usageBatch{ID: batch.ID, Body: body, CreatedAt: s.now()}
	if err := s.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("append usage: %w", err)
	}
	return nil
}

// storableCallers are callers as they may be stored: what they say of themselves comes from
// outside, and may be no text at all, or a key.
func storableCallers(callers []UsageCaller) []UsageCaller {
	storable := make([]UsageCaller, len(callers))
	for i, caller := range callers {
		storable[i] = UsageCaller{Address: clip(caller.Address, maxUserAgent), UserAgent: clip(caller.UserAgent, maxUserAgent)}
	}
	return storable
}

// foldBatches is how many batches are folded in one transaction: a minute's of one node.
const foldBatches = 60

// FoldUsage adds the stored batches to the counts by hour and by day, to the callers and to the
// last use of the keys. Many batches of a key become one row that is written once. It is called
// now and then, and by who wants to read what the batches say. Nodes may fold at once.
func (s *Store) FoldUsage(ctx context.Context) error {
	for {
		// Looking comes first: on SQLite a transaction keeps all others from writing.
		var waiting int64
		if err := s.with(ctx).Model(&usageBatch{}).Where("folded_at IS NULL").Limit(1).Count(&waiting).Error; err != nil {
			return fmt.Errorf("look for usage batches: %w", err)
		}
		if waiting == 0 {
			return nil
		}
		var after []string
		var batches int
		err := s.Tx(ctx, func(tx *Store) (err error) {
			batches, after, err = tx.foldSome(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if len(after) > 0 {
			s.acceptedAfterDeletion(after)
		}
		if batches < foldBatches {
			return nil
		}
	}
}

// foldSome folds the oldest batches. Their rows are locked, so that nobody folds them too.
func (s *Store) foldSome(ctx context.Context) (batches int, usedAfterDeletion []string, err error) {
	query := s.with(ctx).Where("folded_at IS NULL").Order("created_at, id").Limit(foldBatches)
	if s.dialect.name == postgresql {
		query = query.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var stored []usageBatch
	if err := query.Find(&stored).Error; err != nil {
		return 0, nil, fmt.Errorf("read usage batches: %w", err)
	}
	if len(stored) == 0 {
		return 0, nil, nil
	}
	sums, ids := newUsageSums(), make([]string, len(stored))
	for i, row := range stored {
		var batch UsageBatch
		if err := cbor.Unmarshal(row.Body, &batch); err != nil {
			return 0, nil, fmt.Errorf("decode usage batch %s: %w", row.ID, err)
		}
		sums.add(batch)
		ids[i] = row.ID
	}
	if usedAfterDeletion, err = s.addUsage(ctx, sums); err != nil {
		return 0, nil, err
	}
	if err := s.with(ctx).Model(&usageBatch{}).Where("id IN ?", ids).UpdateColumns(map[string]any{"folded_at": s.now(), "body": []byte{}}).Error; err != nil {
		return 0, nil, fmt.Errorf("mark usage batches: %w", err)
	}
	return len(stored), usedAfterDeletion, nil
}

// addUsage writes sums into the tables, and lists the keys that were used after their deletion
// was in force.
func (s *Store) addUsage(ctx context.Context, sums *usageSums) (usedAfterDeletion []string, err error) {
	if err := s.addCounts(ctx, sums.counts); err != nil {
		return nil, err
	}
	// From here on the rows of the keys are locked: it is short, since a deletion may wait.
	if err := s.lockKeys(ctx, sums.keys); err != nil {
		return nil, err
	}
	if err := s.addCallers(ctx, sums.callers); err != nil {
		return nil, err
	}
	return s.moveLastUses(ctx, sums.lastUses)
}
