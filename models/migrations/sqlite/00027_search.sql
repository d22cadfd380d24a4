-- +goose Up

-- To find the keys that an IP address has used.
CREATE INDEX api_key_callers_address ON api_key_callers (workspace_id, address);

-- The environment in which a key is used, such as "production"; empty if it has none.
ALTER TABLE api_keys ADD COLUMN environment text NOT NULL DEFAULT '';
