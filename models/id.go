package models

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// id returns a new identifier: a prefix for the type of the row and a ULID, so that identifiers
// sort by creation time.
func (s *Store) id(prefix string) string { return s.ids.next(prefix, s.now()) }

// timedID returns a new identifier and the time in it, which is now, or slightly later if the clock
// of another transaction was ahead.
func (s *Store) timedID(prefix string) (string, time.Time) {
	id := s.id(prefix)
	at := ulid.MustParseStrict(strings.TrimPrefix(id, prefix+"_")).Time()
	return id, time.UnixMilli(int64(at)).UTC()
}

// firstID returns the smallest identifier with a given time. Times before 1970 count as 1970.
func firstID(prefix string, at time.Time) string {
	var first ulid.ULID
	if err := first.SetTime(uint64(max(0, at.UnixMilli()))); err != nil {
		panic(fmt.Sprintf("create first identifier: %v", err)) // only after the year 10889
	}
	return prefix + "_" + first.String()
}

// idSource creates ULIDs that increase even within a millisecond and when the clock goes back, as
// it does between transactions, each of which has a fixed time.
type idSource struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
	last    uint64
}

func newIDSource() *idSource { return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (i *idSource) next(prefix string, now time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = max(i.last, ulid.Timestamp(now))
	id, err := ulid.New(i.last, i.entropy)
	if errors.Is(err, ulid.ErrMonotonicOverflow) {
		i.last++
		id, err = ulid.New(i.last, i.entropy)
	}
	if err != nil {
		panic(fmt.Sprintf("create identifier: %v", err)) // only after the year 10889
	}
	return prefix + "_" + id.String()
}
