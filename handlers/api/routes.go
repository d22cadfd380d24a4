// Package api serves the JSON API under /api/v1.
package api

import (
	"net/http"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

const version = "/v1"

// Base is the path prefix of all routes.
const Base = web.APIPrefix + version

// Route is one route of the API. The router, the dashboard's list of what a key can call and the
// test of every scope against every route all read the same table.
type Route struct {
	Method, Path string // Path is after Base
	Summary      string
	Scopes       scope.Set // all of them are required; none if every valid key may call it

	operation
}

// ScopeNames returns the names of the required scopes, separated by spaces.
func (r Route) ScopeNames() string { return r.Scopes.String() }

// Name returns the name of the route in usage reports, such as "GET /me".
func (r Route) Name() string { return r.Method + " " + r.Path }

// Table contains the routes of the API.
type Table []Route

// Routes returns the routes of the API, with handlers that use store.
func Routes(store *models.Store) Table {
	keys, meetings, people := apiKeys{store}, meetingRequests{store}, members{store}
	hooks := webhooks{store}
	return Table{
		{http.MethodGet, "/me", "Get the current key", scope.Set{}, endpoint(http.StatusOK, me{store}.show)},
		{http.MethodDelete, "/me", "Delete the current key", scope.Set{}, endpoint(http.StatusNoContent, me{store}.delete)},

		{http.MethodGet, "/meeting_requests", "List meeting requests", scope.Of(scope.MeetingRequestsRead), endpointPage(meetings.list)},
		{http.MethodPost, "/meeting_requests", "Create a meeting request", scope.Of(scope.MeetingRequestsWrite), endpointOnce(store, http.StatusAccepted, createMeetingRequest)},
		{http.MethodGet, "/meeting_requests/:id", "Get a meeting request", scope.Of(scope.MeetingRequestsRead), endpoint(http.StatusOK, meetings.show)},
		{http.MethodPatch, "/meeting_requests/:id", "Update a meeting request", scope.Of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.update)},
		{http.MethodPost, "/meeting_requests/:id/cancel", "Cancel a meeting request", scope.Of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.cancel)},
		{http.MethodPost, "/meeting_requests/:id/pause", "Pause a meeting request", scope.Of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.pause)},
		{http.MethodPost, "/meeting_requests/:id/resume", "Resume a meeting request", scope.Of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.resume)},
		{http.MethodPost, "/meeting_requests/:id/change_organizer", "Change the organizer", scope.Of(scope.MeetingRequestsWrite), endpoint(http.StatusOK, meetings.changeOrganizer)},

		{http.MethodGet, "/workspace_members", "List members", scope.Of(scope.MembersRead), endpointPage(people.list)},
		{http.MethodPost, "/workspace_members", "Add a member", scope.Of(scope.MembersWrite), endpointOnce(store, http.StatusCreated, createMember)},
		{http.MethodPost, "/workspace_members/:id/deactivate", "Deactivate a member", scope.Of(scope.MembersWrite), endpoint(http.StatusOK, people.deactivate)},
		{http.MethodPost, "/workspace_members/:id/reactivate", "Reactivate a member", scope.Of(scope.MembersWrite), endpoint(http.StatusOK, people.reactivate)},

		{http.MethodGet, "/webhook_endpoints", "List webhook endpoints", scope.Of(scope.WebhooksRead), endpointPage(hooks.list)},
		{http.MethodPost, "/webhook_endpoints", "Create a webhook endpoint", scope.Of(scope.WebhooksWrite), endpointOnce(store, http.StatusCreated, createWebhookEndpoint)},
		{http.MethodGet, "/webhook_endpoints/:id", "Get a webhook endpoint", scope.Of(scope.WebhooksRead), endpoint(http.StatusOK, hooks.show)},
		{http.MethodPatch, "/webhook_endpoints/:id", "Update a webhook endpoint", scope.Of(scope.WebhooksWrite), endpoint(http.StatusOK, hooks.update)},
		{http.MethodDelete, "/webhook_endpoints/:id", "Delete a webhook endpoint", scope.Of(scope.WebhooksWrite), endpoint(http.StatusNoContent, hooks.delete)},
		{http.MethodPost, "/webhook_endpoints/:id/ping", "Ping a webhook endpoint", scope.Of(scope.WebhooksWrite), endpointOnce(store, http.StatusAccepted, pingWebhookEndpoint)},
		{http.MethodPost, "/webhook_endpoints/:id/rotate_secret", "Rotate a webhook secret", scope.Of(scope.WebhooksWrite), endpoint(http.StatusOK, hooks.rotateSecret)},
		{http.MethodGet, "/webhook_endpoints/:id/deliveries", "List deliveries", scope.Of(scope.WebhooksRead), endpointPage(hooks.deliveries)},
		{http.MethodPost, "/webhook_endpoints/:id/deliveries/:delivery_id/retry", "Retry a delivery", scope.Of(scope.WebhooksWrite), endpoint(http.StatusAccepted, hooks.retry)},

		{http.MethodGet, "/api_keys", "List API keys", scope.Of(scope.APIKeysRead), endpointPage(keys.list)},
		{http.MethodGet, "/api_keys/:id", "Get an API key", scope.Of(scope.APIKeysRead), endpoint(http.StatusOK, keys.show)},
		{http.MethodGet, "/api_keys/:id/usage", "Get API key usage", scope.Of(scope.APIKeysRead), endpoint(http.StatusOK, keys.usage)},
		{http.MethodPost, "/api_keys", "Create an API key", scope.Of(scope.APIKeysWrite), endpointOnce(store, http.StatusCreated, createAPIKey)},
		{http.MethodPatch, "/api_keys/:id", "Update an API key", scope.Of(scope.APIKeysWrite), endpoint(http.StatusOK, keys.update)},
		{http.MethodPost, "/api_keys/:id/pause", "Pause an API key", scope.Of(scope.APIKeysWrite), endpoint(http.StatusOK, keys.pause)},
		{http.MethodPost, "/api_keys/:id/resume", "Resume an API key", scope.Of(scope.APIKeysWrite), endpoint(http.StatusOK, keys.resume)},
		{http.MethodPost, "/api_keys/:id/rotate", "Rotate an API key", scope.Of(scope.APIKeysWrite), endpointOnce(store, http.StatusCreated, rotateAPIKey)},
		{http.MethodDelete, "/api_keys/:id", "Delete an API key", scope.Of(scope.APIKeysWrite), endpoint(http.StatusNoContent, keys.delete)},

		{http.MethodGet, "/seats", "List seats", scope.Of(scope.SeatsRead), endpointList(seats{store}.list)},
		{http.MethodPost, "/seats", "Assign a seat", scope.Of(scope.SeatsWrite), endpointOnce(store, http.StatusCreated, createSeat)},
		{http.MethodPatch, "/seats", "Set the seat capacity", scope.Of(scope.SeatsWrite), endpoint(http.StatusOK, seats{store}.update)},
		{http.MethodDelete, "/seats/:id", "Release a seat", scope.Of(scope.SeatsWrite), endpoint(http.StatusNoContent, seats{store}.delete)},

		{http.MethodGet, "/audit_events", "List audit events", models.AuditScopes, endpointPage(auditLog{store}.list)},
	}
}

// Actions for endpointOnce, which runs them in a transaction.
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

// OpenTo returns the routes that a key with the given scopes can call.
func (t Table) OpenTo(set scope.Set) []Route {
	var open []Route
	for _, route := range t {
		if set.Contains(route.Scopes) {
			open = append(open, route)
		}
	}
	return open
}

// Register adds the routes to server. Only the OpenAPI document is public: without a valid key,
// nothing else reveals even which paths exist.
func Register(server *web.Server, store *models.Store, gate *web.KeyGate, routes Table) {
	registerDocument(server.PublicAPI, store)
	for _, route := range routes {
		server.API.Add(route.Method, version+route.Path, route.handle, gate.Route(route.Name(), route.Scopes))
	}
}
