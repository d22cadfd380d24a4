package apikeys

import (
	"maps"
	"slices"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
)

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

// deed says what an event did, after the name of who did it.
func deed(event models.AuditEvent) string {
	switch event.Action {
	case "api_key.created":
		return "created the key"
	case "api_key.renamed":
		return "renamed the key"
	case "api_key.deleted":
		return "deleted the key"
	}
	return event.Action
}

// detail is one of the details of an event.
type detail struct{ Label, Value string }

var detailLabels = map[string]string{
	"from":       "Name before",
	"scopes":     "Scopes",
	"key_prefix": "Key",
	"expires_at": "Expiry",
}

func detailsOf(event models.AuditEvent) []detail {
	var details []detail
	for _, name := range slices.Sorted(maps.Keys(event.Details)) {
		label, known := detailLabels[name]
		if !known {
			label = name
		}
		value := event.Details[name]
		if value == "" {
			value = "None"
		}
		details = append(details, detail{label, value})
	}
	return details
}

func actorName(event models.AuditEvent) string {
	if event.ActorName == "" {
		return "Somebody"
	}
	return event.ActorName
}
