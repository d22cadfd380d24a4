-- +goose Up

-- The IDs of stored counts, so that counts sent again after a lost response are not added twice. Counts
-- are now added directly to the usage tables. usage_batches is kept for nodes of the previous version:
-- counts that they store there are added whenever a node starts.
CREATE TABLE usage_flushes (
    id          text PRIMARY KEY,
    created_at  timestamp NOT NULL
);
CREATE INDEX usage_flushes_created_at ON usage_flushes (created_at);

-- Without an index by time, updating a row writes no index. The purge scans the whole tables instead.
DROP INDEX api_key_callers_workspace_id;
DROP INDEX api_key_callers_last_seen_at;
DROP INDEX api_key_route_uses_last_at;
