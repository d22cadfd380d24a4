-- +goose Up

-- Where a workspace wants to be told of events.
CREATE TABLE webhook_endpoints (
    id               text COLLATE "C" PRIMARY KEY,
    workspace_id     text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    url              text NOT NULL,
    description      text,
    events           text NOT NULL,
    disabled_at      timestamptz,
    disabled_reason  text CHECK (disabled_reason IN ('manual', 'gone', 'too_many_failures')),
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhook_endpoints_workspace_id_id ON webhook_endpoints (workspace_id, id);

-- What deliveries are signed with, encrypted. The one that does not expire is the present one;
-- those before it are signed with beside it until their receivers know the new one.
CREATE TABLE webhook_secrets (
    id           text COLLATE "C" PRIMARY KEY,
    endpoint_id  text COLLATE "C" NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    sealed       bytea NOT NULL,
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX webhook_secrets_present ON webhook_secrets (endpoint_id) WHERE expires_at IS NULL;
CREATE INDEX webhook_secrets_endpoint_id ON webhook_secrets (endpoint_id);

-- One event for one endpoint, written with the event. While next_attempt_at is set there is
-- something to do; who does it has written its claim, and moved that time to when the claim
-- ends. There is no foreign key to events: each that is purged would look for deliveries here.
CREATE TABLE webhook_deliveries (
    id                 text COLLATE "C" PRIMARY KEY,
    workspace_id       text COLLATE "C" NOT NULL,
    endpoint_id        text COLLATE "C" NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_id           text COLLATE "C" NOT NULL,
    event_type         text NOT NULL,
    status             text NOT NULL CHECK (status IN ('pending', 'success', 'failed')),
    scheduled          boolean NOT NULL,
    attempts           integer NOT NULL,
    next_attempt_at    timestamptz,
    claim              text,
    last_attempted_at  timestamptz,
    response_code      integer,
    response_excerpt   text NOT NULL,
    failure            text NOT NULL,
    duration_ms        integer NOT NULL,
    delivered_at       timestamptz,
    created_at         timestamptz NOT NULL
);
CREATE INDEX webhook_deliveries_endpoint_id_id ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_endpoint_id_status_id ON webhook_deliveries (endpoint_id, status, id);
CREATE INDEX webhook_deliveries_queue ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
