-- +goose Up

-- A single row: the number of changes to keys, and how long a node may verify keys from memory.
-- The row's lock makes epochs commit in order, unlike a sequence.
CREATE TABLE revocation (
    id             integer PRIMARY KEY CHECK (id = 1),
    epoch          bigint NOT NULL,
    lease_ms       integer NOT NULL CHECK (lease_ms > 0),
    -- The longest lease that a node may still hold, for which each change waits.
    wait_ms        integer NOT NULL CHECK (wait_ms >= lease_ms),
    lease_version  bigint NOT NULL
);
INSERT INTO revocation (id, epoch, lease_ms, wait_ms, lease_version) VALUES (1, 0, 500, 500, 0);

ALTER TABLE api_keys
    ADD COLUMN changed_epoch          bigint NOT NULL DEFAULT 0,
    ADD COLUMN deletion_committed_at  timestamptz,
    ADD COLUMN deletion_in_force_at   timestamptz;
UPDATE api_keys SET deletion_committed_at = deleted_at, deletion_in_force_at = deleted_at WHERE deleted_at IS NOT NULL;
CREATE INDEX api_keys_changed_epoch ON api_keys (changed_epoch);
CREATE INDEX api_keys_deletion_pending ON api_keys (id) WHERE deleted_at IS NOT NULL AND deletion_in_force_at IS NULL;
