package apikeys

import (
	"cmp"
	"slices"

	"github.com/skipup/keys/models"
)

// shownTraffic is how many routes and callers are named before they are only counted.
const shownTraffic = 4

// mostCalled adds up the routes of several keys, the most called first.
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

// routeName is a route in words; requests that no route answered have none.
func routeName(route string) string {
	if route == "" {
		return "unknown endpoint"
	}
	return route
}
