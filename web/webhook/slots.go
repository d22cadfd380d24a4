package webhook

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/skipup/keys/models"
)

// Limits on the deliveries that a node sends concurrently. Deliveries beyond them stay in the queue,
// where any node can claim them.
const (
	maxInFlight  = 2048 // in total, to limit memory
	maxWorkspace = 128  // for one workspace, in addition to one for each endpoint
	maxEndpoint  = 32   // for one endpoint that responds
	newEndpoint  = 8    // for one endpoint that has not responded yet
	perRound     = 16   // for one endpoint before the others get their turn
)

// slots distributes the capacity among endpoints, so that slow receivers and busy workspaces don't
// affect others. The limit of an endpoint doubles with each response and halves with each failure to
// respond, down to one. Each endpoint may always have one delivery in flight, whatever the load of its
// workspace. It is not safe for concurrent use.
type slots struct {
	total      int
	workspaces map[string]int
	endpoints  map[string]*endpointSlots
	blocked    bool // the last call of limits had no capacity for an endpoint
}

type endpointSlots struct{ inFlight, limit int }

func newSlots() slots {
	return slots{workspaces: map[string]int{}, endpoints: map[string]*endpointSlots{}}
}

// limits returns how many deliveries to claim for each endpoint. Workspaces with the fewest deliveries
// in flight come first. Ties are in random order, so that endpoints for which nothing can be claimed
// don't always come before others.
func (s *slots) limits(due []models.DueEndpoint) []models.ClaimLimit {
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	order := slices.SortedStableFunc(slices.Values(due), func(a, b models.DueEndpoint) int {
		return cmp.Or(cmp.Compare(s.workspaces[a.WorkspaceID], s.workspaces[b.WorkspaceID]), cmp.Compare(s.inFlight(a.ID), s.inFlight(b.ID)))
	})
	s.blocked = false
	var limits []models.ClaimLimit
	planned, ofWorkspace := 0, map[string]int{}
	for _, e := range order {
		workspace := s.workspaces[e.WorkspaceID] + ofWorkspace[e.WorkspaceID]
		inFlight := s.inFlight(e.ID)
		room := min(s.limitOf(e.ID)-inFlight, maxWorkspace-workspace)
		if inFlight == 0 {
			room = max(room, 1)
		}
		room = min(room, maxInFlight-s.total-planned, perRound)
		if room <= 0 {
			s.blocked = true
			continue
		}
		limits = append(limits, models.ClaimLimit{EndpointID: e.ID, AtMost: room})
		planned += room
		ofWorkspace[e.WorkspaceID] += room
	}
	return limits
}

func (s *slots) inFlight(endpointID string) int {
	if e := s.endpoints[endpointID]; e != nil {
		return e.inFlight
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
	e.inFlight++
}

// maxRemembered limits the number of endpoints whose limits are remembered.
const maxRemembered = 1 << 16

func (s *slots) free(d *models.ClaimedDelivery, failure models.DeliveryFailure) {
	s.total--
	if s.workspaces[d.WorkspaceID]--; s.workspaces[d.WorkspaceID] == 0 {
		delete(s.workspaces, d.WorkspaceID)
	}
	e := s.endpoints[d.EndpointID]
	e.inFlight--
	switch failure {
	case models.FailedTimeout, models.FailedConnection, models.FailedTLS, models.FailedName, models.FailedAddress:
		e.limit = max(1, e.limit/2)
	default:
		e.limit = min(maxEndpoint, e.limit*2)
	}
	if e.inFlight == 0 && (e.limit == maxEndpoint || len(s.endpoints) > maxRemembered) {
		delete(s.endpoints, d.EndpointID) // a new limit soon reaches the maximum again
	}
}
