-- +goose Up

-- The IDs of the counts that nodes have stored, so that counts sent again after a lost response are
-- not added twice. Counts are now added directly to the tables of usage. usage_batches stays for nodes
-- of the previous version: what they have left there is added whenever a node starts.
CREATE TABLE usage_flushes (
    id          text PRIMARY KEY,
    created_at  timestamp NOT NULL
);
CREATE INDEX usage_flushes_created_at ON usage_flushes (created_at);

-- Without indexes by time, an update of a row writes no index. The purge reads the whole tables.
DROP INDEX api_key_callers_workspace_id;
DROP INDEX api_key_callers_last_seen_at;
DROP INDEX api_key_route_uses_last_at;
