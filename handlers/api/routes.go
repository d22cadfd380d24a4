// Package api serves the JSON API under /api/v1.
package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// Base is the path before that of every route.
const Base = "/api/v1"

// Route is one thing that the API does. The router, the dashboard's list of what a key opens
// and the test of every scope against every route all read the same table.
type Route struct {
	Method, Path string // Path is after Base
	Summary      string
	Scope        *scope.Scope // nil where any good key will do

	operation
}

// ScopeWord is the word of the route's scope, or empty.
func (r Route) ScopeWord() string {
	if r.Scope == nil {
		return ""
	}
	return r.Scope.String()
}

// Name is what the route is called where its use is told of, such as "GET /me".
func (r Route) Name() string { return r.Method + " " + r.Path }

// Table is everything that the API does.
type Table []Route

// Routes is the table over store.
func Routes(store *models.Store) Table {
	keys, meetings, people, places := apiKeys{store}, meetingRequests{store}, members{store}, seats{store}
	hooks := webhooks{store}
	return Table{
		{http.MethodGet, "/me", "Show the key that asks", nil, endpoint(http.StatusOK, me{store}.show)},

		{http.MethodGet, "/meeting_requests", "List meeting requests", of(scope.MeetingRequestsRead), endpointPage(meetings.list)},
		{http.MethodPost, "/meeting_requests", "Create a meeting request", of(scope.MeetingRequestsWrite), endpointOnce(store, http.StatusAccepted, createMeetingRequest)},
		{http.MethodGet, "/meeting_requests/:id", "Show a meeting request", of(scope.MeetingRequestsRead), endpoint(http.StatusOK, meetings.show)},
		{http.MethodPatch, "/meeting_requests/:id", "Change a meeting request", of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.update)},
		{http.MethodPost, "/meeting_requests/:id/cancel", "Cancel a meeting request", of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.cancel)},
		{http.MethodPost, "/meeting_requests/:id/pause", "Pause a meeting request", of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.pause)},
		{http.MethodPost, "/meeting_requests/:id/resume", "Resume a meeting request", of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.resume)},
		{http.MethodPost, "/meeting_requests/:id/change_organizer", "Change who organizes a meeting", of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.changeOrganizer)},

		{http.MethodGet, "/workspace_members", "List members", of(scope.MembersRead), endpointPage(people.list)},
		{http.MethodPost, "/workspace_members", "Add a member", of(scope.MembersWrite), endpointOnce(store, http.StatusCreated, createMember)},
		{http.MethodPost, "/workspace_members/:id/deactivate", "Deactivate a member", of(scope.MembersWrite), endpoint(http.StatusOK, people.deactivate)},
		{http.MethodPost, "/workspace_members/:id/reactivate", "Reactivate a member", of(scope.MembersWrite), endpoint(http.StatusOK, people.reactivate)},

		{http.MethodGet, "/webhook_endpoints", "List webhook endpoints", of(scope.WebhooksRead), endpointPage(hooks.list)},
		{http.MethodPost, "/webhook_endpoints", "Create a webhook endpoint", of(scope.WebhooksWrite), endpointOnce(store, http.StatusCreated, createWebhookEndpoint)},
		{http.MethodGet, "/webhook_endpoints/:id", "Show a webhook endpoint", of(scope.WebhooksRead), endpoint(http.StatusOK, hooks.show)},
		{http.MethodPatch, "/webhook_endpoints/:id", "Change a webhook endpoint", of(scope.WebhooksWrite), endpoint(http.StatusOK, hooks.update)},
		{http.MethodDelete, "/webhook_endpoints/:id", "Delete a webhook endpoint", of(scope.WebhooksWrite), endpoint(http.StatusNoContent, hooks.delete)},
		{http.MethodPost, "/webhook_endpoints/:id/ping", "Send a webhook endpoint a ping", of(scope.WebhooksWrite), endpointOnce(store, http.StatusAccepted, pingWebhookEndpoint)},
		{http.MethodPost, "/webhook_endpoints/:id/rotate_secret", "Give a webhook endpoint a new secret", of(scope.WebhooksWrite), endpoint(http.StatusOK, hooks.rotateSecret)},
		{http.MethodGet, "/webhook_endpoints/:id/deliveries", "List what was sent to a webhook endpoint", of(scope.WebhooksRead), endpointPage(hooks.deliveries)},
		{http.MethodPost, "/webhook_endpoints/:id/deliveries/:delivery_id/retry", "Send something again", of(scope.WebhooksWrite), endpoint(http.StatusAccepted, hooks.retry)},

		{http.MethodGet, "/api_keys", "List API keys", of(scope.APIKeysRead), endpointPage(keys.list)},
		{http.MethodGet, "/api_keys/:id/usage", "Show what an API key was used for", of(scope.APIKeysRead), endpoint(http.StatusOK, keys.usage)},
		{http.MethodPost, "/api_keys", "Create an API key", of(scope.APIKeysWrite), endpointOnce(store, http.StatusCreated, createAPIKey)},
		{http.MethodPost, "/api_keys/:id/rotate", "Give an API key a successor", of(scope.APIKeysWrite), endpointOnce(store, http.StatusCreated, rotateAPIKey)},
		{http.MethodDelete, "/api_keys/:id", "Delete an API key", of(scope.APIKeysWrite), endpoint(http.StatusNoContent, keys.delete)},

		{http.MethodGet, "/seats", "Show seats and their capacity", of(scope.SeatsRead), endpointList(places.list)},
		{http.MethodPost, "/seats", "Assign a seat", of(scope.SeatsWrite), endpointOnce(store, http.StatusCreated, createSeat)},
		{http.MethodPatch, "/seats", "Change the capacity", of(scope.SeatsWrite), endpoint(http.StatusOK, places.update)},
		{http.MethodDelete, "/seats/:id", "Release a seat", of(scope.SeatsWrite), endpoint(http.StatusNoContent, places.delete)},
	}
}

// What endpointOnce does over a Store that is bound to a transaction.
func createMeetingRequest(tx *models.Store) action[newMeetingRequest, wire.MeetingRequest] {
	return meetingRequests{tx}.create
}
func createMember(tx *models.Store) action[newMember, wire.Member]   { return members{tx}.create }
func createAPIKey(tx *models.Store) action[newAPIKey, createdAPIKey] { return apiKeys{tx}.create }
func rotateAPIKey(tx *models.Store) action[rotation, rotatedAPIKey]  { return apiKeys{tx}.rotate }
func createSeat(tx *models.Store) action[newSeat, wire.Seat]         { return seats{tx}.create }
func createWebhookEndpoint(tx *models.Store) action[newWebhookEndpoint, webhookEndpointWithSecret] {
	return webhooks{tx}.create
}
func pingWebhookEndpoint(tx *models.Store) action[byID, wire.WebhookDelivery] {
	return webhooks{tx}.ping
}

func of(s scope.Scope) *scope.Scope { return &s }

// OpenTo lists the routes that a key with the scopes of set opens.
func (t Table) OpenTo(set scope.Set) []Route {
	var open []Route
	for _, route := range t {
		if route.Scope == nil || set.Has(*route.Scope) {
			open = append(open, route)
		}
	}
	return open
}

// Register adds the API to e: who has no good key learns nothing about it, not even which
// paths there are. The document of the API alone is for everybody.
func Register(e *echo.Echo, gate *web.KeyGate, routes Table) {
	e.Use(gate.Require)
	registerDocument(e, gate)
	for _, route := range routes {
		asked := gate.Route(route.Name(), route.Scope)
		e.Add(route.Method, Base+route.Path, route.handle, asked)
		if route.Method == http.MethodGet {
			e.Add(http.MethodHead, Base+route.Path, route.handle, asked)
		}
	}
}
