package models

import (
	"time"

	"github.com/oklog/ulid/v2"
)

// usageSums are the tallies of batches, added up by the rows that they belong to.
type usageSums struct {
	keys     map[string]bool
	counts   map[UsageCount]int64 // by all but the requests
	routes   map[routeID]routeUse
	callers  map[callerID]callerUse
	lastUses map[string]lastUse
}

// callerUse is what one caller has done with one key.
type callerUse struct {
	workspaceID                   string
	accepted, refused             int64
	firstAt, lastAt               time.Time
	lastAcceptedAt                *time.Time
	firstRefusedAt, lastRefusedAt *time.Time
	lastRefusal                   Refusal
	lastRefusedRoute              string
}

// lastUse is the newest accepted request with one key.
type lastUse struct {
	at     time.Time
	caller UsageCaller
	route  string
}

func newUsageSums() *usageSums {
	return &usageSums{map[string]bool{}, map[UsageCount]int64{}, map[routeID]routeUse{}, map[callerID]callerUse{}, map[string]lastUse{}}
}

// add adds the tallies of a batch. One that names what the batch does not have is of nobody
// and no route.
func (s *usageSums) add(batch UsageBatch) {
	names := map[ulid.ULID]string{}
	named := func(id ulid.ULID, prefix string) string {
		if names[id] == "" {
			names[id] = prefix + id.String()
		}
		return names[id]
	}
	for _, tally := range batch.Tallies {
		s.addTally(tally, named(tally.Key, "key_"), named(tally.Workspace, "ws_"), at(batch.Routes, tally.Route), at(batch.Callers, tally.Caller))
	}
}

// at is an element of list, or the zero value if there is none.
func at[T any](list []T, i int) (one T) {
	if i >= 0 && i < len(list) {
		one = list[i]
	}
	return one
}

func (s *usageSums) addTally(tally UsageTally, key, workspace string, route UsageRoute, caller UsageCaller) {
	first, last := time.UnixMilli(tally.First).UTC(), time.UnixMilli(tally.Last).UTC()
	s.keys[key] = true
	s.counts[UsageCount{
		APIKeyID: key, WorkspaceID: workspace, StartsAt: first, Route: route.Name, Scope: route.Scope,
		StatusClass: tally.StatusClass, Refusal: tally.Refusal,
	}.of(Hourly)] += tally.Requests
	onRoute := routeID{key, route.Name, tally.Refusal}
	s.routes[onRoute] = mergeRoutes(s.routes[onRoute], routeUse{workspace, route.Scope, tally.Requests, first, last, caller})
	use := callerUse{workspaceID: workspace, firstAt: first, lastAt: last}
	if tally.Refusal == Accepted {
		use.accepted, use.lastAcceptedAt = tally.Requests, &last
		if known, is := s.lastUses[key]; !is || last.After(known.at) {
			s.lastUses[key] = lastUse{last, caller, route.Name}
		}
	} else {
		use.refused, use.firstRefusedAt, use.lastRefusedAt = tally.Requests, &first, &last
		use.lastRefusal, use.lastRefusedRoute = tally.Refusal, route.Name
	}
	id := callerID{key, caller.Address, caller.UserAgent}
	s.callers[id] = merge(s.callers[id], use)
}

// merge is the use of one caller that was told of in two parts, of which a may be none.
func merge(a, b callerUse) callerUse {
	if a.workspaceID == "" {
		return b
	}
	if a.firstAt.After(b.firstAt) {
		a.firstAt = b.firstAt
	}
	if a.lastAt.Before(b.lastAt) {
		a.lastAt = b.lastAt
	}
	if isLater(b.lastRefusedAt, a.lastRefusedAt) {
		a.lastRefusedAt, a.lastRefusal, a.lastRefusedRoute = b.lastRefusedAt, b.lastRefusal, b.lastRefusedRoute
	}
	if a.firstRefusedAt == nil || isLater(a.firstRefusedAt, b.firstRefusedAt) && b.firstRefusedAt != nil {
		a.firstRefusedAt = b.firstRefusedAt
	}
	if isLater(b.lastAcceptedAt, a.lastAcceptedAt) {
		a.lastAcceptedAt = b.lastAcceptedAt
	}
	a.accepted, a.refused = a.accepted+b.accepted, a.refused+b.refused
	return a
}

// isLater reports whether a is a time after b; any time is after none.
func isLater(a, b *time.Time) bool { return a != nil && (b == nil || a.After(*b)) }
