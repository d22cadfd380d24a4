-- +goose Up

-- When a key will be deleted, and by whom that was scheduled. Until then, it is paused without an end, so
-- that nodes of an earlier version reject it too. If one of them has ended the pause, or has set an end
-- before delete_at, the key isn't deleted.
ALTER TABLE api_keys ADD COLUMN delete_at timestamp;
ALTER TABLE api_keys ADD COLUMN delete_at_by_name text NOT NULL DEFAULT '';
CREATE INDEX api_keys_delete_at ON api_keys (delete_at) WHERE delete_at IS NOT NULL AND deleted_at IS NULL;
