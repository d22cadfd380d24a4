package apikeys

import "github.com/skipup/keys/models/scope"

// allowed returns the routes of p that need exactly the given scopes.
func (p DetailPage) allowed(scopes ...scope.Scope) []Route {
	var routes []Route
	for _, route := range p.Routes {
		if route.Scopes == scope.Of(scopes...) {
			routes = append(routes, route)
		}
	}
	return routes
}

// allowedTogether returns the routes of p that need several scopes.
func (p DetailPage) allowedTogether() []Route {
	var routes []Route
	for _, route := range p.Routes {
		if route.Scopes.Len() > 1 {
			routes = append(routes, route)
		}
	}
	return routes
}
