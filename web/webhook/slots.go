package webhook

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/skipup/keys/models"
)

// How many deliveries a node has on their way at once. Nobody waits for a place: what finds none
// stays in the queue, where any node can claim it.
const (
	maxOnWay     = 2048 // of all, to bound the memory
	maxWorkspace = 128  // to one workspace, beside one for each endpoint
	maxEndpoint  = 32   // to one endpoint that answers
	newEndpoint  = 8    // to one that has not answered yet
	perRound     = 16   // that an endpoint gets before the others have had their turn
)

// slots share out the places among endpoints, so that those of a receiver that hangs are few and
// no workspace takes those of another. An endpoint's limit doubles with each answer and halves
// with each silence, down to one: a receiver that hangs keeps one place busy. One place is each
// endpoint's own, however many the others of its workspace take. They are for one goroutine.
type slots struct {
	total      int
	workspaces map[string]int
	endpoints  map[string]*endpointSlots
	blocked    bool
}

type endpointSlots struct{ onWay, limit int }

func newSlots() slots {
	return slots{workspaces: map[string]int{}, endpoints: map[string]*endpointSlots{}}
}

// shares are how many deliveries to claim for each of the endpoints that wait: those of the
// workspaces first that have the least on their way. Among equals chance decides, so that those of
// which none can be claimed after all are not always before the others.
func (s *slots) shares(waiting []models.DueEndpoint) []models.ClaimLimit {
	rand.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	order := slices.SortedStableFunc(slices.Values(waiting), func(a, b models.DueEndpoint) int {
		return cmp.Or(cmp.Compare(s.workspaces[a.WorkspaceID], s.workspaces[b.WorkspaceID]), cmp.Compare(s.onWayTo(a.ID), s.onWayTo(b.ID)))
	})
	s.blocked = false
	var shares []models.ClaimLimit
	planned, ofWorkspace := 0, map[string]int{}
	for _, e := range order {
		workspace := s.workspaces[e.WorkspaceID] + ofWorkspace[e.WorkspaceID]
		onWay := s.onWayTo(e.ID)
		room := min(s.limitOf(e.ID)-onWay, maxWorkspace-workspace)
		if onWay == 0 {
			room = max(room, 1)
		}
		room = min(room, maxOnWay-s.total-planned, perRound)
		if room <= 0 {
			s.blocked = true
			continue
		}
		shares = append(shares, models.ClaimLimit{EndpointID: e.ID, AtMost: room})
		planned += room
		ofWorkspace[e.WorkspaceID] += room
	}
	return shares
}

// isBlocked reports whether an endpoint that waits had no room at the last look.
func (s *slots) isBlocked() bool { return s.blocked }

func (s *slots) onWayTo(endpointID string) int {
	if e := s.endpoints[endpointID]; e != nil {
		return e.onWay
	}
	return 0
}

func (s *slots) limitOf(endpointID string) int {
	if e := s.endpoints[endpointID]; e != nil {
		return e.limit
	}
	return newEndpoint
}

func (s *slots) take(d *models.ClaimedDelivery) {
	s.total++
	s.workspaces[d.WorkspaceID]++
	e := s.endpoints[d.EndpointID]
	if e == nil {
		e = &endpointSlots{limit: newEndpoint}
		s.endpoints[d.EndpointID] = e
	}
	e.onWay++
}

// maxRemembered bounds the endpoints whose limits are known.
const maxRemembered = 1 << 16

func (s *slots) free(d *models.ClaimedDelivery, failure models.DeliveryFailure) {
	s.total--
	if s.workspaces[d.WorkspaceID]--; s.workspaces[d.WorkspaceID] == 0 {
		delete(s.workspaces, d.WorkspaceID)
	}
	e := s.endpoints[d.EndpointID]
	e.onWay--
	switch failure {
	case models.FailedTimeout, models.FailedConnection, models.FailedTLS, models.FailedName, models.FailedAddress:
		e.limit = max(1, e.limit/2)
	default:
		e.limit = min(maxEndpoint, e.limit*2)
	}
	if e.onWay == 0 && (e.limit == maxEndpoint || len(s.endpoints) > maxRemembered) {
		delete(s.endpoints, d.EndpointID) // a new endpoint's limit is soon back at the most
	}
}
