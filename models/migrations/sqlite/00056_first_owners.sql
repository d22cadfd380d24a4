-- +goose Up

-- The first owner of a key is the member who created it, directly or through other keys. This is a migration of its own,
-- so that no request waits for the lock on the table while all keys are updated.
WITH RECURSIVE made (id, owner_id) AS (
    SELECT id, created_by_id FROM api_keys WHERE created_by_type = 'member'
    UNION
    SELECT k.id, made.owner_id FROM api_keys k JOIN made ON k.created_by_id = made.id WHERE k.created_by_type = 'api_key'
)
UPDATE api_keys SET owner_id = made.owner_id FROM made WHERE made.id = api_keys.id AND api_keys.owner_id IS NULL;
