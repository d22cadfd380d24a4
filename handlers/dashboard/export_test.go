package dashboard

import (
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// Permissions returns the permission that each route requires, by "METHOD /path".
func Permissions() map[string]models.Permission {
	permissions := map[string]models.Permission{}
	for _, r := range table(&web.Server{}, nil, nil, nil, web.Options{}) {
		permissions[r.method+" "+r.path] = r.access.permission
	}
	return permissions
}

// StepUpRoutes returns the routes that need a recent proof, as "METHOD /path".
func StepUpRoutes() (routes []string) {
	for route := range stepUp {
		routes = append(routes, route.method+" "+route.path)
	}
	return routes
}
