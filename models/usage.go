package models

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm/clause"
)

// UsageBatch is what one node has counted since its last batch.
type UsageBatch struct {
	ID      string // random; a batch that is stored already is not counted again
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
	RefusedPaused    Refusal = "paused"
	RefusedScope     Refusal = "scope"      // the key lacks the scope of the route
	RefusedRateLimit Refusal = "rate_limit" // too many requests
)

// RefusalOf is the refusal of a key in a state in which none of its requests is accepted.
func RefusalOf(state KeyStatus) Refusal {
	switch state {
	case KeyDeleted:
		return RefusedDeleted
	case KeyPaused:
		return RefusedPaused
	}
	return RefusedExpired
}

// usageBatch is a stored batch. Its body is empty once it has been folded, unless nobody could
// read it.
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
	body, err := batch.encode()
	if err != nil {
		return err
	}
	row := usageBatch{ID: batch.ID, Body: body, CreatedAt: s.now()}
	if err := s.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("append usage: %w", err)
	}
	return nil
}

// Storable is c as it may be stored: what a caller says of itself comes from outside, and may be
// as long as a header can be, no text at all, or a key.
func (c UsageCaller) Storable() UsageCaller {
	return UsageCaller{Address: clip(c.Address, maxUserAgent), UserAgent: clip(c.UserAgent, maxUserAgent)}
}

func storableCallers(callers []UsageCaller) []UsageCaller {
	storable := make([]UsageCaller, len(callers))
	for i, caller := range callers {
		storable[i] = caller.Storable()
	}
	return storable
}

// What is folded in one transaction: so many bytes of batches are merged, which is half a minute
// of ten thousand keys and bounds the memory that it takes, and so many of the tallies that come
// of it are written, which bounds how long a deletion waits for it on SQLite. There, who waits to
// write gets a turn in between.
const (
	foldBytes   = 8 << 20
	foldTallies = statementRows
	foldPause   = 50 * time.Millisecond
)

// FoldUsage adds the stored batches to the counts by hour and by day, to the uses of routes, to
// the callers and to the last use of the keys. Batches are merged first, so that a row is written
// once however many of them tell of it. It is called now and then, and by who wants to read what
// the batches say. Nodes may fold at once; within one, there is one fold at a time.
func (s *Store) FoldUsage(ctx context.Context) error {
	select {
	case s.folding <- struct{}{}:
		defer func() { <-s.folding }()
	case <-ctx.Done(): // the one before may have an hour to add up
		return fmt.Errorf("wait to fold usage: %w", ctx.Err())
	}
	for portion := 0; ; portion++ {
		// Looking comes first: on SQLite a transaction keeps all others from writing.
		ids, err := s.nextToFold(ctx)
		if err != nil || len(ids) == 0 {
			return err
		}
		if portion > 0 && s.dialect.name == sqlite {
			if err := sleep(ctx, foldPause); err != nil {
				return err
			}
		}
		var after []string
		err = s.Tx(ctx, func(tx *Store) (err error) {
			after, err = tx.fold(ctx, ids)
			return err
		})
		if err != nil {
			return err
		}
		if len(after) > 0 {
			s.acceptedAfterDeletion(after)
		}
	}
}

// nextToFold are the oldest batches that wait.
func (s *Store) nextToFold(ctx context.Context) (ids []string, err error) {
	var waiting []struct {
		ID   string
		Size int
	}
	err = s.with(ctx).Model(&usageBatch{}).Select("id, length(body) AS size").Where("folded_at IS NULL").
		Order("created_at, id").Limit(statementRows).Scan(&waiting).Error
	if err != nil {
		return nil, fmt.Errorf("look for usage batches: %w", err)
	}
	size := 0
	for _, batch := range waiting {
		if size += batch.Size; size > foldBytes && len(ids) > 0 {
			break
		}
		ids = append(ids, batch.ID)
	}
	return ids, nil
}

// fold folds batches, less those that somebody else has folded meanwhile. Their rows are
// locked, so that nobody folds them too. What is too much for one transaction goes back as a
// batch of its own, in place of those that it comes from.
func (s *Store) fold(ctx context.Context, ids []string) (usedAfterDeletion []string, err error) {
	query := s.with(ctx).Where("id IN ? AND folded_at IS NULL", ids).Order("created_at, id")
	if s.dialect.name == postgresql {
		query = query.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var stored []usageBatch
	if err := query.Find(&stored).Error; err != nil {
		return nil, fmt.Errorf("read usage batches: %w", err)
	}
	if len(stored) == 0 {
		return nil, nil
	}
	merge, mine := newUsageMerge(), make([]string, 0, len(stored)) // the others may be locked still
	for _, row := range stored {
		batch, err := decodeUsage(row.Body)
		if err != nil {
			if err := s.setAside(ctx, row.ID, err); err != nil {
				return nil, err
			}
			continue
		}
		mine = append(mine, row.ID)
		merge.add(&batch)
	}
	first, rest := merge.split(foldTallies)
	sums := newUsageSums()
	sums.add(first)
	if usedAfterDeletion, err = s.addUsage(ctx, sums); err != nil {
		return nil, err
	}
	if err := s.putBack(ctx, rest, stored[0].CreatedAt); err != nil {
		return nil, err
	}
	err = s.with(ctx).Model(&usageBatch{}).Where("id IN ?", mine).UpdateColumns(map[string]any{"folded_at": s.now(), "body": []byte{}}).Error
	if err != nil {
		return nil, fmt.Errorf("mark usage batches: %w", err)
	}
	return usedAfterDeletion, nil
}

// setAside leaves a batch that cannot be read out, with its body, for whoever looks into it: else
// no other would be counted any more, and no page shown that tells of usage.
func (s *Store) setAside(ctx context.Context, id string, why error) error {
	if err := s.with(ctx).Model(&usageBatch{}).Where("id = ?", id).UpdateColumn("folded_at", s.now()).Error; err != nil {
		return fmt.Errorf("set usage batch aside: %w", err)
	}
	s.log.ErrorContext(ctx, "a batch of usage cannot be read, so that its requests are not counted", slog.String("batch", id), slog.Any("error", why))
	return nil
}

// putBack stores what is left of batches, the first of which was made at a time, as the next
// to be folded.
func (s *Store) putBack(ctx context.Context, rest UsageBatch, madeAt time.Time) error {
	if len(rest.Tallies) == 0 {
		return nil
	}
	body, err := rest.encode()
	if err != nil {
		return err
	}
	if err := s.with(ctx).Create(&usageBatch{ID: rand.Text(), Body: body, CreatedAt: madeAt}).Error; err != nil {
		return fmt.Errorf("put usage back: %w", err)
	}
	return nil
}

// addUsage writes sums into the tables, and lists the keys that were used after their deletion
// was in force.
func (s *Store) addUsage(ctx context.Context, sums *usageSums) (usedAfterDeletion []string, err error) {
	if err := s.addCounts(ctx, sums.counts); err != nil {
		return nil, err
	}
	if err := s.addRoutes(ctx, sums.routes); err != nil {
		return nil, err
	}
	// From here on the rows of the keys are locked: it is short, since a deletion may wait.
	if err := s.lockKeys(ctx, sums.keys); err != nil {
		return nil, err
	}
	if err := s.addCallers(ctx, sums.callers); err != nil {
		return nil, err
	}
	if err := s.addNeededScopes(ctx, sums.neededScopes()); err != nil {
		return nil, err
	}
	return s.moveLastUses(ctx, sums.lastUses)
}
