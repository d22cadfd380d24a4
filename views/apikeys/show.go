package apikeys

import "github.com/skipup/keys/models/scope"

// opened are the routes of p that a scope opens.
func (p DetailPage) opened(s scope.Scope) []Route {
	return p.openedBy(s.String())
}

// openedBy are the routes of p under the word of a scope; empty for those that need none.
func (p DetailPage) openedBy(word string) []Route {
	var routes []Route
	for _, route := range p.Routes {
		if route.Scope == word {
			routes = append(routes, route)
		}
	}
	return routes
}
