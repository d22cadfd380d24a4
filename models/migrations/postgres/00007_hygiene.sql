-- +goose Up

-- Requests with a paused key are rejected until paused_until, a whole second.
ALTER TABLE api_keys ADD COLUMN paused_at timestamptz;
ALTER TABLE api_keys ADD COLUMN paused_until timestamptz;
ALTER TABLE api_keys ADD COLUMN paused_by_name text NOT NULL DEFAULT '';

-- For finding keys that are still sent after they have stopped working.
CREATE INDEX api_key_callers_refused ON api_key_callers (workspace_id, last_refused_at) WHERE last_refused_at IS NOT NULL;

-- The reminders sent of keys that expire, one for each expiry and threshold.
CREATE TABLE expiry_reminders (
    api_key_id  text COLLATE "C" NOT NULL REFERENCES api_keys (id),
    expires_at  timestamptz NOT NULL,
    days        integer NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, expires_at, days)
);
CREATE INDEX api_keys_expires_at ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;

-- The reminders that are yet to be emailed to admins. Those due together are one email.
CREATE TABLE expiry_mails (
    member_id   text COLLATE "C" NOT NULL REFERENCES members (id),
    api_key_id  text COLLATE "C" NOT NULL REFERENCES api_keys (id),
    expires_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (member_id, api_key_id)
);
CREATE INDEX expiry_mails_due_at ON expiry_mails (due_at);
