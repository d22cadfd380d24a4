package docs

import (
	"context"
	"strings"

	"github.com/skipup/keys/views/viewer"
)

// withKeyPrefix returns an example in which keys have the prefix of new keys.
func withKeyPrefix(ctx context.Context, example string) string {
	return strings.ReplaceAll(example, "sk_live_", viewer.Of(ctx).KeyPrefix+"_live_")
}

// Request bodies and output of the commands in the guides. Long ones are indented. IDs, keys and times
// differ from run to run.
const (
	responseToMe = `{
  "data": {
    "id": "key_01KKNTQ1T8RW3B9JH6V4PSND8E",
    "name": "Nightly sync",
    "key_prefix": "sk_live_7Qv2....",
    "scopes": [
      "meeting_requests.read",
      "meeting_requests.write",
      "webhooks.read",
      "webhooks.write",
      "api_keys.read",
      "api_keys.write"
    ],
    "expires_at": null,
    "workspace": {
      "id": "ws_01KKNTQ1T839YH6B6GBF1K11AY",
      "name": "Acme",
      "mode": "live"
    }
  }
}`

	createBody = `{
    "organizer_email": "ada@acme.test",
    "participant_emails": ["grace@partner.test", "alan@partner.test"],
    "context": {"title": "Kickoff", "duration_minutes": 45}
  }`

	responseToCreate = `{
  "data": {
    "id": "mr_01KKNTQ1T8N4Q9V0TE5ZJ6BYXC",
    "organizer_email": "ada@acme.test",
    "participant_emails": ["grace@partner.test", "alan@partner.test"],
    "status": "active",
    "title": "Kickoff",
    "purpose": null,
    "description": null,
    "include_introduction": false,
    "duration_minutes": 45,
    "timeframe": null,
    "created_at": "2026-03-14T09:26:53Z",
    "updated_at": "2026-03-14T09:26:53Z",
    "booked_at": null,
    "cancelled_at": null,
    "paused_at": null
  }
}`

	responseToPause  = `{"data":{…,"status":"paused",…,"paused_at":"2026-03-14T09:26:53Z"}}`
	responseToResume = `{"data":{…,"status":"active",…,"paused_at":null}}`
	responseToCancel = `{"data":{…,"status":"cancelled",…,"cancelled_at":"2026-03-14T09:26:53Z",…}}`

	responseWithoutKey   = `{"error":{"type":"authentication_error","message":"Invalid or missing API key."}}`
	responseWithoutScope = `{"error":{"type":"forbidden","message":"This API key does not have the required scope."}}`
	headerWithoutScope   = `WWW-Authenticate: Bearer realm="SkipUp API", error="insufficient_scope", scope="seats.read"`
	responseToMisspelled = `{
  "error": {
    "type": "validation_error",
    "message": "Unknown field \"organizer_emial\". Did you mean \"organizer_email\"?",
    "fields": {
      "organizer_emial": "is unknown. Did you mean \"organizer_email\"?"
    }
  }
}`

	responseToFirstPage = `{"data":[{"id":"key_01KKNTQ1T8RW3B9JH6V4PSND8E",…}],
 "meta":{"limit":1,"has_more":true,"next_cursor":"2vLwqX0Zc1pra2V5XzAxS0tOVFExVDhSVzNCOUpINlY0UFNORDhF"}}`
	responseToLastPage = `{"data":[{"id":"key_01KKNTQ1T8C5Y7D2ZKMFQ9GX3T",…}],
 "meta":{"limit":1,"has_more":false,"next_cursor":null}}`

	retryBody       = `{"organizer_email": "ada@acme.test", "participant_emails": ["grace@partner.test"]}`
	responseToRetry = `{"data":{"id":"mr_01KKNTQ1T8Z2M7X5E1GQKCA4FD",…}}`

	rateLimitHeaders = `Ratelimit: "default";r=118;t=1
Ratelimit-Policy: "default";q=120;w=60`

	subscribeBody = `{
    "url": "https://hooks.example.com/skipup",
    "events": ["meeting_request.booked", "meeting_request.cancelled"]
  }`

	responseToSubscribe = `{
  "data": {
    "id": "we_01KKNTQ1T8C5Y7D2ZKMFQ9GX3T",
    "url": "https://hooks.example.com/skipup",
    "description": null,
    "enabled": true,
    "events": ["meeting_request.booked", "meeting_request.cancelled"],
    "disabled_at": null,
    "disabled_reason": null,
    "created_at": "2026-03-14T09:26:53Z",
    "updated_at": "2026-03-14T09:26:53Z",
    "secret": "whsec_…"
  }
}`
	responseToPing = `{"data":{"id":"whd_01KKNTQ1T8Z2M7X5E1GQKCA4FD","event_type":"webhook_endpoint.ping",…}}`

	// The request that the endpoint receives.
	delivery = `POST /skipup HTTP/1.1
Content-Type: application/json
webhook-id: evt_01KKNTQ1T8N4Q9V0TE5ZJ6BYXC
webhook-timestamp: 1773480413
webhook-signature: v1,…

{
  "id": "evt_01KKNTQ1T8N4Q9V0TE5ZJ6BYXC",
  "type": "meeting_request.booked",
  "timestamp": "2026-03-14T09:26:53Z",
  "data": {"id": "mr_01KKNTQ1T8Z2M7X5E1GQKCA4FD", "status": "booked", …}
}`

	responseToRotation = `{
  "data": {
    "id": "key_01KKNTQ1T8C5Y7D2ZKMFQ9GX3T",
    "name": "Nightly sync",
    …,
    "rotated_from": "key_01KKNTQ1T8RW3B9JH6V4PSND8E",
    "key": "sk_live_x9Lm2Xc9BhT4mPz8RkLw3NdYfGs6Ja0mLq17"
  }
}`
	responseToOldUsage = `{"data":{"api_key_id":"key_01KKNTQ1T8RW3B9JH6V4PSND8E","by":"hour",…,"requests":…}}`
	responseToNewMe    = `{"data":{"id":"key_01KKNTQ1T8C5Y7D2ZKMFQ9GX3T","name":"Nightly sync",…}}`
)
