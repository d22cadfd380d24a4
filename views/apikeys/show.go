package apikeys

import (
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

// DetailsFormOf returns the form with the details of a key.
func DetailsFormOf(key *models.APIKey) DetailsForm {
	form := DetailsForm{Name: key.Name, Description: key.Description, Environment: key.Environment, NotifyNewCallers: key.NotifiesOfNewCallers()}
	if key.OwnerID != nil {
		form.OwnerID, form.OwnerBefore = *key.OwnerID, *key.OwnerID
	}
	return form
}

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
