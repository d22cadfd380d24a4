package keyauth

import (
	"strings"
	"sync"

	"github.com/skipup/keys/models/usage"
)

// Route is the number of a route. The zero Route is none.
type Route uint16

// maxRoutes limits the routes that requests introduce in all workspaces.
const maxRoutes = 20_000

// routes numbers the routes by which requests are counted. Numbers never change.
type routes struct {
	mu      sync.RWMutex
	all     []usage.Route // by number
	numbers map[usage.Route]Route
	added   map[[16]byte]int // routes that requests of a workspace introduced
}

func newRoutes() *routes {
	return &routes{all: make([]usage.Route, 1), numbers: map[usage.Route]Route{{}: 0}, added: map[[16]byte]int{}}
}

// number returns the number of a route, adding it if necessary.
func (r *routes) number(route usage.Route) Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(route)
}

func (r *routes) add(route usage.Route) Route {
	number, known := r.numbers[route]
	if !known {
		number = Route(len(r.all))
		r.all = append(r.all, route)
		r.numbers[route] = number
	}
	return number
}

// introduce returns the number of a route named by a request of a workspace. If the workspace has
// introduced too many routes, the name is usage.OtherRoutes. It allocates nothing for a known route.
func (r *routes) introduce(name []byte, scope string, workspace [16]byte) Route {
	r.mu.RLock()
	number, known := r.numbers[usage.Route{Name: string(name), Scope: scope}]
	r.mu.RUnlock()
	if known {
		return number
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	route := usage.Route{Name: string(name), Scope: strings.Clone(scope)}
	if _, known := r.numbers[route]; !known && r.isFull(workspace) {
		route.Name = usage.OtherRoutes
		if _, known := r.numbers[route]; !known && len(r.all) >= 2*maxRoutes {
			return 0
		}
	}
	before := len(r.all)
	number = r.add(route)
	r.added[workspace] += len(r.all) - before
	return number
}

func (r *routes) isFull(workspace [16]byte) bool {
	return r.added[workspace] >= usage.MaxRoutes || len(r.all) >= maxRoutes
}

// list returns the routes so far by their numbers.
func (r *routes) list() []usage.Route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.all
}
