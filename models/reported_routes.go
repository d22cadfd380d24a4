package models

import (
	"sync"

	"github.com/skipup/keys/models/usage"
)

// reportedRoutes limits the routes that remote nodes report, so that a stolen credential can't fill the
// database with invented ones.
type reportedRoutes struct {
	mu    sync.Mutex
	names map[string]map[string]bool // by workspace
}

func newReportedRoutes() *reportedRoutes { return &reportedRoutes{names: map[string]map[string]bool{}} }

// limit returns the name under which the requests to a route of a workspace are counted: its own, or
// usage.OtherRoutes if nodes have reported usage.MaxRoutes others.
func (r *reportedRoutes) limit(workspaceID, route string) string {
	if route == "" || route == usage.OtherRoutes {
		return route
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names[workspaceID]
	switch {
	case names == nil:
		r.names[workspaceID] = map[string]bool{route: true}
	case names[route]:
	case len(names) < usage.MaxRoutes:
		names[route] = true
	default:
		return usage.OtherRoutes
	}
	return route
}
