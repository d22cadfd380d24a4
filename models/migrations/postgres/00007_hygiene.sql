-- +goose Up

-- A paused key is refused until a moment, in whole seconds. Then it works again by itself.
ALTER TABLE api_keys ADD COLUMN paused_at timestamptz;
ALTER TABLE api_keys ADD COLUMN paused_until timestamptz;
ALTER TABLE api_keys ADD COLUMN paused_by_name text NOT NULL DEFAULT '';

-- Who still knocks with a key that is not accepted.
CREATE INDEX api_key_callers_refused ON api_key_callers (workspace_id, last_refused_at) WHERE last_refused_at IS NOT NULL;

-- That a key expires, told once for each expiry and threshold. mail_due_at is set while the
-- admins are still to be mailed.
CREATE TABLE expiry_reminders (
    api_key_id     text COLLATE "C" NOT NULL REFERENCES api_keys (id),
    expires_at     timestamptz NOT NULL,
    days           integer NOT NULL,
    workspace_id   text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    mail_due_at    timestamptz,
    mail_attempts  integer NOT NULL DEFAULT 0,
    mailed_at      timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, expires_at, days)
);
CREATE INDEX expiry_reminders_mail_due_at ON expiry_reminders (mail_due_at) WHERE mail_due_at IS NOT NULL;
CREATE INDEX api_keys_expires_at ON api_keys (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
