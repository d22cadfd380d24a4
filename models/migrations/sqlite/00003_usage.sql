-- +goose Up

-- Counts from nodes that are not yet added to the tables below. Afterwards the body is emptied, but the ID
-- is kept for a while, so that a batch that is sent again is not counted twice.
CREATE TABLE usage_batches (
    id          text PRIMARY KEY,
    body        blob NOT NULL,
    folded_at   timestamp,
    created_at  timestamp NOT NULL
);
CREATE INDEX usage_batches_created_at ON usage_batches (created_at);
CREATE INDEX usage_batches_unfolded ON usage_batches (created_at, id) WHERE folded_at IS NULL;

-- Requests by hour and, below, by day in UTC. There is no foreign key to api_keys, because it would be
-- checked for every row written, and keys are never removed.
CREATE TABLE api_key_usage_hours (
    api_key_id    text NOT NULL,
    workspace_id  text NOT NULL,
    starts_at     timestamp NOT NULL,
    route         text NOT NULL,
    scope         text NOT NULL,
    status_class  integer NOT NULL,
    refusal       text NOT NULL,
    requests      integer NOT NULL,
    PRIMARY KEY (api_key_id, starts_at, route, status_class, refusal)
);
-- There is no index by time alone, because the planner would use it to find the hours of a single key.
CREATE INDEX api_key_usage_hours_workspace_id ON api_key_usage_hours (workspace_id, starts_at);

CREATE TABLE api_key_usage_days (
    api_key_id    text NOT NULL,
    workspace_id  text NOT NULL,
    starts_at     timestamp NOT NULL,
    route         text NOT NULL,
    scope         text NOT NULL,
    status_class  integer NOT NULL,
    refusal       text NOT NULL,
    requests      integer NOT NULL,
    PRIMARY KEY (api_key_id, starts_at, route, status_class, refusal)
);
CREATE INDEX api_key_usage_days_workspace_id ON api_key_usage_days (workspace_id, starts_at);

-- The callers of each key. The row without an address and a user agent counts the callers beyond the
-- limit.
CREATE TABLE api_key_callers (
    api_key_id          text NOT NULL,
    workspace_id        text NOT NULL,
    address             text NOT NULL,
    user_agent          text NOT NULL,
    accepted            integer NOT NULL,
    refused             integer NOT NULL,
    first_seen_at       timestamp NOT NULL,
    last_seen_at        timestamp NOT NULL,
    last_accepted_at    timestamp,
    first_refused_at    timestamp,
    last_refused_at     timestamp,
    last_refusal        text NOT NULL,
    last_refused_route  text NOT NULL,
    PRIMARY KEY (api_key_id, address, user_agent)
);
CREATE INDEX api_key_callers_workspace_id ON api_key_callers (workspace_id, last_seen_at);
CREATE INDEX api_key_callers_last_seen_at ON api_key_callers (last_seen_at);

ALTER TABLE api_keys ADD COLUMN last_used_route text NOT NULL DEFAULT '';
