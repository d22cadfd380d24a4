-- +goose Up

-- The URLs that a workspace's events are sent to.
CREATE TABLE webhook_endpoints (
    id               text PRIMARY KEY,
    workspace_id     text NOT NULL REFERENCES workspaces (id),
    url              text NOT NULL,
    description      text,
    events           text NOT NULL,
    disabled_at      timestamp,
    disabled_reason  text CHECK (disabled_reason IN ('manual', 'gone', 'too_many_failures')),
    created_at       timestamp NOT NULL,
    updated_at       timestamp NOT NULL,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhook_endpoints_workspace_id_id ON webhook_endpoints (workspace_id, id);

-- Encrypted secrets for signing deliveries. The current one has no expiry. After a rotation, deliveries
-- are signed with the earlier ones too until they expire.
CREATE TABLE webhook_secrets (
    id           text PRIMARY KEY,
    endpoint_id  text NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    sealed       blob NOT NULL,
    expires_at   timestamp,
    created_at   timestamp NOT NULL
);
CREATE UNIQUE INDEX webhook_secrets_present ON webhook_secrets (endpoint_id) WHERE expires_at IS NULL;
CREATE INDEX webhook_secrets_endpoint_id ON webhook_secrets (endpoint_id);

-- The delivery of an event to an endpoint, written with the event. It is pending while next_attempt_at is
-- set. A node that sends it sets claim, and next_attempt_at to when the claim ends. There is no foreign
-- key to events, because purging an event would then search for its deliveries.
CREATE TABLE webhook_deliveries (
    id                 text PRIMARY KEY,
    workspace_id       text NOT NULL,
    endpoint_id        text NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_id           text NOT NULL,
    event_type         text NOT NULL,
    status             text NOT NULL CHECK (status IN ('pending', 'success', 'failed')),
    scheduled          boolean NOT NULL,
    attempts           integer NOT NULL,
    next_attempt_at    timestamp,
    claim              text,
    last_attempted_at  timestamp,
    response_code      integer,
    response_excerpt   text NOT NULL,
    failure            text NOT NULL,
    duration_ms        integer NOT NULL,
    delivered_at       timestamp,
    created_at         timestamp NOT NULL
);
CREATE INDEX webhook_deliveries_endpoint_id_id ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_endpoint_id_status_id ON webhook_deliveries (endpoint_id, status, id);
CREATE INDEX webhook_deliveries_queue ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
