package apikeys

// allowed returns the routes of p that a scope allows, or those that need no scope for "".
func (p DetailPage) allowed(scope string) []Route {
	var routes []Route
	for _, route := range p.Routes {
		if route.Scope == scope {
			routes = append(routes, route)
		}
	}
	return routes
}
