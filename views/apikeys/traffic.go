package apikeys

import (
	"cmp"
	"slices"

	"github.com/skipup/keys/models"
)

// shownTraffic limits the routes and callers listed by name.
const shownTraffic = 4

// mostCalled adds up the routes of several keys, most requests first.
func mostCalled(routes []models.RouteTraffic) []models.RouteTraffic {
	requests := map[string]int64{}
	for _, route := range routes {
		requests[route.Route] += route.Requests
	}
	var most []models.RouteTraffic
	for route, n := range requests {
		most = append(most, models.RouteTraffic{Route: route, Requests: n})
	}
	slices.SortFunc(most, func(a, b models.RouteTraffic) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Route, b.Route))
	})
	return most
}

// routeName returns the name of a route, or a text for requests that matched no route.
func routeName(route string) string {
	if route == "" {
		return "unknown endpoint"
	}
	return route
}
