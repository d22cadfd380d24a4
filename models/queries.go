package models

import (
	"context"
	"sync/atomic"
	"time"
)

// Queries counts the statements that a request sends to the database.
type Queries struct {
	count, nanoseconds atomic.Int64
}

type queriesKey struct{}

// WithQueries returns a copy of ctx whose statements queries counts.
func WithQueries(ctx context.Context, queries *Queries) context.Context {
	return context.WithValue(ctx, queriesKey{}, queries)
}

// Total returns the number of statements and the time that they took together.
func (q *Queries) Total() (count int64, took time.Duration) {
	return q.count.Load(), time.Duration(q.nanoseconds.Load())
}

// countQuery counts a statement that has ended, if ctx has Queries.
func countQuery(ctx context.Context, took time.Duration) {
	if queries, counted := ctx.Value(queriesKey{}).(*Queries); counted {
		queries.count.Add(1)
		queries.nanoseconds.Add(int64(took))
	}
}
