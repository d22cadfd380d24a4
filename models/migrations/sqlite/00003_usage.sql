-- +goose Up

-- What nodes have counted, a row for each node and second, until it is added to the tables
-- below. Then the body is emptied; the id stays for a while, so that a batch which is sent again
-- is not counted again.
CREATE TABLE usage_batches (
    id          text PRIMARY KEY,
    body        blob NOT NULL,
    folded_at   timestamp,
    created_at  timestamp NOT NULL
);
CREATE INDEX usage_batches_created_at ON usage_batches (created_at);
CREATE INDEX usage_batches_unfolded ON usage_batches (created_at, id) WHERE folded_at IS NULL;

-- Requests by hour, and below by day of UTC. No foreign keys to api_keys: each would be checked
-- for every row that is written, and no key is ever removed.
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
-- There is none by time alone: the planner would look for the hours of one key there, among those of
-- all keys.
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

-- Where each key is used from. The row without address and user agent is for all the callers
-- beyond those that are told apart.
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
