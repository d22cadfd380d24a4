package models

import (
	"bytes"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// usageMerge makes one batch of many: what came with one key in the same way is one tally,
// however many seconds and nodes have told of it.
type usageMerge struct {
	routes  numbering[UsageRoute]
	callers numbering[UsageCaller]
	places  map[mergedTally]int // in tallies
	tallies []UsageTally
}

// mergedTally is what tells tallies apart.
type mergedTally struct {
	key                   ulid.ULID
	hour                  int64 // since 1970
	route, caller, status int
	refusal               Refusal
}

func newUsageMerge() *usageMerge { return &usageMerge{places: map[mergedTally]int{}} }

// add takes in a batch.
func (m *usageMerge) add(batch *UsageBatch) {
	routes, callers := make([]int, len(batch.Routes)), make([]int, len(batch.Callers))
	for i, route := range batch.Routes {
		routes[i] = m.routes.of(route)
	}
	for i, caller := range batch.Callers {
		callers[i] = m.callers.of(caller)
	}
	nobody, nowhere := m.callers.of(UsageCaller{}), m.routes.of(UsageRoute{})
	for i := range batch.Tallies {
		t := batch.Tallies[i]
		t.Route, t.Caller = atOr(routes, t.Route, nowhere), atOr(callers, t.Caller, nobody)
		m.addTally(&t)
	}
}

// atOr is an element of list, or another value if there is none.
func atOr(list []int, i, other int) int {
	if i >= 0 && i < len(list) {
		return list[i]
	}
	return other
}

func (m *usageMerge) addTally(t *UsageTally) {
	id := mergedTally{t.Key, t.First / time.Hour.Milliseconds(), t.Route, t.Caller, t.StatusClass, t.Refusal}
	place, known := m.places[id]
	if !known {
		m.places[id] = len(m.tallies)
		m.tallies = append(m.tallies, *t)
		return
	}
	merged := &m.tallies[place]
	merged.Requests += t.Requests
	merged.First, merged.Last = min(merged.First, t.First), max(merged.Last, t.Last)
}

// split is the merged batch in two: the first tallies in the order of their keys, which is how
// they are written, and those beyond the limit.
func (m *usageMerge) split(limit int) (first, rest UsageBatch) {
	slices.SortStableFunc(m.tallies, func(a, b UsageTally) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	limit = min(limit, len(m.tallies))
	first = UsageBatch{Routes: m.routes.values, Callers: m.callers.values, Tallies: m.tallies[:limit]}
	rest = first
	rest.Tallies = m.tallies[limit:]
	return first, rest
}
