-- +goose Up

-- Since when the people who manage a key are notified about its new callers; NULL if they aren't. And when they were
-- last notified.
ALTER TABLE api_keys ADD COLUMN new_callers_since timestamptz;
ALTER TABLE api_keys ADD COLUMN new_callers_notified_at timestamptz;

-- Networks that have used such a key for the first time, until they are part of a notification.
CREATE TABLE new_callers (
    api_key_id  text COLLATE "C" NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    network     text COLLATE "C" NOT NULL,
    first_at    timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, network)
);

-- The networks of new callers: some of them, separated by spaces, and their number.
ALTER TABLE notifications ADD COLUMN networks text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE notifications ADD COLUMN network_count integer NOT NULL DEFAULT 0;
