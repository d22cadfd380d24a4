package dashboard

// StepUpRoutes returns the routes that need a recent proof, as "METHOD /path".
func StepUpRoutes() (routes []string) {
	for route := range stepUp {
		routes = append(routes, route.method+" "+route.path)
	}
	return routes
}
