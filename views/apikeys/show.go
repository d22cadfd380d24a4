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
	case "api_key.access_changed":
		return "changed what the key may do"
	case "api_key.rotated":
		return "gave the key a successor"
	case "api_key.rotation_abandoned":
		return "abandoned the rotation"
	case "api_key.deleted":
		return "deleted the key"
	case "api_key.deletion_in_force":
		return "saw the deletion in force on every node"
	}
	return event.Action
}

// detail is one of the details of an event.
type detail struct{ Label, Value string }

var detailLabels = map[string]string{
	"from":              "Name before",
	"scopes":            "Scopes",
	"scopes_added":      "Added",
	"scopes_removed":    "Removed",
	"key_prefix":        "Key",
	"expires_at":        "Expiry",
	"expires_at_before": "Expiry before",
	"committed_at":      "Committed",
	"in_force_at":       "In force",
	"took_ms":           "Took, in ms",
	"reason":            "Reason",
	"successor_id":      "Successor",
	"rotated_from":      "Takes the place of",
	"last_used_at":      "Last accepted",
	"last_used_route":   "For",
	"last_used_address": "From",
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
