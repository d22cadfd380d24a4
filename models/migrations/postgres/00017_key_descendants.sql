-- +goose Up

-- For finding the keys that a key created.
CREATE INDEX api_keys_creating_key_id ON api_keys (created_by_id) WHERE created_by_type = 'api_key';
