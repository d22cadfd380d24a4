package wire

import "encoding/json"

// WebhookEndpoint is a URL that receives the events of a workspace.
type WebhookEndpoint struct {
	ID             string     `json:"id"`
	URL            string     `json:"url"`
	Description    *string    `json:"description"`
	Enabled        bool       `json:"enabled"`
	Events         []string   `json:"events"`
	DisabledAt     *Timestamp `json:"disabled_at"`
	DisabledReason *string    `json:"disabled_reason"`
	CreatedAt      Timestamp  `json:"created_at"`
	UpdatedAt      Timestamp  `json:"updated_at"`
}

// WebhookDelivery is the delivery of an event to an endpoint.
type WebhookDelivery struct {
	ID              string     `json:"id"`
	EventType       string     `json:"event_type"`
	Status          string     `json:"status"`
	Payload         *Event     `json:"payload"` // nil for a key that can't read it
	ResponseCode    *int       `json:"response_code"`
	Attempts        int        `json:"attempts"`
	DeliveredAt     *Timestamp `json:"delivered_at"`
	LastAttemptedAt *Timestamp `json:"last_attempted_at"`
	CreatedAt       Timestamp  `json:"created_at"`
}

// Event is the body of a delivery.
type Event struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Timestamp Timestamp       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
	Test      bool            `json:"test,omitempty"` // an example; other events don't have this field
}

// Ping is the data of a webhook_endpoint.ping event.
type Ping struct {
	EndpointID string `json:"endpoint_id"`
}
